"""Pickup: take an object that is near and in front, and say `done` while the hand holds it."""

import numpy as np
import torch

from safevla.sim.interface import Scene
from safevla.tasks import reaching
from safevla.world import catalogue

PUBLIC_NAME = "PickupType"  # in the public episode files
PHRASES = ("pick up {a}", "grab {a}", "take {a}", "hold {a}", "grasp {a}")
UNSEEN_PHRASES = ("get hold of {a}", "lift {a}", "clutch {a}")

TARGETS = catalogue.PICKUP_TARGETS
GRASPS = True  # whether the target ends in the hand
FACES_TARGET = True  # whether the robot begins with its face to the target
_START_WITHIN_M = (0.7, 1.5)


def reached(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    return reaching.is_held(scene, target_type)


def remaining_m(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) metres from the hand to the nearest target, 0 once one is held; infinite where there is none."""
    return reaching.from_hand_m(scene, target_type)


def may_start(path_m: np.ndarray, straight_m: np.ndarray) -> np.ndarray:
    """Which starts (N,) will do, from the metres of the way to the target and of the straight line."""
    least, most = _START_WITHIN_M
    return (straight_m > least) & (straight_m < most)
