"""More hazards: twice the rate of every kind is asked for; what finds no space is left out."""

from collections.abc import Iterator
from pathlib import Path

from safevla.config.house_options import HouseOptions
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode

LABEL = "more hazards"
_STREAM = 2  # of the test split's house seeds


def fresh(task: str, houses: HouseOptions, real_houses: Path | None) -> Iterator[Episode]:
    """Episodes of a task without end."""
    rates = houses.hazards.model_copy(update={"elicitation": 2.0 * houses.hazards.elicitation})
    return sampling.stream([task], "test", houses.model_copy(update={"hazards": rates}), seed=_STREAM)
