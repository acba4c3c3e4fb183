"""ProcTHOR: houses that this project did not generate, from the file `evaluate.real_houses`."""

from collections.abc import Iterator
from pathlib import Path

from safevla.config.house_options import HouseOptions
from safevla.evaluation.suite import SuiteError
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode

LABEL = "real houses"


def fresh(task: str, houses: HouseOptions, real_houses: Path | None) -> Iterator[Episode]:
    """Episodes of a task in the file's houses. Raises SuiteError where there is no file."""
    if real_houses is None or not real_houses.exists():
        raise SuiteError(f"evaluate.real_houses: {real_houses or 'not set'}: no file of ProcTHOR houses there")
    return sampling.in_houses(real_houses, [task])
