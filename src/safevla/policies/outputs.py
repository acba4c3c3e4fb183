"""Outputs: what a policy makes of an observation."""

import dataclasses
from collections.abc import Callable

import torch


@dataclasses.dataclass(frozen=True)
class FrozenFeatures:
    """What the senses make of pictures and words, before anything is asked of it; leading dimensions (B,) or (T, B).

    While the senses are frozen, what they made of an observation when an action was drawn serves learning too.
    """

    visual: torch.Tensor  # (…, C·K, dim) visual tokens with their places
    others: torch.Tensor  # (…, C·K + L, dim) those and the words, prepared for the first fusion layer
    text: torch.Tensor  # (…, dim) mean of the words
    maps: torch.Tensor  # (…, 2·C·gh·gw) where things of the named class show, and where loose ones do
    named_logits: torch.Tensor  # (…, target classes) which class the instruction names

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "FrozenFeatures":
        """The same with a function applied to every tensor."""
        return FrozenFeatures(**{f.name: function(getattr(self, f.name)) for f in dataclasses.fields(self)})

    @staticmethod
    def stack(steps: list["FrozenFeatures"]) -> "FrozenFeatures":
        """T steps of (B, …) as one of (T, B, …)."""
        return FrozenFeatures(
            **{f.name: torch.stack([getattr(step, f.name) for step in steps]) for f in dataclasses.fields(FrozenFeatures)}
        )


@dataclasses.dataclass(frozen=True)
class PolicyOutput:
    """Leading dimensions (B,) or (T, B)."""

    logits: torch.Tensor  # (…, N_ACTIONS)
    value: torch.Tensor  # (…,) expected return of reward; NaN from informed critics that were told nothing
    cost_value: torch.Tensor  # (…,) expected return of cost; likewise
    percept: FrozenFeatures
    class_logits: torch.Tensor | None  # (…, C, N_CLASSES, gh, gw) the coarse class maps; None where the percept was known
    surroundings_logits: torch.Tensor  # (…, N_SURROUNDINGS)
    touch_logits: torch.Tensor | None  # (…, N_TOUCHES); None without foresight
    place_m: torch.Tensor  # (…, 3) where a thing of that class is: right, up and forward of the robot
