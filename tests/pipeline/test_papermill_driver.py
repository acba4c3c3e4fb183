"""The driver: what a cell prints comes once, a failure is three lines, and only this Python's kernel runs."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from safevla.config import profiles
from safevla.pipeline import papermill_driver
from tests.conftest import ROOT
from tests.pipeline import compendium

_PRINTS = """
import subprocess, sys
print("this far")
print("and\\nfarther", flush=True)
subprocess.run(["echo", "a child"], check=True)
print("warned", file=sys.stderr)
"""
_FAILS = "raise ValueError('no such house')"
_DIES = "import os\nprint('about to', flush=True)\nos.kill(os.getpid(), 9)"


def _stage(root, *cells: str, **environment: str) -> subprocess.CompletedProcess:
    """Run those cells as the stage that draws figures."""
    (root / "notebooks" / "06_make_figures.ipynb").write_text(json.dumps(compendium.notebook("profile = params = None", *cells)))
    (root / "reports" / "laptop" / "record").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "safevla", "stage", "make_figures"]
    given = compendium.environment() | environment
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return compendium.make(tmp_path_factory.mktemp("compendium"), {})


def test_each_line_comes_once_and_a_failing_cell_is_three_lines(root):
    done = _stage(root, _PRINTS, "1 + 1", _FAILS)
    assert done.returncode == 1
    first, *said = done.stdout.splitlines()
    assert first == "stage 12 of 12: make_figures"  # and nothing of a folder called failed
    assert sorted(said) == ["[3] a child", "[3] and", "[3] farther", "[3] this far", "[3] warned"]
    partial = "reports/laptop/failed/06_make_figures.ipynb"
    assert done.stderr.splitlines() == [
        "ValueError: no such house",
        "in cell 5 of 06_make_figures.ipynb",
        f"partial notebook: {partial}",
    ]
    executed = json.loads((root / partial).read_text())
    failing = next(cell for cell in executed["cells"] if "no such house" in "".join(cell["source"]))
    assert failing["execution_count"] == 5  # the number that Jupyter shows
    assert "a child" in (root / partial).read_text()
    assert not (root / "reports/laptop/executed/06_make_figures.ipynb").exists()


def test_a_kernel_that_dies_is_three_lines_too(root):
    done = _stage(root, "print('so far')", _DIES)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert "the kernel died" in lines[0] and lines[1] == "in cell 4 of 06_make_figures.ipynb"
    assert "so far" in (root / lines[2].removeprefix("partial notebook: ")).read_text()


def test_a_stage_runs_in_this_python_and_gets_its_parameters(root, tmp_path):
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "site", "language": "python"}))
    done = _stage(root, "import sys\nprint(sys.prefix, profile, params['figures']['dpi'])", JUPYTER_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"[3] {sys.prefix} laptop {profiles.raw('laptop')['figures']['dpi']}" in done.stdout
    assert re.fullmatch(r"make_figures took 0:\d\d", done.stdout.splitlines()[-1])
    assert (root / "reports/laptop/executed/06_make_figures.ipynb").exists()
    assert not (root / "reports/laptop/failed/06_make_figures.ipynb").exists()


_LOOKS = """
import os, matplotlib.pyplot as plt
plt.figure()
print(os.environ.get("STARTED", "no start-up file"), "inline" in plt.get_backend(), "θ")
"""


def test_a_persons_settings_and_a_home_that_cannot_be_written_change_nothing(root, tmp_path):
    begin = tmp_path / "begin.py"
    begin.write_text("import os\nos.environ['STARTED'] = 'a start-up file'\n")
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(begin, startup)
    (tmp_path / "home").write_text("")  # nothing can be written below it
    done = _stage(
        root, _LOOKS, HOME=str(tmp_path / "home"), IPYTHONDIR=str(tmp_path / "ipython"), PYTHONSTARTUP=str(begin),
        MPLBACKEND="tkagg", PYTHONIOENCODING="ascii", MPLCONFIGDIR=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[3] no start-up file True ?" in done.stdout, done.stdout


def test_a_kernel_that_does_not_start_is_three_lines(root, tmp_path):
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit('no such library')\n")
    path = os.pathsep.join([str(tmp_path), compendium.environment()["PYTHONPATH"]])
    done = _stage(root, "1 + 1", PYTHONPATH=path)
    assert done.returncode == 1
    first, where, partial = done.stderr.splitlines()
    assert first.startswith("the kernel ") and first.endswith(": no such library")
    assert where == "before the first cell of 06_make_figures.ipynb" and partial.startswith("partial notebook: ")


def test_under_dvc_it_does_not_prepare_and_asks_for_every_input(root, monkeypatch, tmp_path):
    other = compendium.make(tmp_path, {})
    monkeypatch.chdir(other)
    monkeypatch.setitem(os.environ, "DVC_STAGE", "make_figures")
    with pytest.raises(ValueError, match=r"build/profiles/laptop/notebooks/06_make_figures\.ipynb is missing"):
        papermill_driver.run_stage(other, "make_figures", "laptop", {})
    assert papermill_driver.run_stage(other, "prepare", "laptop", {}) == 0
    with pytest.raises(ValueError, match="data/laptop/evaluation/in_distribution is missing"):
        papermill_driver.run_stage(other, "make_figures", "laptop", {})


def test_it_refuses_wrong_parameters_before_it_starts(tmp_path, monkeypatch):
    root = compendium.make(tmp_path, {})
    monkeypatch.chdir(root)
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("weight_decay:", "weight_rot:", 1))
    with pytest.raises(profiles.ParamsError, match=r"params\.yaml(:\d+)?: imitation\.weight_(decay|rot)"):
        papermill_driver.run_stage(root, "make_figures", "laptop", {})
