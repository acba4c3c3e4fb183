"""Stages: what each stage of the pipeline may read of the parameters, where it writes, and where it keeps its progress.

A stage is a notebook. Run by the pipeline it gets its parameters and writes to `data/<profile>` and `reports/<profile>`;
opened by a person it reads the parameters itself and writes to `build/interactive/<profile>` instead, so that exploring
never touches what the pipeline made.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pydantic

from safevla.config import profiles
from safevla.config.params import Params
from safevla.pipeline import closure

if TYPE_CHECKING:
    import pandas as pd

_COMPUTE = ("seed", "threads", "simulator", "extensions", "costs")
_EVALUATE = (*_COMPUTE, "houses", "finetune.methods", "finetune.tasks", "finetune.seeds", "evaluate")
_TRAIN = ("finetune.seeds", "finetune.train", "finetune.method_params")

# stage → its notebook, in the pipeline's order
NOTEBOOKS = {
    "pretrain_encoder": "00_pretrain_encoder",
    "collect_demonstrations": "01_collect_demonstrations",
    "pretrain_imitation": "02_pretrain_imitation",
    "finetune_safe_rl": "03_finetune_safe_rl",
    "evaluate_in_distribution": "04_evaluate_in_distribution",
    "evaluate_ood": "05_evaluate_ood",
    "ablate_constraint": "05b_ablate_constraint",
    "make_figures": "06_make_figures",
}

# stage → the parameters that it may use, as its entry in dvc.yaml lists them
GROUPS: dict[str, tuple[str, ...]] = {
    "pretrain_encoder": ("seed", "threads", "simulator", "houses", "encoders"),
    "collect_demonstrations": (*_COMPUTE, "houses", "collect", "finetune.tasks", "policy.image_size", "evaluate.max_steps"),
    "pretrain_imitation": (
        *_COMPUTE,
        "houses",
        "policy",
        "imitation",
        "evaluate.max_steps",
        "evaluate.done_threshold",
        "evaluate.temperature",
    ),
    "finetune_safe_rl": (*_COMPUTE, "houses", *_TRAIN),
    "evaluate_in_distribution": _EVALUATE,
    "evaluate_ood": _EVALUATE,
    "ablate_constraint": (*_COMPUTE, "houses", "finetune.methods", *_TRAIN, "evaluate", "ablate"),
    "make_figures": (
        "extensions",
        "costs",
        "finetune.methods",
        "finetune.tasks",
        "finetune.seeds",
        "finetune.train.cost_limit",
        "figures",
    ),
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """A running stage."""

    name: str
    profile: str
    params: SimpleNamespace  # the stage's parameters by name, e.g. `params.finetune.train`
    root: Path
    is_pipeline: bool

    @property
    def data(self) -> Path:
        """What earlier stages made."""
        return self.root / "data" / self.profile

    def output(self, *parts: str) -> Path:
        """A path to write to: of the pipeline, or for a person's own run apart from it. Its folder exists.

        Of several ranks the first one's is the result; the others write what nobody reads.
        """
        rank = int(os.environ.get("RANK", 0))  # as torchrun says; a stage of tables and figures does without torch
        base = self.root if self.is_pipeline else self.root / "build" / "interactive"
        if rank > 0:
            base = self.root / "build" / "ranks" / str(rank)
        path = base.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def progress_folder(self, label: str, key: dict[str, Any], inputs: Iterable[Path] = ()) -> Path:
        """Where a piece of long work keeps its progress and its result.

        Named after everything that the result follows from: the key, the content of the inputs, and the code that the stage's
        notebook can reach; of the safety methods, the one that the key names. A killed run resumes there; a finished piece is
        found there and not done again.
        """
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode())
        for path in inputs:
            digest.update(Path(path).read_bytes())
        notebook = self.root / "notebooks" / f"{NOTEBOOKS[self.name]}.ipynb"
        methods = [key["method"]] if "method" in key else []
        code = closure.of_notebook(notebook, profiles.raw(self.profile), methods)
        digest.update(closure.digests(code).encode())
        folder = self.root / ".cache" / "progress" / f"{label}-{digest.hexdigest()[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def kept_tables(
        self,
        make: Callable[[list[Any]], Iterable["pd.DataFrame"]],
        jobs: Sequence[Any],
        key: dict[str, Any],
        inputs: Callable[[Any], Iterable[Path]],
    ) -> list["pd.DataFrame"]:
        """A table for each job: one after the other as `make` makes them, or as it made it before.

        A job's table follows from its `label`, the key, the files that `inputs` says it reads, and the code. A stage that
        is stopped has kept what was finished. Several ranks, which must see the same files, share the jobs.
        """
        import pandas as pd

        from safevla.runtime import ranks

        paths = [self.progress_folder(job.label.replace(" ", "-"), key, inputs(job)) / "table.parquet" for job in jobs]
        missing = [(path, job) for path, job in zip(paths, jobs, strict=True) if not path.exists()]
        ranks.wait()  # all ranks have seen the same tables missing
        mine = missing[ranks.rank() :: ranks.n_ranks()]
        for (path, _), table in zip(mine, make([job for _, job in mine]), strict=True):
            whole = path.with_suffix(".new")
            table.to_parquet(whole, index=False)
            whole.replace(path)
        ranks.wait()
        return [pd.read_parquet(path) for path in paths]


def open_stage(name: str, profile: str | None, values: dict[str, Any] | None) -> Stage:
    """Start a stage. `values` are what the pipeline passes (see `select`); None in a person's own run."""
    root = profiles.root()
    os.chdir(root)
    profile = profile or profiles.profile_in_use()
    is_pipeline = values is not None
    if values is None:
        values = select(name, profiles.raw(profile))
    fields = SimpleNamespace()
    for key in GROUPS[name]:
        if key not in values:
            raise profiles.ParamsError(f"{name}: {key}: missing from the parameters")
        _put(fields, key.split("."), _checked(key, values[key]))
    for key in values:
        if key not in GROUPS[name]:
            raise profiles.ParamsError(f"{name}: {key}: unknown parameter")
    return Stage(name, profile, fields, root, is_pipeline)


def select(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The stage's share of a profile's parameters, by dotted name."""
    profiles.check(values, "params.yaml")
    found = {}
    for key in GROUPS[name]:
        value: Any = values
        for part in key.split("."):
            value = value[part]
        found[key] = value
    return found


def _checked(key: str, value: Any) -> Any:
    """The value as its type in Params."""
    model: Any = Params
    *parents, last = key.split(".")
    for part in parents:
        model = model.model_fields[part].annotation
    field = model.model_fields[last]
    try:
        return pydantic.TypeAdapter(field.annotation).validate_python(value)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        where = ".".join([key, *(str(part) for part in fault["loc"])])
        raise profiles.ParamsError(f"{where}: {fault['msg']}") from None


def _put(namespace: SimpleNamespace, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        if not hasattr(namespace, part):
            setattr(namespace, part, SimpleNamespace())
        namespace = getattr(namespace, part)
    setattr(namespace, path[-1], value)
