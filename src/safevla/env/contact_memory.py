"""Contact memory: a robot remembers where its base was in contact, and knows how near it is to being so again.

A motion that pushes a movable object does not fail, so that `env.failed_actions` does not know of it; but the robot is in
contact with the object now, and the same motion will push it further. A robot that pushes the same object through the
room, or struggles in the same corner, for as long as an episode lasts, is what the costliest episodes are made of. The
Stretch can sense contacts by its motors' effort, so each one is kept, with the motion that led to it and the pose that it
ended in, in the robot's own odometry. No motion is ruled out for it: what to make of it is the policy's to learn
(`Policy._bias_logits`).
"""

import math

import torch

from safevla.env.failed_actions import OTHER_LENGTH
from safevla.runtime.kernels import row_kernel
from safevla.sim.actions import N_BASE_MOTIONS, Action
from safevla.sim.geometry import wrap_deg
from safevla.sim.motion import YAW, X, Z

N_CONTACT_PROXIMITY = 2 * N_BASE_MOTIONS
NEAR_M, NEAR_DEG = 0.4, 45.0  # two moves, and a turn and a half: contacts further off, or in another heading, are left out
_KEPT = 64  # contacts per robot, the newest ones
_NOTHING = -1


class ContactMemory:
    """The last contacts of B robots' bases."""

    def __init__(self, n_robots: int, device: torch.device | str):
        self._motion = torch.full((n_robots, _KEPT), _NOTHING, device=device)
        self._contacted = torch.zeros(n_robots, _KEPT, 2, dtype=torch.bool, device=device)  # something static, something movable
        self._pose = torch.zeros(n_robots, _KEPT, 3, device=device)  # x, z, yaw
        self._next = torch.zeros(n_robots, dtype=torch.int64, device=device)
        # a turn by more and one by less the same way meet the same objects
        self._like = torch.tensor([OTHER_LENGTH.get(Action(motion), motion) for motion in range(N_BASE_MOTIONS)], device=device)

    def reset_rows(self, slots: torch.Tensor) -> None:
        """Robots (n,) start a new episode."""
        self._motion[slots] = _NOTHING

    def remember(self, action: torch.Tensor, after: torch.Tensor, contacted: torch.Tensor) -> None:
        """Keep what an action (B,) int64, which ended in a pose (B, ≥ 3), met: static objects, movable ones, (B, 2) bool.

        The arm's actions are left out.
        """
        kept = (self._pose, self._motion, self._contacted, self._next)
        _remember(len(action), action, after, contacted, *kept)

    def near(self, pose: torch.Tensor, slots: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """(n, N_CONTACT_PROXIMITY) float32: how near each base motion's last contacts are.

        Those with static objects come first, those with movable ones in the second half. 1 where the motion ended in contact,
        falling to 0 at NEAR_M or NEAR_DEG from there. pose (n, ≥ 3) of the robots in n slots.
        """
        rows = torch.arange(len(self._motion), device=pose.device)[slots]
        found = torch.zeros(len(pose), N_CONTACT_PROXIMITY, device=pose.device)
        _measure(len(pose), rows, pose, self._pose, self._motion, self._contacted, self._like, found)
        return found


@row_kernel
def _remember(b, action, after, contacted, kept_pose, kept_motion, kept_contacted, newest):
    """Enter what robot b met at entry newest[b]."""
    if action[b] >= N_BASE_MOTIONS or not (contacted[b, 0] or contacted[b, 1]):
        return
    at = newest[b]
    kept_motion[b, at] = action[b]
    for what in range(2):
        kept_contacted[b, at, what] = contacted[b, what]
    for column in range(kept_pose.shape[2]):
        kept_pose[b, at, column] = after[b, column]
    newest[b] = (at + 1) % _KEPT


@row_kernel
def _measure(i, rows, pose, kept_pose, motion, contacted, like, found):
    """Set found (n, N_CONTACT_PROXIMITY) for the robot rows[i], whose pose is pose[i]."""
    robot = rows[i]
    for k in range(_KEPT):
        if motion[robot, k] == _NOTHING:
            continue
        x, z = pose[i, X] - kept_pose[robot, k, X], pose[i, Z] - kept_pose[robot, k, Z]
        away = math.sqrt(x * x + z * z) / NEAR_M
        turned = abs(wrap_deg(pose[i, YAW] - kept_pose[robot, k, YAW])) / NEAR_DEG
        if away >= 1.0 or turned >= 1.0:
            continue
        nearness = (1.0 - away) * (1.0 - turned)
        for what in range(2):
            if contacted[robot, k, what]:
                column = what * N_BASE_MOTIONS
                same, other = column + motion[robot, k], column + like[motion[robot, k]]
                found[i, same] = max(found[i, same], nearness)
                found[i, other] = max(found[i, other], nearness)
