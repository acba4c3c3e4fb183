"""The vision encoder's size, training and test, apart from the encoder, so that reading parameters needs no torch."""

import math
from typing import Annotated

import pydantic

from safevla.config.numbers import Count, NotNegative, Positive, Size, Whole

Pixels = Annotated[Whole, pydantic.Field(gt=0, le=2048)]
Channels = Annotated[Whole, pydantic.Field(gt=0, le=4096)]
_Layers = Annotated[Whole, pydantic.Field(ge=0, le=64)]
_Expansion = Annotated[Whole, pydantic.Field(gt=0, le=16)]


def grid_of(image_size: tuple[int, int]) -> tuple[int, int]:
    """Cells, (height, width), of a picture of that size after strides of 4 and 2."""
    height, width = (math.ceil(math.ceil(size / 4) / 2) for size in image_size)
    return height, width


class EncoderConfig(pydantic.BaseModel, extra="forbid", frozen=True):
    """The vision encoder's size."""

    image_size: tuple[Pixels, Pixels]  # (height, width) in pixels
    widths: tuple[Channels, Channels, Channels]  # channels after each stride: of 4, 2 and 2
    blocks: tuple[_Layers, _Layers, _Layers]  # residual layers after each stride
    expansion: _Expansion = 1  # how many times wider a residual layer is inside

    @property
    def least_weights(self) -> int:
        """How many weights the encoder has at least: those that mix channels."""
        fine, middle, coarse = self.widths
        return fine * middle + 2 * middle * coarse + sum(n * width**2 for n, width in zip(self.blocks, self.widths, strict=True))

    @property
    def map_size(self) -> tuple[int, int]:
        """The grid of the features, (height, width)."""
        return grid_of(self.image_size)


class EncoderTraining(pydantic.BaseModel, extra="forbid", frozen=True):
    """How a vision encoder learns."""

    frames: Count  # camera pictures
    n_envs: Size = 1024  # robots of each kind
    minibatches: Size = 4  # that a step's views are learnt in
    houses: Size = 1536  # that are kept at a time
    refresh_updates: Size = 32  # after which some give way to new ones
    lr: Positive = 0.003
    weight_decay: NotNegative = 0.01
    positive_weight: Positive = 8.0  # of a class that a cell shows
    class_weight: NotNegative = 4.0  # of the losses
    name_weight: NotNegative = 1.5
    depth_weight: NotNegative = 1.0
    around_weight: NotNegative = 0.2
    checkpoint_s: Size = 60


class EncoderParams(pydantic.BaseModel, extra="forbid", frozen=True):
    """A vision encoder to train: its size, how it learns, and on how much it is measured."""

    size: EncoderConfig
    training: EncoderTraining
    test_houses: Size = 256  # unseen ones, for each shift of how they look, with a robot of each kind in each
    test_batches: Size = 16  # times that every robot looks
