"""Larger houses: one or two rooms more than any that training had."""

from collections.abc import Iterator
from pathlib import Path

from safevla.config.house_options import HouseOptions
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode

LABEL = "larger houses"
_STREAM = 1  # of the test split's house seeds


def fresh(task: str, houses: HouseOptions, real_houses: Path | None) -> Iterator[Episode]:
    """Episodes of a task without end."""
    most = houses.rooms[1]
    return sampling.stream([task], "test", houses.model_copy(update={"rooms": (most + 1, most + 2)}), seed=_STREAM)
