"""Bumps: a robot remembers where its motions failed, and does not try the same one in the same place again.

What blocked a motion will mostly still be there. A policy that has learnt what comes next from experts, who hardly ever bump
into anything, will repeat a blocked motion until the episode ends; a few such robots hold most of the cost of all. Neural
navigation therefore keeps a map of collisions beside the learnt policy (Active Neural SLAM, arXiv 2004.05155). This is the
same for all twenty actions, in the robot's own odometry: each failed motion is kept with the pose that it was tried in.
"""

import torch

from safevla.sim.interface import N_ACTIONS, Action
from safevla.sim.robot import ARM_STEP_M, MOVE_M, ROTATE_SMALL_DEG, WRIST_STEP_DEG

_KEPT = 32  # failed motions per robot, the newest ones
_NOTHING = N_ACTIONS
# A pose is the same if nothing differs by more than half a step; headings by more than a small turn and a half.
_SAME_M, _SAME_YAW_DEG = 0.5 * MOVE_M, 1.5 * ROTATE_SMALL_DEG
_SAME_ARM_M, _SAME_WRIST_DEG = 0.5 * ARM_STEP_M, 1.5 * WRIST_STEP_DEG


def _apart_deg(difference: torch.Tensor) -> torch.Tensor:
    """How far apart two headings are, 0 to 180, from their difference."""
    return (torch.remainder(difference + 180.0, 360.0) - 180.0).abs()


class Bumps:
    """The last failed motions of B robots."""

    def __init__(self, n_robots: int, device: torch.device | str):
        self._action = torch.full((n_robots, _KEPT), _NOTHING, device=device)
        self._pose = torch.zeros(n_robots, _KEPT, 6, device=device)  # as Scene.robot
        self._next = torch.zeros(n_robots, dtype=torch.int64, device=device)

    def forget(self, slots: torch.Tensor) -> None:
        """Robots (n,) start a new episode."""
        self._action[slots] = _NOTHING

    def remember(self, action: torch.Tensor, pose: torch.Tensor, succeeded: torch.Tensor) -> None:
        """What came of an action (B,) int64 that was tried in a pose (B, 6); actions that move nothing are left out."""
        failed = ~succeeded & (action <= Action.WRIST_CLOSE)
        at = self._next[:, None]
        self._action.scatter_(1, at, torch.where(failed, action, self._action.gather(1, at)[:, 0])[:, None])
        where = at[..., None].expand(-1, 1, 6)
        kept = torch.where(failed[:, None], pose, self._pose.gather(1, where)[:, 0])
        self._pose.scatter_(1, where, kept[:, None])
        self._next = (self._next + failed) % _KEPT

    def blocked(self, pose: torch.Tensor) -> torch.Tensor:
        """(B, N_ACTIONS) bool: the motions that have failed where the robots are now, pose (B, 6)."""
        x, z, yaw_deg, lift, extension, wrist_deg = (pose[:, None] - self._pose).unbind(-1)  # (B, kept)
        here = x * x + z * z <= _SAME_M**2
        here &= (_apart_deg(yaw_deg) <= _SAME_YAW_DEG) & (_apart_deg(wrist_deg) <= _SAME_WRIST_DEG)
        here &= (lift.abs() <= _SAME_ARM_M) & (extension.abs() <= _SAME_ARM_M)
        found = torch.zeros(len(pose), N_ACTIONS + 1, dtype=torch.bool, device=pose.device)
        return found.scatter_(1, torch.where(here, self._action, _NOTHING), True)[:, :N_ACTIONS]
