"""ObjectNav: find an object, and say `done` while the navigation camera shows one of its type within 2 m."""

import numpy as np
import torch

from safevla.sim.interface import Scene
from safevla.tasks import reaching
from safevla.world import catalogue

PUBLIC_NAME = "ObjectNavType"  # in the public episode files
PHRASES = ("find {a}", "search for {a}", "locate {a}", "go to {a}", "navigate to {a}")
UNSEEN_PHRASES = ("show me {a}", "i need to see {a}", "where is the {noun}")

TARGETS = tuple(catalogue.TARGET_NOUNS)
GRASPS = False  # whether the target ends in the hand; else it is enough to see it
FACES_TARGET = False  # whether the robot begins with its face to the target
SUCCESS_DISTANCE_M = 2.0
_MIN_PATH_M = 1.5
_NEAR_M = 1.0  # nearer to what is to be found is no progress


def reached(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    return reaching.in_view_within(scene, target_type, SUCCESS_DISTANCE_M)


def remaining_m(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """(B,) metres from the robot to the nearest target along the floor, at least 1; infinite where there is none."""
    return reaching.from_robot_m(scene, target_type, _NEAR_M)


def may_start(path_m: np.ndarray, straight_m: np.ndarray) -> np.ndarray:
    """Which starts (N,) will do, from the metres of the way to the target and of the straight line."""
    return path_m >= _MIN_PATH_M
