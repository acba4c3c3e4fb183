"""The wheel: what `pip install` gives works by itself, far from the repository."""

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

_USE = """
import pathlib, sys
import safevla
from safevla.config import profiles

assert pathlib.Path(safevla.__file__).is_relative_to(sys.argv[1]), safevla.__file__
print(*profiles.profile_names())
print(profiles.load("paper").simulator.robot)
print(len(safevla.generate_house(3, rooms=(1, 1))["rooms"]))
env = safevla.make_env("ObjectNav", image_size=(12, 20))
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(0)
print(observation["navigation"].shape, "cost_corner" in info)
try:
    profiles.root()
except profiles.ParamsError as error:
    print(error)
"""


def _run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the sdist, and with the wheel that is built from the unpacked sdist."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed; it is in the extra `dev`")
    folder = tmp_path_factory.mktemp("built")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder / "source", filter="data")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=next((folder / "source").iterdir()))
    return folder


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(built):
    names = set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())
    package = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "safevla").rglob("*") if path.is_file()}
    package = {name for name in package if "__pycache__" not in name}
    profiles = {path.relative_to(ROOT).as_posix() for path in (ROOT / "profiles").glob("*.yaml")}
    defaults = {f"safevla/config/defaults/{name}" for name in {"params.yaml", *profiles}}
    assert {name for name in names if ".dist-info/" not in name} == package | defaults
    assert {"safevla/py.typed", "safevla/world/data/types.csv", "safevla/report/templates/report.html"} <= names


def test_the_wheel_works_outside_the_repository(built, tmp_path):
    target, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dvc.yaml").write_text("stages: {}\n")  # other projects have one too
    wheel = next(built.glob("*.whl"))
    _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel, cwd=elsewhere)
    # one step is not worth compiling for
    printed = _run(sys.executable, "-c", _USE, target, cwd=elsewhere, PYTHONPATH=str(target), NUMBA_DISABLE_JIT="1")
    lines = printed.splitlines()
    assert lines[:4] == ["laptop paper smoke", "stretch", "1", "(12, 20, 3) True"]
    assert len(lines) == 5 and lines[4].endswith("run inside a clone of the repository")
