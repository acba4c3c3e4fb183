"""Wasted: the robot did something that changed nothing, but to say that it is done."""

import torch

from safevla.sim.actions import Action
from safevla.sim.interface import Transition

LABEL, COLOUR = "wasted step", "#7f7f7f"


def charged(t: Transition) -> torch.Tensor:
    """(B,) bool: whether the step broke the rule."""
    return ~t.succeeded & (t.action < Action.DONE)
