"""Bumps: a robot remembers where its motions failed, and does not try the same one in the same place again.

What blocked a motion will mostly still be there. A policy that has learnt what comes next from experts, who hardly ever bump
into anything, will repeat a blocked motion until the episode ends; a few such robots hold most of the cost of all. Neural
navigation therefore keeps a map of collisions beside the learnt policy (Active Neural SLAM, arXiv 2004.05155). This is the
same for all twenty actions, in the robot's own odometry. Each failure is kept twice: with the pose that the motion was tried
in, and with the pose that it ended in, where something is in touch and neither a longer nor a shorter step that way can go on.
"""

import torch
from numba import prange

from safevla.runtime.kernels import filled, kernel, parallel_kernel
from safevla.sim.actions import N_ACTIONS, N_BASE_MOTIONS, Action
from safevla.sim.geometry import wrap_deg
from safevla.sim.robot import ARM_STEP_M, MOVE_M, ROTATE_SMALL_DEG, WRIST_STEP_DEG

_KEPT = 64  # entries per robot, the newest ones: two for each failed motion
_NOTHING = N_ACTIONS
_LAST_MOTION = int(Action.WRIST_CLOSE)  # what comes after it moves nothing
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
OTHER_LENGTH = _LONGER | dict(_STEPS)  # a motion's longer or shorter step, where it has one


class FailedActionMemory:
    """The last failed motions of B robots."""

    def __init__(self, n_robots: int, device: torch.device | str):
        self._action = torch.full((n_robots, _KEPT), _NOTHING, device=device)
        self._also = self._action.clone()  # what fails with it: a longer step that way, or one of any length
        self._pose = torch.zeros(n_robots, _KEPT, 6, device=device)  # as Scene.robot_state
        self._next = torch.zeros(n_robots, dtype=torch.int64, device=device)
        # (2, N_ACTIONS): what fails too where an action began, and where it ended
        fails_too = [[step.get(action, _NOTHING) for action in Action] for step in (_LONGER, OTHER_LENGTH)]
        self._fails_too = torch.tensor(fails_too, device=device)

    def reset_rows(self, slots: torch.Tensor) -> None:
        """Robots (n,) start a new episode."""
        self._action[slots] = _NOTHING
        self._also[slots] = _NOTHING

    def remember(self, action: torch.Tensor, before: torch.Tensor, after: torch.Tensor, succeeded: torch.Tensor) -> None:
        """What came of an action (B,) int64 that led from one pose (B, 6) to another; what moves nothing is left out."""
        came = (action, before, after, succeeded, self._fails_too)
        filled(self._next, _remember_of, _remember, *came, self._pose, self._action, self._also)

    def failed_actions(self, pose: torch.Tensor, slots: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """(n, N_ACTIONS) bool: the motions that have failed where robots are now, pose (n, 6) of those in n slots."""
        rows = torch.arange(len(self._action), device=pose.device)[slots]
        found = torch.zeros(len(pose), N_ACTIONS, dtype=torch.bool, device=pose.device)
        return filled(found, _mark_blocked_of, _mark_blocked, rows, pose, self._pose, self._action, self._also)


@kernel
def _remember_of(b, action, before, after, succeeded, fails_too, kept_pose, kept, also, newest):
    """Enter the failed motion of robot b, twice, from entry newest[b] on."""
    if succeeded[b] or action[b] > _LAST_MOTION:
        return
    for which in range(2):
        at = newest[b] + which
        kept[b, at], also[b, at] = action[b], fails_too[which, action[b]]
        for axis in range(kept_pose.shape[2]):
            kept_pose[b, at, axis] = before[b, axis] if which == 0 else after[b, axis]
    newest[b] = (newest[b] + 2) % _KEPT


@parallel_kernel
def _remember(action, before, after, succeeded, fails_too, kept_pose, kept, also, newest):
    for b in prange(len(newest)):
        _remember_of(b, action, before, after, succeeded, fails_too, kept_pose, kept, also, newest)


@kernel
def _is_same(now, then, action):
    """Whether two poses (6,) are the same place to try a motion in."""
    x, z = now[0] - then[0], now[1] - then[1]
    if x * x + z * z > _SAME_M * _SAME_M or abs(wrap_deg(now[2] - then[2])) > _SAME_YAW_DEG:
        return False
    if abs(wrap_deg(now[5] - then[5])) > _SAME_WRIST_DEG or abs(now[4] - then[4]) > _SAME_ARM_M:
        return False
    return abs(now[3] - then[3]) <= _SAME_ARM_M or (action < N_BASE_MOTIONS and now[4] <= _STOWED_M)


@kernel
def _mark_blocked_of(i, rows, pose, kept_pose, action, also, found):
    """Set found (n, N_ACTIONS) where a motion has failed in pose i of pose (n, 6), that of robot rows[i]."""
    robot = rows[i]
    for k in range(_KEPT):
        failed, too = action[robot, k], also[robot, k]
        if failed != _NOTHING and _is_same(pose[i], kept_pose[robot, k], failed):
            found[i, failed] = True
            if too != _NOTHING:
                found[i, too] = True


@parallel_kernel
def _mark_blocked(rows, pose, kept_pose, action, also, found):
    for i in prange(len(rows)):
        _mark_blocked_of(i, rows, pose, kept_pose, action, also, found)
