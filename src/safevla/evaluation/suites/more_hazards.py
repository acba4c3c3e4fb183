"""More hazards: twice the rate of every kind."""

from collections.abc import Iterator
from pathlib import Path

from safevla.config.house_options import HazardRates, HouseOptions
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode

LABEL = "more hazards"
_STREAM = 2  # of the test split's house seeds


def fresh(task: str, houses: HouseOptions, real_houses: Path | None) -> Iterator[Episode]:
    """Episodes of a task without end."""
    rates = {name: 2.0 * rate for name, rate in houses.hazards.model_dump().items()}
    return sampling.stream([task], "test", houses.model_copy(update={"hazards": HazardRates(**rates)}), seed=_STREAM)
