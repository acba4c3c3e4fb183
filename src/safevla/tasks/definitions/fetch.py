"""Fetch: find an object, take it, and say `done` while the hand holds it."""

import numpy as np
import torch

from safevla.sim.interface import Scene
from safevla.tasks import reaching
from safevla.world import catalogue

PUBLIC_NAME = "FetchType"  # in the public episode files
PHRASES = (
    "find {a} and pick up that {noun}", "search for {a} and grab that {noun}", "locate {a} and take that {noun}",
    "go to {a} and grasp that {noun}", "search for {a} and hold that {noun}",
)  # fmt: skip
UNSEEN_PHRASES = ("bring {a}", "get me {a}", "find {a} and clutch that {noun}")

TARGETS = catalogue.PICKUP_TARGETS
GRASPS = True  # whether the target ends in the hand
FACES_TARGET = False  # whether the robot begins with its face to the target
_MIN_PATH_M = 1.5


def reached(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    return reaching.is_held(scene, target_type)


def remaining_m(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) metres from the hand to the nearest target, 0 once one is held; infinite where there is none."""
    return reaching.from_hand_m(scene, target_type)


def may_start(path_m: np.ndarray, straight_m: np.ndarray) -> np.ndarray:
    """Which starts (N,) will do, from the metres of the way to the target and of the straight line."""
    return path_m >= _MIN_PATH_M
