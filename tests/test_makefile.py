"""The Makefile: an environment belongs to one clone at a time; paths may have spaces; what is wrong is one line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

_PYTHON = '#!/bin/sh\necho "$PWD: $@" >> "$(dirname "$0")/calls"\n'  # stands in for Python, and writes down what it is asked for


@pytest.fixture
def environment(tmp_path) -> Path:
    """An active environment, in a folder with a space in its name."""
    python = tmp_path / "my drive" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_PYTHON)
    python.chmod(0o755)
    return tmp_path / "my drive"


def _clone(tmp_path: Path, name: str) -> Path:
    clone = tmp_path / name
    clone.mkdir()
    for file in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / file, clone)
        os.utime(clone / file, (0, 0))
    return clone


def _make(clone: Path, environment: Path, *asked: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """What came of it, and what Python was asked for besides procthor."""
    given = {name: value for name, value in os.environ.items() if name not in ("CONDA_PREFIX", "MAKEFLAGS")}
    given["VIRTUAL_ENV"] = str(environment)
    done = subprocess.run(["make", *asked], cwd=clone, env=given, capture_output=True, text=True, check=False)
    calls = environment / "bin" / "calls"
    lines = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return done, [line for line in lines if "procthor" not in line]


def test_an_environment_is_installed_for_the_clone_that_asks_last(tmp_path, environment):
    clones = [_clone(tmp_path, name) for name in ("first clone", "second clone")]
    install = "-m pip install --quiet --constraint requirements.lock --editable .[dev]"
    for clone in (*clones, clones[0]):
        for expected in ([f"{clone}: {install}"], []):
            done, calls = _make(clone, environment, "setup")
            assert done.returncode == 0 and calls == expected, done
        assert (environment / "bin" / ".safevla-installed").read_text() == f"{clone}\n"
    os.utime(clones[0] / "requirements.lock")
    os.utime(environment / "bin" / ".safevla-installed", (1, 1))
    assert _make(clones[0], environment, "setup")[1] == [f"{clones[0]}: {install}"]


def test_commands_run_in_an_environment_whose_path_has_a_space(tmp_path, environment):
    clone = _clone(tmp_path, "a clone")
    _make(clone, environment, "setup")
    for target, expected in (("reproduce", "-m safevla reproduce smoke"), ("report", "-m safevla report smoke")):
        done, calls = _make(clone, environment, target, "PROFILE=smoke")
        assert done.returncode == 0 and calls == [f"{clone}: {expected}"], done
    done, calls = _make(clone, environment, "lint")
    assert done.returncode == 0 and calls[-1] == f"{clone}: -m pyright --pythonpath {environment / 'bin' / 'python'}", done


def test_an_active_environment_that_is_gone_is_named(tmp_path):
    clone = _clone(tmp_path, "a clone")
    (tmp_path / "gone" / "bin").mkdir(parents=True)
    done, _ = _make(clone, tmp_path / "gone", "setup")
    assert done.returncode == 2 and not (clone / ".venv").exists()
    assert done.stderr.splitlines()[0] == f"the active environment, {tmp_path / 'gone'}, has no Python: deactivate it"
