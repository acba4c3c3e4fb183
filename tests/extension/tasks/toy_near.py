"""Near: go up to an object, and say `done` within two metres of one of its type, whether or not a camera shows it."""

import numpy as np
import torch

from safevla.sim.interface import Scene
from safevla.tasks import reaching
from safevla.world import catalogue

PUBLIC_NAME = "ToyNearType"  # in files of episodes
PHRASES = ("walk up to {a}", "go near {a}")
UNSEEN_PHRASES = ("approach {a}",)

TARGETS = tuple(catalogue.TARGET_NOUNS)
GRASPS = False  # whether the target ends in the hand; else it is enough to see it
FACES_TARGET = False  # whether the robot begins with its face to the target
_WITHIN_M = 2.0


def reached(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    return reaching.from_robot_m(scene, target_type, 0.0) <= _WITHIN_M


def remaining_m(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) metres from the robot to where it would be near enough; infinite where there is no target."""
    return reaching.from_robot_m(scene, target_type, _WITHIN_M) - _WITHIN_M


def may_start(path_m: np.ndarray, straight_m: np.ndarray) -> np.ndarray:
    """Which starts (N,) will do, from the metres of the way to the target and of the straight line."""
    return straight_m > _WITHIN_M
