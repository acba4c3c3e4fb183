"""Tasks: what counts as success, and what it is worth.

    ObjectNav  `done` while an object of the type is in the navigation camera's picture, within 2 m
    Pickup     `done` while the hand holds an object of the type; starts near it, facing it
    Fetch      as Pickup, but it must be found first

The reward is sparse, as in FLaRe's and SafeVLA's final stage: +10 on success, nothing else unless asked for. What may be
asked for is `progress_m`: a potential (Ng et al., ICML 1999), whose sum over an episode depends on its two ends alone.
"""

import dataclasses
import math

import torch
from numba import prange

from safevla.runtime.kernels import filled, kernel, parallel_kernel
from safevla.sim.actions import Action
from safevla.sim.body import hand_centre
from safevla.sim.interface import Scene, Transition
from safevla.world import catalogue

OBJECT_NAV, PICKUP, FETCH = "ObjectNav", "Pickup", "Fetch"
TASKS = (OBJECT_NAV, PICKUP, FETCH)
_OBJECT_NAV = TASKS.index(OBJECT_NAV)
TARGETS: dict[str, tuple[str, ...]] = {
    OBJECT_NAV: tuple(catalogue.TARGET_NOUNS),
    PICKUP: catalogue.PICKUP_TARGETS,
    FETCH: catalogue.PICKUP_TARGETS,
}
# the names of the public episode files
TASK_TYPES = {OBJECT_NAV: "ObjectNavType", PICKUP: "PickupType", FETCH: "FetchType"}

SUCCESS_DISTANCE_M = 2.0
SUCCESS_REWARD = 10.0
_NEAR_M = 1.0  # nearer to what is to be found is no progress
MAX_STEPS_TRAINING, MAX_STEPS_EVALUATION = 500, 600


@dataclasses.dataclass(frozen=True)
class Goals:
    """What B episodes ask for, as tensors."""

    task: torch.Tensor  # (B,) int64 into TASKS
    target_type: torch.Tensor  # (B,) int64 into catalogue.TYPES

    @classmethod
    def of(cls, tasks: list[str], target_types: list[str], device: torch.device | str = "cpu") -> "Goals":
        return cls(
            torch.tensor([TASKS.index(task) for task in tasks], device=device),
            torch.tensor([catalogue.TYPES[name].index for name in target_types], device=device),
        )

    def select(self, rows: torch.Tensor) -> "Goals":
        """The goals of some episodes, rows (n,) int64."""
        return Goals(self.task[rows], self.target_type[rows])


def goal_reached(scene: Scene, goals: Goals) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    found = torch.empty(len(scene.robot_state), dtype=torch.bool, device=scene.robot_state.device)
    arrays = (
        scene.pose,
        scene.type_index,
        scene.n_boxes,
        scene.visible,
        scene.held,
        scene.robot_state,
        goals.task,
        goals.target_type,
    )
    return filled(found, _enter_reached_of, _enter_reached, *arrays)


@kernel
def _enter_reached_of(b, pose, type_index, n_boxes, visible, held, robot_state, task, target_type, found):
    """Set found (B,) for robot b."""
    found[b] = False
    if task[b] != _OBJECT_NAV:
        found[b] = held[b] >= 0 and type_index[b, held[b]] == target_type[b]
        return
    for m in range(n_boxes[b]):
        if type_index[b, m] == target_type[b] and visible[b, 0, m]:
            to_x, to_z = pose[b, m, 0] - robot_state[b, 0], pose[b, m, 2] - robot_state[b, 1]
            if to_x * to_x + to_z * to_z <= SUCCESS_DISTANCE_M * SUCCESS_DISTANCE_M:
                found[b] = True


@parallel_kernel
def _enter_reached(pose, type_index, n_boxes, visible, held, robot_state, task, target_type, found):
    for b in prange(len(found)):
        _enter_reached_of(b, pose, type_index, n_boxes, visible, held, robot_state, task, target_type, found)


def succeeded(transition: Transition, goals: Goals) -> torch.Tensor:
    """(B,) bool: this step ended the episode successfully."""
    return (transition.action == Action.DONE) & goal_reached(transition.after, goals)


def terminated(transition: Transition) -> torch.Tensor:
    """(B,) bool: the robot said that it is done."""
    return transition.action == Action.DONE


def remaining_m(scene: Scene, goals: Goals) -> torch.Tensor:
    """(B,) what lies between the robot and its task, in a straight line; infinite where there is no target.

    ObjectNav: from the robot to the nearest target along the floor, at least 1 m. Pickup and Fetch: from the hand to the
    nearest target, 0 once one is held.
    """
    found = torch.empty(len(scene.robot_state), device=scene.robot_state.device)
    arrays = (scene.pose, scene.type_index, scene.n_boxes, scene.held, scene.robot_state, goals.task, goals.target_type)
    return filled(found, _enter_remaining_of, _enter_remaining, *arrays)


@kernel
def _enter_remaining_of(b, pose, type_index, n_boxes, held, robot_state, task, target_type, found):
    """Set found (B,) for robot b."""
    if task[b] != _OBJECT_NAV and held[b] >= 0 and type_index[b, held[b]] == target_type[b]:
        found[b] = 0.0
        return
    hand_x, hand_y, hand_z = hand_centre(robot_state[b])
    nearest = math.inf
    for m in range(n_boxes[b]):
        if type_index[b, m] != target_type[b]:
            continue
        if task[b] == _OBJECT_NAV:
            to_x, to_z = pose[b, m, 0] - robot_state[b, 0], pose[b, m, 2] - robot_state[b, 1]
            away = max(_NEAR_M, math.sqrt(to_x * to_x + to_z * to_z))
        else:
            to_x, to_y, to_z = pose[b, m, 0] - hand_x, pose[b, m, 1] - hand_y, pose[b, m, 2] - hand_z
            away = math.sqrt(to_x * to_x + to_y * to_y + to_z * to_z)
        nearest = min(nearest, away)
    found[b] = nearest


@parallel_kernel
def _enter_remaining(pose, type_index, n_boxes, held, robot_state, task, target_type, found):
    for b in prange(len(found)):
        _enter_remaining_of(b, pose, type_index, n_boxes, held, robot_state, task, target_type, found)


def progress_m(before_m: torch.Tensor, after_m: torch.Tensor) -> torch.Tensor:
    """(B,) how much nearer to its task a step brought each robot, of what remained; 0 where there is no target."""
    return (before_m - after_m).nan_to_num(0.0, 0.0, 0.0)


def reward(success: torch.Tensor) -> torch.Tensor:
    """(B,) float32 sparse task reward."""
    return SUCCESS_REWARD * success.float()
