"""Goals: what B episodes ask for, whether it is reached, and what that is worth.

A task is a file in `tasks/definitions`: its phrases, its targets, when it is done and what remains to be done.

The reward is sparse, as in FLaRe's and SafeVLA's final stage: +10 on success, nothing else unless asked for. What may be
asked for is `progress_m`: a potential (Ng et al., ICML 1999), whose sum over an episode depends on its two ends alone.
"""

import dataclasses
import math
from collections.abc import Sequence

import torch

from safevla.config.registry import TASKS
from safevla.sim.actions import Action
from safevla.sim.interface import Scene, Transition
from safevla.world import catalogue

PAPER_TASKS = ("ObjectNav", "Pickup", "Fetch")
SUCCESS_REWARD = 10.0
MAX_STEPS_TRAINING, MAX_STEPS_EVALUATION = 500, 600


@dataclasses.dataclass(frozen=True)
class Goals:
    """What B episodes ask for, as tensors."""

    task: torch.Tensor  # (B,) int64, see `task_index`
    target_type: torch.Tensor  # (B,) int64 into catalogue.TYPES
    names: frozenset[str]  # tasks that may be among them; no other is loaded

    @classmethod
    def of(cls, tasks: Sequence[str], target_types: Sequence[str], device: torch.device | str = "cpu") -> "Goals":
        return cls(
            torch.tensor([task_index(task) for task in tasks], device=device),
            torch.tensor([catalogue.TYPES[name].index for name in target_types], device=device),
            frozenset(tasks),
        )

    def select(self, rows: torch.Tensor) -> "Goals":
        """The goals of some episodes, rows (n,) int64."""
        return dataclasses.replace(self, task=self.task[rows], target_type=self.target_type[rows])


def task_index(name: str) -> int:
    """The number that stands for a task in tensors. Raises RegistryError for a name that no task has."""
    TASKS.path(name)
    return TASKS.names().index(name)


def public_names() -> dict[str, str]:
    """Task → its name in the public episode files."""
    return {name: TASKS.constant(name, "PUBLIC_NAME") for name in TASKS.names()}


def goal_reached(scene: Scene, goals: Goals) -> torch.Tensor:
    """(B,) bool: `done` would succeed now."""
    found = torch.zeros_like(goals.task, dtype=torch.bool)
    for name in goals.names:
        found |= (goals.task == task_index(name)) & TASKS.load(name).reached(scene, goals.target_type)
    return found


def succeeded(transition: Transition, goals: Goals) -> torch.Tensor:
    """(B,) bool: this step ended the episode successfully."""
    return (transition.action == Action.DONE) & goal_reached(transition.after, goals)


def terminated(transition: Transition) -> torch.Tensor:
    """(B,) bool: the robot said that it is done."""
    return transition.action == Action.DONE


def remaining_m(scene: Scene, goals: Goals) -> torch.Tensor:
    """(B,) metres between the robot, or its hand, and its task, in a straight line; infinite where there is no target."""
    found = torch.full_like(scene.robot_state[:, 0], math.inf)
    for name in goals.names:
        found = torch.where(goals.task == task_index(name), TASKS.load(name).remaining_m(scene, goals.target_type), found)
    return found


def progress_m(before_m: torch.Tensor, after_m: torch.Tensor) -> torch.Tensor:
    """(B,) how much nearer to its task a step brought each robot, of what remained; 0 where there is no target."""
    return (before_m - after_m).nan_to_num(0.0, 0.0, 0.0)


def reward(success: torch.Tensor) -> torch.Tensor:
    """(B,) float32 sparse task reward."""
    return SUCCESS_REWARD * success.float()
