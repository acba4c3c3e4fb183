"""Coverage: which parts of the floor a robot has been to since its episode began.

A robot that pays for its contacts can wait until its steps run out: nothing that it sees shows that going on would be
worth the risk. A small reward for every part of the floor that it enters for the first time does, whether the target is
there or not.
"""

import torch

CELL_M = 0.5
_SIDE = 64  # cells along each axis, the robot's start in the middle; what lies beyond counts as the cells at the edge


class Coverage:
    """The cells that B robots have been to, each in a grid about the place where its episode began."""

    def __init__(self, n_robots: int, device: torch.device | str):
        self._start = torch.zeros(n_robots, 2, device=device)  # metres
        self._visited = torch.zeros(n_robots, _SIDE * _SIDE, dtype=torch.bool, device=device)

    def start_episodes(self, slots: torch.Tensor, position: torch.Tensor) -> None:
        """Robots (n,) start a new episode at their positions (n, 2), metres; where they stand they have been."""
        self._start[slots] = position
        self._visited[slots] = False
        self._visited[slots, _SIDE // 2 * (_SIDE + 1)] = True

    def enter(self, position: torch.Tensor) -> torch.Tensor:
        """(B,) bool: whether robots, now at (B, 2), have not been in their cells before; from now on they have."""
        cell = torch.floor((position - self._start) / CELL_M + 0.5).long() + _SIDE // 2
        x, z = cell.clamp(0, _SIDE - 1).unbind(1)
        at = (x * _SIDE + z)[:, None]
        is_new = ~self._visited.gather(1, at)[:, 0]
        self._visited.scatter_(1, at, True)
        return is_new
