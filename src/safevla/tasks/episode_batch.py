"""Packed episodes: many episodes as rows of tensors, to be started in a simulator by copying rows.

An `Episode` is Python: a house's JSON, its layout, strings. What a simulator and a batch of tasks need of it is a few
kilobytes of numbers. Packed once, it can be started any number of times, by tensor operations alone, on whatever device.
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch

from safevla.sim import robot
from safevla.sim.state import ARRAYS, blank, starting_arrays
from safevla.tasks import goals
from safevla.tasks.episodes import Episode
from safevla.tasks.tokenizer import tokenize as words_of
from safevla.world import catalogue


@dataclasses.dataclass(frozen=True)
class EpisodeBatch:
    """N episodes for one robot."""

    arrays: dict[str, torch.Tensor]  # name of sim.state.ARRAYS → (N, …)
    task: torch.Tensor  # (N,) int64, see `goals.task_index`
    target_type: torch.Tensor  # (N,) int64 into catalogue.TYPES
    words: torch.Tensor  # (N, L) int64
    names: frozenset[str]  # tasks that may be among them

    def __len__(self) -> int:
        return len(self.task)

    @classmethod
    def of(
        cls,
        episodes: Sequence[Episode],
        robot_name: str = "stretch",
        camera_jitter_deg: tuple[float, float, float] = robot.CAMERA_JITTER_DEG,
        tokenize: Callable[[str], list[int]] = words_of,
    ) -> "EpisodeBatch":
        """Pack episodes for a robot whose cameras vary by that much; tensors on the CPU."""
        return cls(
            starting_arrays(episodes, robot_name, camera_jitter_deg),
            torch.tensor([goals.task_index(e.task) for e in episodes], dtype=torch.int64),
            torch.tensor([catalogue.TYPES[e.target_type].index for e in episodes], dtype=torch.int64),
            torch.tensor([tokenize(e.instruction) for e in episodes], dtype=torch.int64),
            frozenset(e.task for e in episodes),
        )

    def to(self, device: torch.device | str) -> "EpisodeBatch":
        return EpisodeBatch(
            {name: array.to(device) for name, array in self.arrays.items()},
            self.task.to(device), self.target_type.to(device), self.words.to(device), self.names,
        )  # fmt: skip

    def put(self, first: int, new: "EpisodeBatch") -> "EpisodeBatch":
        """With rows from `first` on, round the end, replaced by new ones; in place unless a new house is larger than all."""
        n = len(self)
        rows = (first + torch.arange(len(new), device=self.task.device)) % n
        arrays = {}
        for name, old in self.arrays.items():
            array = new.arrays[name]
            size = [max(pair) for pair in zip(old.shape[1:], array.shape[1:], strict=True)]
            arrays[name] = _widened(name, old, size)
            arrays[name][rows] = _widened(name, array, size)
        self.task[rows], self.target_type[rows], self.words[rows] = new.task, new.target_type, new.words
        return dataclasses.replace(self, arrays=arrays, names=self.names | new.names)

    @staticmethod
    def join(parts: Sequence["EpisodeBatch"]) -> "EpisodeBatch":
        """Several as one, as wide as the widest."""
        arrays = {}
        for name in ARRAYS:
            size = [max(sizes) for sizes in zip(*(part.arrays[name].shape[1:] for part in parts), strict=True)]
            arrays[name] = torch.cat([_widened(name, part.arrays[name], size) for part in parts])
        return EpisodeBatch(
            arrays, torch.cat([p.task for p in parts]), torch.cat([p.target_type for p in parts]),
            torch.cat([p.words for p in parts]), frozenset().union(*(p.names for p in parts)),
        )  # fmt: skip


def _widened(name: str, array: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """The array (N, …), each row grown to a size; itself if it has that size."""
    if tuple(array.shape[1:]) == tuple(size):
        return array
    whole = blank(name, (len(array), *size), array.device)
    whole[tuple(slice(0, n) for n in array.shape)] = array
    return whole
