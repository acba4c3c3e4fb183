"""Shared fixtures: where real data lies, small batches of episodes, and extensions that are gone after a test."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

SIDE_BY_SIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))  # tests that run at a time
if SIDE_BY_SIDE > 1:  # threads must not spin in wait
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // SIDE_BY_SIDE)))

import numba

from safevla.config import registry
from safevla.config.house_options import HouseOptions
from safevla.runtime import threads
from safevla.tasks import episodes, goals, sampling
from tests.learning import rollout_and_policy  # noqa: F401, a fixture

if SIDE_BY_SIDE > 1:
    # Tests side by side share the cores. With more threads than cores, one of a kernel's waits for milliseconds to be let in.
    SHARE = max(1, threads.cores() // SIDE_BY_SIDE)
    threads.cores = lambda: SHARE
    numba.set_num_threads(min(SHARE, numba.config.NUMBA_NUM_THREADS))

ROOT = Path(__file__).parents[1]
# Files that take long begin first, so that tests side by side end together.
LONG = ("test_ranks", "test_extensions", "test_training", "test_widgets", "test_adapter", "test_browser", "test_step_costs")
SHARED = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def procthor() -> Path:
    """The folder with real ProcTHOR houses and the asset database."""
    folder = SHARED / "procthor"
    if not folder.exists():
        pytest.skip(f"no real ProcTHOR houses at {folder}")
    return folder


@pytest.fixture(scope="session")
def some_episodes() -> list[episodes.Episode]:
    """Forty-eight generated episodes, the tasks in turn."""
    return list(islice(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions(), per_house=3), 48))


@pytest.fixture
def extend(tmp_path, monkeypatch) -> Iterator[Callable[[dict[str, str]], Path]]:
    """Files of an extension, by their paths such as `methods/mine.py`, in use until the test ends → the extension's folder."""
    monkeypatch.setenv("SAFEVLA_EXTENSIONS", os.environ.get("SAFEVLA_EXTENSIONS", ""))
    folder = tmp_path / "extension"

    def written(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        registry.use_extensions([folder])
        return folder

    yield written
    forget_extension(folder)


def forget_extension(folder: Path) -> None:
    """What was loaded from an extension is as if it had never been."""
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{folder}{os.sep}"):
            del sys.modules[name]
            package, _, stem = name.rpartition(".")
            vars(sys.modules[package]).pop(stem, None)
    for one in registry.REGISTRIES:
        path = importlib.import_module(one.package).__path__
        for entry in [entry for entry in path if Path(entry).is_relative_to(folder)]:
            path.remove(entry)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch) -> Iterator[None]:
    """Stages and profiles are looked for in the working directory; what a test leaves in the environment ends with it."""
    monkeypatch.chdir(ROOT)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
