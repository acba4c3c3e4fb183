"""A compendium of its own for a test: this one's parameters and pipeline in another folder, with small notebooks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from safevla.pipeline import strip_outputs
from safevla.pipeline.stages import NOTEBOOKS
from tests.conftest import ROOT

_METHOD = """from safevla.safe_rl import method
from safevla.safe_rl.methods import _shared

LABEL, COLOUR = "Toy", "#000000"


class Method(method.Method):
    pass
"""


def notebook(*sources: str) -> dict[str, Any]:
    """A notebook of some code cells, the first of which holds the parameters."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    cells[0]["metadata"] = {"tags": ["parameters"]}
    return strip_outputs.stripped({"cells": cells})


def make(root: Path, profiles: dict[str, dict[str, Any]], cells: dict[str, str] | None = None) -> Path:
    """A compendium with some profiles; cells: the code of a stage's notebook instead of this repository's."""
    for name in ("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    (root / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, root / ".dvc")
    (root / "profiles").mkdir()
    for name, changes in profiles.items():
        (root / "profiles" / f"{name}.yaml").write_text(yaml.safe_dump(changes))
    for stage, code in (cells or {}).items():
        path = root / "notebooks" / f"{NOTEBOOKS[stage]}.ipynb"
        path.write_text(json.dumps(notebook("profile = params = None", code)))
    return root


def add_extension(root: Path) -> Path:
    """A folder with a method `toy`, which imports a file beside it; the method's file."""
    folder = root / "mine" / "methods"
    folder.mkdir(parents=True)
    (folder / "_shared.py").write_text("WEIGHT = 1.0\n")
    (folder / "toy.py").write_text(_METHOD)
    return folder / "toy.py"


def commit(root: Path) -> None:
    """Put all that git does not ignore under version control."""
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def changed(root: Path) -> str:
    """What git sees as changed."""
    return subprocess.run(["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True, text=True).stdout


def environment() -> dict[str, str]:
    """The environment of a process that works in another compendium with this repository's code."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}  # which changes what kernels do
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return kept | {"PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
