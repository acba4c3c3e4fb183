"""Failed actions: a robot remembers where its motions failed, and does not try the same one in the same place again.

What blocked a motion will mostly still be there. A policy that has learnt from experts, who hardly ever fail, will repeat
a blocked motion until the episode ends; a few such robots hold most of the cost of all. Neural navigation therefore keeps
a map of collisions beside the learnt policy (Active Neural SLAM, arXiv 2004.05155). This is the same for all twenty
actions, in the robot's own odometry. Each failure is kept twice: with the pose that the motion was tried in, and with the
pose that it ended in, where the robot is in contact and neither a longer nor a shorter step that way can go on.
"""

import torch

from safevla.runtime.kernels import kernel, row_kernel
from safevla.sim.actions import N_ACTIONS, N_BASE_MOTIONS, Action
from safevla.sim.geometry import wrap_deg
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z
from safevla.sim.robot import ARM_STEP_M, MOVE_M, ROTATE_SMALL_DEG, WRIST_STEP_DEG

_KEPT = 64  # entries per robot, the newest ones: two for each failed motion
_NOTHING = N_ACTIONS
# A pose is the same if nothing differs by more than half a step; headings by more than a small turn and a half.
_SAME_M, _SAME_YAW_DEG = 0.5 * MOVE_M, 1.5 * ROTATE_SMALL_DEG
_SAME_ARM_M, _SAME_WRIST_DEG = 0.5 * ARM_STEP_M, 1.5 * WRIST_STEP_DEG
_STOWED_M = 0.5 * ARM_STEP_M  # an arm that reaches out no further than this is over the base, and its height does not matter

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
        """Keep those actions (B,) int64, from one pose (B, 6) to another, that are motions and have not succeeded, (B,) bool."""
        kept = (self._pose, self._action, self._also, self._next)
        _remember(len(action), action, before, after, succeeded, self._fails_too, *kept)

    def failed_actions(self, pose: torch.Tensor, slots: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """(n, N_ACTIONS) bool: the motions that have failed where robots are now, pose (n, 6) of those in n slots."""
        rows = torch.arange(len(self._action), device=pose.device)[slots]
        found = torch.zeros(len(pose), N_ACTIONS, dtype=torch.bool, device=pose.device)
        _mark_failed(len(pose), rows, pose, self._pose, self._action, self._also, found)
        return found


@row_kernel
def _remember(b, action, before, after, succeeded, fails_too, kept_pose, kept, also, newest):
    """Enter the failed motion of robot b, twice, from entry newest[b] on."""
    if succeeded[b] or action[b] > Action.WRIST_CLOSE:  # what comes after it moves nothing
        return
    for which in range(2):
        at = newest[b] + which
        kept[b, at], also[b, at] = action[b], fails_too[which, action[b]]
        for column in range(kept_pose.shape[2]):
            kept_pose[b, at, column] = before[b, column] if which == 0 else after[b, column]
    newest[b] = (newest[b] + 2) % _KEPT


@kernel
def _is_same(now, then, action):
    """Whether two poses (6,) are the same place to try a motion in."""
    x, z = now[X] - then[X], now[Z] - then[Z]
    if x * x + z * z > _SAME_M * _SAME_M or abs(wrap_deg(now[YAW] - then[YAW])) > _SAME_YAW_DEG:
        return False
    if abs(wrap_deg(now[WRIST] - then[WRIST])) > _SAME_WRIST_DEG or abs(now[EXTENSION] - then[EXTENSION]) > _SAME_ARM_M:
        return False
    return abs(now[LIFT] - then[LIFT]) <= _SAME_ARM_M or (action < N_BASE_MOTIONS and now[EXTENSION] <= _STOWED_M)


@row_kernel
def _mark_failed(i, rows, pose, kept_pose, action, also, found):
    """Set found (n, N_ACTIONS) where a motion has failed in pose i of pose (n, 6), that of robot rows[i]."""
    robot = rows[i]
    for k in range(_KEPT):
        failed, too = action[robot, k], also[robot, k]
        if failed != _NOTHING and _is_same(pose[i], kept_pose[robot, k], failed):
            found[i, failed] = True
            if too != _NOTHING:
                found[i, too] = True
