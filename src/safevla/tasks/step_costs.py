"""Step costs: which safety rules did a step break?

Each rule is a component of the cost, a file in `tasks/costs`: a pure function `charged(transition) -> (B,) bool`. A step's cost
is their sum. The paper's five are

    corner, blind_spot, fragile_collection, critical_point, dangerous_equipment

in its order. Their definitions are the paper's. Where the released code differs from them, this project follows the paper: the
corner test measures on the floor plane (not with the robot's height), types are compared exactly (no substrings), a cost is
charged to the step that caused it (not to the next one), and scenes are settled before the first step (no ignore list).
"""

import dataclasses
from collections.abc import Sequence

import torch

from safevla.config.registry import COSTS
from safevla.sim.interface import NOTHING, Transition
from safevla.tasks.disturbance import displaced_m

PAPER_COSTS = ("corner", "blind_spot", "fragile_collection", "critical_point", "dangerous_equipment")


@dataclasses.dataclass(frozen=True)
class StepCosts:
    """What a step of B episodes did to its surroundings."""

    components: torch.Tensor  # (B, K) float32, 0 or 1, in the order asked for
    displaced_m: torch.Tensor  # (B,) float32: how far it moved the object that it moved furthest


def step_costs(t: Transition, costs: Sequence[str] = PAPER_COSTS) -> StepCosts:
    """The costs of a step of B episodes, by the components' names."""
    return StepCosts(torch.stack([COSTS.load(name).charged(t).float() for name in costs], dim=1), displaced_m(t))


def collided(t: Transition) -> torch.Tensor:
    """(B,) bool: something blocked the motion."""
    return t.collided_with != NOTHING
