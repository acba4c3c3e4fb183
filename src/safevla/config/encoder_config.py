"""The vision encoder's size, apart from the encoder, so that reading parameters needs no torch."""

from typing import Annotated

import pydantic

_Positive = Annotated[int, pydantic.Field(gt=0)]


class EncoderConfig(pydantic.BaseModel, extra="forbid", frozen=True):
    """The vision encoder's size."""

    image_size: tuple[_Positive, _Positive]  # (height, width) in pixels
    kind: str = "dense"
    patch: _Positive = 4  # pixels of a side; the first stride
    widths: tuple[_Positive, _Positive, _Positive]  # channels after each stride: of a patch, of 2 and of 2
    blocks: tuple[int, int, int, int]  # residual layers after each stride, and after what is coarse has been added
    narrowing: _Positive = 2  # how many times narrower a residual layer is inside

    @property
    def map_size(self) -> tuple[int, int]:
        """The grid of the features, (height, width)."""
        height, width = (-(-size // self.patch) for size in self.image_size)
        return -(-height // 2), -(-width // 2)


class EncoderTraining(pydantic.BaseModel, extra="forbid", frozen=True):
    """How the vision encoder learns."""

    frames: _Positive  # camera pictures
    n_envs: _Positive = 1024  # robots of each kind, whose views are a step's batch
    lr: float = 0.003
    weight_decay: float = 0.01
    positive_weight: float = 8.0  # of a class that a cell shows, in the loss
    houses: _Positive = 2048  # that are kept at a time
