"""Scripts: the pipeline's notebooks in one process, for a machine with a GPU but without Jupyter and DVC.

    safevla reproduce paper --plain [STAGE …]
    torchrun --nproc-per-node 2 -m safevla reproduce paper --plain [STAGE …]

Runs the stages in their order, each notebook's code cells one after the other, with the parameters that papermill would pass,
and writes to the same places, the executed notebooks too: what was printed, each cell's last value, and its figures. What
DVC would know is not recorded; long work resumes from where it was kept, as always.
Under torchrun every rank runs all cells and works on its share of what they ask for (see `runtime.ranks`).
"""

import ast
import base64
import contextlib
import copy
import io
import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from safevla.config import profiles
from safevla.pipeline import dvc_files, runs, stages, strip_outputs
from safevla.pipeline.stage_log import StageLog
from safevla.runtime import ranks


class _Tee(io.StringIO):
    """Keeps what is printed, and logs it."""

    def __init__(self, log: StageLog):
        super().__init__()
        self._log = log

    def write(self, text: str) -> int:
        self._log.write(text)
        return super().write(text)


def run(profile: str, names: Iterable[str]) -> int:
    """Run stages, or some runs of a stage, of a profile; 1 where a cell fails. Raises ParamsError, StageError, PipelineError."""
    os.environ["MPLBACKEND"] = "Agg"  # whatever a person's own sessions draw on
    root = profiles.root()
    for line in dvc_files.overrides(root, profile):
        print(f"as the environment says: {line}", flush=True)
    profiles.load(profile)
    values = profiles.raw(profile)
    chosen = runs.chosen(names, values)
    ranks.join_group()
    for each in chosen:
        log = StageLog()
        dvc_files.check_inputs(root, profile, each, values, by_dvc=False)
        if ranks.rank() == 0:
            log.begin(each, runs.of_profile(values))
        given = {"profile": profile, "params": stages.select(each.stage, values), **each.told}
        started_ns = dvc_files.clock_ns(root)
        notebook = root / "notebooks" / each.notebook
        executed, fault = execute(notebook, given, log)
        if fault or ranks.rank() == 0:
            reports = (root if ranks.rank() == 0 else root / "build" / "ranks" / str(ranks.rank())) / "reports" / profile
            target = reports / ("failed" if fault else "executed") / each.executed
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(executed, indent=1, ensure_ascii=False), encoding="utf-8")
        if fault:
            log.failed(fault, notebook, target.relative_to(root))
            return 1
        if ranks.rank() == 0:
            dvc_files.remove_stale(root, profile, each, started_ns)
            log.finish(each)
        ranks.wait()  # the next stage reads what the first rank has written
    ranks.leave_group()
    return 0


def execute(notebook: Path, given: dict[str, Any], log: StageLog) -> tuple[dict[str, Any], str]:
    """Run a notebook's code cells; `given` follows the first, which holds the defaults.

    The notebook with its outputs, and what went wrong, "" if nothing did.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    executed = strip_outputs.read(notebook)
    first = next(cell for cell in executed["cells"] if cell["cell_type"] == "code")
    source = [f"{name} = {value!r}\n" for name, value in given.items()]
    told = copy.deepcopy(first) | {"id": "given", "source": source, "outputs": []}
    executed["cells"].insert(executed["cells"].index(first) + 1, told)
    code = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    if plots := sys.modules.get("matplotlib.pyplot"):
        plots.close("all")  # a figure that was open before is not the notebook's
    for log.number, cell in enumerate(code, 1):
        cell["execution_count"] = log.number
        if cell is told:
            names |= given
        elif fault := _run_cell(cell, names, f"{notebook}, cell {log.number}", log):
            return executed, fault
    return executed, ""


def _run_cell(cell: dict[str, Any], names: dict[str, Any], where: str, log: StageLog) -> str:
    """Run one cell and put its outputs into it; what went wrong, "" if nothing did."""
    source = "".join(cell["source"])
    printed, value, fault = _Tee(log), None, []
    try:
        tree = ast.parse(source, where)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, where, "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), where, "eval"), names)
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        fault = [{"output_type": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": lines}]
    log.end_cell()
    if source.rstrip().endswith(";"):  # Jupyter's way not to show a value
        value = None
    cell["outputs"] = [*_outputs(printed.getvalue(), value, cell["execution_count"]), *fault]
    return f"{fault[0]['ename']}: {fault[0]['evalue']}" if fault else ""


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
