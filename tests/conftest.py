"""Shared fixtures: where real data lies, and small batches of episodes."""

import os
from itertools import islice
from pathlib import Path

import pytest

os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")

from safevla.config.house_options import HouseOptions
from safevla.tasks import episodes, goals, sampling
from tests.learning import rollout_and_policy  # noqa: F401, a fixture

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


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


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    """Stages and profiles are looked for in the working directory."""
    monkeypatch.chdir(ROOT)
