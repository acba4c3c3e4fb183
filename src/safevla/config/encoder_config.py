"""The vision encoder's size, training and test, apart from the encoder, so that reading parameters needs no torch."""

import math
from typing import Annotated

import pydantic

_Positive = Annotated[int, pydantic.Field(gt=0)]
_Count = Annotated[int, pydantic.Field(ge=0)]


def grid_of(image_size: tuple[int, int]) -> tuple[int, int]:
    """Cells, (height, width), of a picture of that size after strides of 4 and 2."""
    height, width = (math.ceil(math.ceil(size / 4) / 2) for size in image_size)
    return height, width


class EncoderConfig(pydantic.BaseModel, extra="forbid", frozen=True):
    """The vision encoder's size."""

    image_size: tuple[_Positive, _Positive]  # (height, width) in pixels
    widths: tuple[_Positive, _Positive, _Positive]  # channels after each stride: of 4, 2 and 2
    blocks: tuple[_Count, _Count, _Count]  # residual layers after each stride
    expansion: _Positive = 1  # how many times wider a residual layer is inside

    @property
    def map_size(self) -> tuple[int, int]:
        """The grid of the features, (height, width)."""
        return grid_of(self.image_size)


class EncoderTraining(pydantic.BaseModel, extra="forbid", frozen=True):
    """How a vision encoder learns."""

    frames: _Positive  # camera pictures
    n_envs: _Positive = 1024  # robots of each kind
    minibatches: _Positive = 4  # that a step's views are learnt in
    houses: _Positive = 1536  # that are kept at a time
    refresh_updates: _Positive = 32  # after which some give way to new ones
    lr: Annotated[float, pydantic.Field(gt=0)] = 0.003
    weight_decay: Annotated[float, pydantic.Field(ge=0)] = 0.01
    positive_weight: Annotated[float, pydantic.Field(gt=0)] = 8.0  # of a class that a cell shows
    class_weight: Annotated[float, pydantic.Field(ge=0)] = 4.0  # of the losses
    name_weight: Annotated[float, pydantic.Field(ge=0)] = 1.5
    depth_weight: Annotated[float, pydantic.Field(ge=0)] = 1.0
    around_weight: Annotated[float, pydantic.Field(ge=0)] = 0.2
    checkpoint_s: _Positive = 60


class EncoderParams(pydantic.BaseModel, extra="forbid", frozen=True):
    """A vision encoder to train: its size, how it learns, and on how much it is measured."""

    size: EncoderConfig
    training: EncoderTraining
    test_houses: _Positive = 256  # unseen ones, for each shift of how they look, with a robot of each kind in each
    test_batches: _Positive = 16  # times that every robot looks
