"""Bumps: a robot remembers where its motions failed, and does not try the same one in the same place again.

What blocked a motion will mostly still be there. A policy that has learnt what comes next from experts, who hardly ever bump
into anything, will repeat a blocked motion until the episode ends; a few such robots hold most of the cost of all. Neural
navigation therefore keeps a map of collisions beside the learnt policy (Active Neural SLAM, arXiv 2004.05155). This is the
same for all twenty actions, in the robot's own odometry. Each failure is kept twice: with the pose that the motion was tried
in, and with the pose that it ended in, where something is in touch and neither a longer nor a shorter step that way can go on.
"""

import torch

from safevla.sim.interface import N_ACTIONS, Action
from safevla.sim.robot import ARM_STEP_M, MOVE_M, ROTATE_SMALL_DEG, WRIST_STEP_DEG

_KEPT = 64  # entries per robot, the newest ones: two for each failed motion
_NOTHING = N_ACTIONS
# A pose is the same if nothing differs by more than half a step; headings by more than a small turn and a half.
_SAME_M, _SAME_YAW_DEG = 0.5 * MOVE_M, 1.5 * ROTATE_SMALL_DEG
_SAME_ARM_M, _SAME_WRIST_DEG = 0.5 * ARM_STEP_M, 1.5 * WRIST_STEP_DEG
_STOWED_M = 0.5 * ARM_STEP_M  # an arm that reaches out no further than this is over the base, and its height tells nothing

# (a motion, the shorter step that way)
_STEPS = (
    (Action.ROTATE_RIGHT, Action.ROTATE_RIGHT_SMALL),
    (Action.ROTATE_LEFT, Action.ROTATE_LEFT_SMALL),
    (Action.MOVE_ARM_UP, Action.MOVE_ARM_UP_SMALL),
    (Action.MOVE_ARM_DOWN, Action.MOVE_ARM_DOWN_SMALL),
    (Action.MOVE_ARM_OUT, Action.MOVE_ARM_OUT_SMALL),
    (Action.MOVE_ARM_IN, Action.MOVE_ARM_IN_SMALL),
)
_LONGER = {short: long for long, short in _STEPS}
_OTHER = _LONGER | dict(_STEPS)


def _apart_deg(difference: torch.Tensor) -> torch.Tensor:
    """How far apart two headings are, 0 to 180, from their difference."""
    return (torch.remainder(difference + 180.0, 360.0) - 180.0).abs()


class Bumps:
    """The last failed motions of B robots."""

    def __init__(self, n_robots: int, device: torch.device | str):
        self._action = torch.full((n_robots, _KEPT), _NOTHING, device=device)
        self._also = self._action.clone()  # what fails with it: a longer step that way, or one of any length
        self._pose = torch.zeros(n_robots, _KEPT, 6, device=device)  # as Scene.robot
        self._next = torch.zeros(n_robots, dtype=torch.int64, device=device)
        # (2, N_ACTIONS): what fails too where an action began, and where it ended
        self._fails_too = torch.tensor([[step.get(a, _NOTHING) for a in Action] for step in (_LONGER, _OTHER)], device=device)

    def forget(self, slots: torch.Tensor) -> None:
        """Robots (n,) start a new episode."""
        self._action[slots] = _NOTHING
        self._also[slots] = _NOTHING

    def remember(self, action: torch.Tensor, before: torch.Tensor, after: torch.Tensor, succeeded: torch.Tensor) -> None:
        """What came of an action (B,) int64 that led from one pose (B, 6) to another; what moves nothing is left out."""
        failed = (~succeeded & (action <= Action.WRIST_CLOSE))[:, None]
        at = self._next[:, None] + torch.arange(2, device=action.device)  # (B, 2)
        twice = action[:, None].expand(-1, 2)
        self._action.scatter_(1, at, torch.where(failed, twice, self._action.gather(1, at)))
        self._also.scatter_(1, at, torch.where(failed, self._fails_too[:, action].T, self._also.gather(1, at)))
        where = at[..., None].expand(-1, 2, 6)
        poses = torch.stack([before, after], dim=1)
        self._pose.scatter_(1, where, torch.where(failed[..., None], poses, self._pose.gather(1, where)))
        self._next = (self._next + 2 * failed[:, 0]) % _KEPT

    def blocked(self, pose: torch.Tensor, slots: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """(n, N_ACTIONS) bool: the motions that have failed where robots are now, pose (n, 6) of those in n slots."""
        action, also = self._action[slots], self._also[slots]
        x, z, yaw_deg, lift, extension, wrist_deg = (pose[:, None] - self._pose[slots]).unbind(-1)  # (n, kept)
        here = x * x + z * z <= _SAME_M**2
        here &= (_apart_deg(yaw_deg) <= _SAME_YAW_DEG) & (_apart_deg(wrist_deg) <= _SAME_WRIST_DEG)
        drives, stowed = action <= Action.ROTATE_LEFT_SMALL, pose[:, None, 4] <= _STOWED_M
        here &= (extension.abs() <= _SAME_ARM_M) & ((lift.abs() <= _SAME_ARM_M) | (drives & stowed))
        found = torch.zeros(len(pose), N_ACTIONS + 1, dtype=torch.bool, device=pose.device)
        for actions in (action, also):
            found.scatter_(1, torch.where(here, actions, _NOTHING), True)
        return found[:, :N_ACTIONS]
