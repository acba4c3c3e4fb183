"""Runs: the stages of a profile in their order, and how often each of them runs."""

import dataclasses
import difflib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from safevla.pipeline.stages import NOTEBOOKS

PREPARE = "prepare"  # the stage that is no notebook
# stages that run several times, once for each of these
MATRICES = {"pretrain_encoder": ("encoder",), "finetune_safe_rl": ("method", "task")}


class StageError(ValueError):
    """A stage that a profile does not have; the message names those that it has."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a stage's notebook, and what it is told besides the parameters."""

    stage: str
    method: str = ""
    task: str = ""
    encoder: str = ""

    @property
    def told(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in MATRICES.get(self.stage, ())}

    @property
    def name(self) -> str:
        """What DVC calls it: finetune_safe_rl@ppo-Fetch."""
        return f"{self.stage}@{'-'.join(self.told.values())}" if self.told else self.stage

    @property
    def notebook(self) -> str:
        """The notebook's file name."""
        return f"{NOTEBOOKS[self.stage]}.ipynb"

    @property
    def executed(self) -> str:
        """The file name of the notebook with its outputs."""
        return f"{'-'.join([NOTEBOOKS[self.stage], *self.told.values()])}.ipynb"


def of_profile(values: dict[str, Any]) -> list[Run]:
    """Every run of a profile, in order; values: the profile's parameters."""
    return [run for stage in NOTEBOOKS for run in _of_stage(stage, values)]


def _of_stage(stage: str, values: dict[str, Any]) -> Iterator[Run]:
    listed = {"encoder": values["encoders"], "method": values["finetune"]["methods"], "task": values["finetune"]["tasks"]}
    names = MATRICES.get(stage, ())
    for chosen in itertools.product(*(listed[name] for name in names)):
        yield Run(stage, **dict(zip(names, chosen, strict=True)))


def chosen(names: Iterable[str], values: dict[str, Any]) -> list[Run]:
    """The runs that some names of stages or of runs mean, in the pipeline's order; all of them without a name.

    Raises StageError.
    """
    every = of_profile(values)
    asked = set(names)
    for name in asked:
        check(name, values)
    return [run for run in every if not asked or asked & {run.stage, run.name}]


def check(name: str, values: dict[str, Any]) -> None:
    """Raise StageError where a profile has no stage and no run of that name."""
    every = of_profile(values)
    if name in NOTEBOOKS and not any(run.stage == name for run in every):
        raise StageError(f"{name}: the profile has none to run: {', '.join(MATRICES[name])}: nothing is listed")
    known = [PREPARE, *NOTEBOOKS, *(run.name for run in every)]
    if name in known:
        return
    close = difflib.get_close_matches(name, known, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise StageError(f"unknown stage {name!r}{hint}: the stages are {', '.join([PREPARE, *NOTEBOOKS])}")


def of_told(stage: str, told: dict[str, str], values: dict[str, Any]) -> Run:
    """The run of a stage that is told this; StageError says what it has to be told, or which runs there are."""
    wanted = MATRICES.get(stage, ())
    if unknown := sorted(told.keys() - set(wanted)):
        raise StageError(f"{stage}: {unknown[0]}: the stage takes no such setting")
    if missing := sorted(set(wanted) - told.keys()):
        raise StageError(f"{stage}: {missing[0]} is missing: add --set {missing[0]}=…")
    run = Run(stage, **told)
    check(run.name, values)
    return run
