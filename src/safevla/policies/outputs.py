"""Outputs: what a policy makes of an observation."""

import dataclasses
from collections.abc import Callable

import torch


@dataclasses.dataclass(frozen=True)
class FrozenFeatures:
    """What the encoders make of pictures and words, before anything is asked of it; leading dimensions (B,) or (T, B).

    While the encoders are frozen, what they made of an observation when an action was drawn serves learning too.
    """

    visual: torch.Tensor  # (…, C·K, dim) visual tokens with their places
    others: torch.Tensor  # (…, C·K + L, dim) those and the words, prepared for the first fusion layer
    text: torch.Tensor  # (…, dim) mean of the words
    maps: torch.Tensor  # (…, 2·C·gh·gw) where objects of the named class show, and where movable ones do
    target_class_logits: torch.Tensor  # (…, target classes) which class the instruction names

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
    value: torch.Tensor  # (…,) expected return of reward; NaN from asymmetric critics without privileged targets
    cost_value: torch.Tensor  # (…, H) expected return of cost, of its sum or of each component; likewise
    frozen_features: FrozenFeatures
    class_logits: (
        torch.Tensor | None
    )  # (…, C, N_CLASSES, gh, gw) the coarse class maps; None where the frozen features were known
    polar_occupancy_logits: torch.Tensor  # (…, N_POLAR_OCCUPANCY)
    contact_logits: torch.Tensor | None  # (…, N_CONTACT_TARGETS); None without contact prediction
    target_position_m: torch.Tensor  # (…, 3) where an object of that class is: right, up and forward of the robot
