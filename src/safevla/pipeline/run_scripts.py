"""Plain: the pipeline's notebooks as scripts, for a machine with a GPU but without Jupyter and DVC.

    python -m safevla.pipeline.run_scripts PROFILE [STAGE …]
    python -m safevla.pipeline.run_scripts paper finetune_safe_rl@ppo-Fetch      (a stage's runs have DVC's names)
    torchrun --nproc-per-node 2 -m safevla.pipeline.run_scripts PROFILE [STAGE …]

Runs the stages in their order, each notebook's code cells in one process, with the parameters that papermill would pass,
and writes to the same places, the executed notebooks too: what was printed, each cell's last value, and its figures. What
DVC would know is not recorded; long work resumes from where it was kept, as always.
Under torchrun every rank runs all cells and works on its share of what they ask for (see `distributed`).
"""

import ast
import base64
import contextlib
import copy
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safevla.config import profiles
from safevla.pipeline import dvc_files, stages
from safevla.runtime import ranks


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


class _Tee(io.StringIO):
    """Keeps what is printed, and prints it."""

    def __init__(self, through: Any):
        super().__init__()
        self._through = through

    def write(self, text: str) -> int:
        self._through.write(text)
        return super().write(text)

    def flush(self) -> None:
        self._through.flush()


def execute(notebook: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Run a notebook's code cells; `given` follows the first, which holds the defaults. The notebook with its outputs."""
    names: dict[str, Any] = {"__name__": "__main__"}
    executed = json.loads(notebook.read_text(encoding="utf-8"))
    cells = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        where = f"{notebook}, code cell {number}"
        printed, value = _Tee(sys.stdout), None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, where, "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        if source.rstrip().endswith(";"):  # Jupyter's way not to show a value
            value = None
        if value is not None:
            print(value, flush=True)
        cell["execution_count"] = number + 1
        cell["outputs"] = list(_outputs(printed.getvalue(), value, number + 1))
        if number == 0:
            names |= given
            told = copy.deepcopy(cell) | {"outputs": [], "source": [f"{name} = {value!r}\n" for name, value in given.items()]}
            executed["cells"].insert(executed["cells"].index(cell) + 1, told | {"id": "given"})
    return executed


def _outputs(printed: str, value: Any, number: int) -> Iterator[dict[str, Any]]:
    """A cell's outputs as nbformat has them."""
    if printed:
        yield {"output_type": "stream", "name": "stdout", "text": printed}
    if value is not None:
        html = value._repr_html_() if hasattr(value, "_repr_html_") else None
        data = {"text/plain": repr(value)} | ({"text/html": html} if html else {})
        yield {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}
    if plots := sys.modules.get("matplotlib.pyplot"):
        for figure in map(plots.figure, plots.get_fignums()):
            png = io.BytesIO()
            figure.savefig(png, format="png", bbox_inches="tight")
            data = {"image/png": base64.b64encode(png.getvalue()).decode()}
            yield {"output_type": "display_data", "metadata": {}, "data": data}
        plots.close("all")


def main(arguments: list[str] | None = None) -> int:
    profile, *chosen = (sys.argv[1:] if arguments is None else arguments) or [profiles.DEFAULT_PROFILE]
    os.environ.setdefault("MPLBACKEND", "Agg")
    ranks.join_group()
    root = profiles.root()
    values = profiles.raw(profile)
    known = {stage: [named(stage, extra) for extra in runs_of(stage, values)] for stage in dvc_files.STAGE_NOTEBOOKS}
    if unknown := set(chosen) - set(known) - {name for runs in known.values() for name in runs}:
        print(f"unknown stage {min(unknown)!r}; the stages are {', '.join(known)}", file=sys.stderr)
        return 2
    for stage, name in dvc_files.STAGE_NOTEBOOKS.items():
        for extra in runs_of(stage, values):
            if chosen and not {stage, named(stage, extra)} & set(chosen):
                continue
            started = time.monotonic()
            print(f"== {named(stage, extra)}", flush=True)
            given = {"profile": profile, "params": stages.select(stage, values), **extra}
            executed = execute(root / "notebooks" / f"{name}.ipynb", given)
            if ranks.rank() == 0:
                target = root / "reports" / profile / "executed" / f"{'-'.join([name, *extra.values()])}.ipynb"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(json.dumps(executed, indent=1, ensure_ascii=False), encoding="utf-8")
            ranks.wait()  # the next stage reads what the first rank has written
            print(f"== {named(stage, extra)}: {time.monotonic() - started:.0f} s", flush=True)
    ranks.leave_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
