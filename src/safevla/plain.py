"""Plain: the pipeline's notebooks as scripts, for a machine with a GPU but without Jupyter and DVC.

    python -m safevla.plain PROFILE [STAGE …]
    python -m safevla.plain paper finetune_safe_rl@ppo-Fetch      (a stage's runs have DVC's names)
    torchrun --nproc-per-node 2 -m safevla.plain PROFILE [STAGE …]

Runs the stages in their order, each notebook's code cells in one process, with the parameters that papermill would pass,
and writes to the same places. What DVC would know is not recorded; long work resumes from where it was kept, as always.
Under torchrun every rank runs all cells and works on its share of what they ask for (see `distributed`).
"""

import ast
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safevla import distributed, pipeline, stages
from safevla import params as parameters


def runs_of(stage: str, values: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What a stage's notebook is told besides its parameters, once for each time that it runs."""
    if stage != "finetune_safe_rl":
        yield {}
        return
    for method in values["finetune"]["methods"]:
        for task in values["finetune"]["tasks"]:
            yield {"method": method, "task": task}


def named(stage: str, extra: dict[str, str]) -> str:
    """What DVC calls a run of a stage: finetune_safe_rl@ppo-Fetch."""
    return "@".join([stage, "-".join(extra.values())]) if extra else stage


def execute(notebook: Path, given: dict[str, Any]) -> None:
    """Run a notebook's code cells; `given` follows the first, which holds the defaults. The last value of a cell is printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells):
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        where = f"{notebook}, code cell {number}"
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
            if value is not None:
                print(value, flush=True)
        if number == 0:
            names |= given


def main(arguments: list[str] | None = None) -> int:
    profile, *chosen = (sys.argv[1:] if arguments is None else arguments) or [parameters.DEFAULT_PROFILE]
    os.environ.setdefault("MPLBACKEND", "Agg")
    distributed.begin()
    root = parameters.root()
    values = parameters.raw(profile)
    known = {stage: [named(stage, extra) for extra in runs_of(stage, values)] for stage in pipeline.STAGE_NOTEBOOKS}
    if unknown := set(chosen) - set(known) - {name for runs in known.values() for name in runs}:
        print(f"unknown stage {min(unknown)!r}; the stages are {', '.join(known)}", file=sys.stderr)
        return 2
    for stage, name in pipeline.STAGE_NOTEBOOKS.items():
        for extra in runs_of(stage, values):
            if chosen and not {stage, named(stage, extra)} & set(chosen):
                continue
            started = time.monotonic()
            print(f"== {named(stage, extra)}", flush=True)
            given = {"profile": profile, "params": stages.select(stage, values), **extra}
            execute(root / "notebooks" / f"{name}.ipynb", given)
            distributed.wait()  # the next stage reads what the first rank has written
            print(f"== {named(stage, extra)}: {time.monotonic() - started:.0f} s", flush=True)
    distributed.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
