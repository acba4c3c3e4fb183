"""Episode source: where the next training episodes come from."""

from collections.abc import Iterator
from typing import Protocol

import torch

from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.tasks.episodes import Episode


class EpisodeSource(Protocol):
    """Where the next episodes come from."""

    def restart(self, batch: VectorEnv, slots: torch.Tensor) -> Observation:
        """Start the next episodes in slots (n,) of a batch; the observation of all B."""
        ...

    def refresh(self) -> None:
        """Called between rollouts."""
        ...


class IteratorSource:
    """A source that draws each episode from an iterator, when it is needed."""

    def __init__(self, episodes: Iterator[Episode]):
        self.episodes = episodes

    def restart(self, batch: VectorEnv, slots: torch.Tensor) -> Observation:
        return batch.restart(slots.tolist(), [next(self.episodes) for _ in slots])

    def refresh(self) -> None:
        pass
