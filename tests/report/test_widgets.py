"""Notebooks for people: they open on the pipeline's results, draw pictures, scrub, and write a film."""

import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import pyplot
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from safevla.config.house_options import HouseOptions
from safevla.evaluation import actors, evaluate, replay
from safevla.policies import policy_files
from safevla.policies.vla import Policy
from safevla.report import widgets
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling
from tests.conftest import ROOT
from tests.learning import TINY

METHODS = ("expert", "ppo", "ppo_lagrangian")
PICTURES = {"compare_policies": 2, "explore_episode": 3, "explore_houses": 6, "explore_training": 3, "watch_policy": 2}


@pytest.fixture(scope="module")
def compendium(tmp_path_factory) -> Path:
    """A compendium with the results of a policy that has learnt nothing."""
    root = tmp_path_factory.mktemp("compendium")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    torch.manual_seed(0)
    learnt = Policy(TINY)
    options = HouseOptions(rooms=(1, 1))
    rows, traces = [], []
    alone = EmbeddedSimulator(1, TINY.image_size)
    for task in goals.PAPER_TASKS:
        chosen = list(islice(sampling.stream([task], "test", options), 3))
        for method in METHODS:
            actor = actors.ExpertActor(3, False) if method == "expert" else actors.PolicyActor(learnt, 3, len(method))
            simulator = EmbeddedSimulator(3, TINY.image_size)
            played = evaluate.evaluate(actor, simulator, chosen, 12, "", profile="laptop", method=method, seed=0)
            rows.append(played)
            for number in (0, 2):
                player = None if method == "expert" else learnt
                traces.append(replay.trace(alone, chosen[number], played["actions"][number], method, player))
    evaluated = root / "data" / "laptop" / "evaluation" / "in_distribution"
    replay.write(traces, evaluated)
    pd.concat(rows, ignore_index=True).to_parquet(evaluated / "episodes.parquet")
    steps = np.arange(1, 30)
    curve = pd.DataFrame({"steps": 100 * steps, "action": 1 / steps, "perception": 1.0, "accuracy": 0.5, "done_recall": 0.5})
    (root / "data" / "laptop" / "imitation").mkdir()
    curve.to_csv(root / "data" / "laptop" / "imitation" / "curve.csv", index=False)
    for method in METHODS[1:]:
        for task in goals.PAPER_TASKS:
            names = ("success", "cost", "length", "wrong_done", "cost_per_move", "multiplier")
            names += tuple(f"loss_{name}" for name in ("entropy", "clipped", "cost_value"))
            made = pd.DataFrame({"steps": 100 * steps, "episodes": 10 * steps, **dict.fromkeys(names, 0.5)})
            folder = root / "data" / "laptop" / "finetune" / f"{method}-{task}"
            folder.mkdir(parents=True)
            made.assign(method=method, task=task, seed=0).to_csv(folder / "curve.csv", index=False)
    return root


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if not path.stem[0].isdigit()))
def test_notebooks_for_people_run(compendium, shell, tmp_path, name, monkeypatch):
    monkeypatch.chdir(compendium / "notebooks")
    monkeypatch.setenv("SAFEVLA_PROFILE", "laptop")
    policy_files.save(Policy(TINY), tmp_path / "learnt.safetensors", half=True, method="ppo", task="Pickup")
    small = [56, 96]
    given = {
        "explore_houses": {"n_houses": 2, "types": ["Mug", "Sofa"], "image_size": small},
        "explore_episode": {"number": 4, "movie": str(tmp_path / "film.gif"), "image_size": small},
        "watch_policy": {"file": str(tmp_path / "learnt.safetensors"), "profile": "laptop", "n_episodes": 2, "image_size": small},
    }
    outputs = _run_cells(compendium / "notebooks" / f"{name}.ipynb", given.get(name, {}), shell)
    assert sum("image/png" in output for output in outputs) >= PICTURES[name]
    if name == "explore_episode":
        assert (tmp_path / "film.gif").read_bytes()[:4] == b"GIF8"
        assert any("application/vnd.jupyter.widget-view+json" in output for output in outputs)


class _Shell(InteractiveShell):
    """A shell without windows."""

    def enable_gui(self, gui=None) -> None:
        pass


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """What a kernel runs cells with, in this process, which has imported and compiled what they need."""
    main = sys.modules["__main__"]  # a shell puts its own there, which worker processes could not start from
    shell = _Shell.instance()
    shell.enable_matplotlib("inline")
    yield shell
    sys.modules["__main__"] = main
    _Shell.clear_instance()
    pyplot.switch_backend("agg")


def _run_cells(notebook: Path, given: dict[str, Any], shell: InteractiveShell) -> list[dict[str, Any]]:
    """What a notebook's cells show with those parameters, by its kind."""
    shell.reset(new_session=False)
    shown = []
    for cell in parameterize_notebook(load_notebook_node(str(notebook)), given).cells:
        if cell.cell_type == "code":
            with capture_output() as captured:
                result = shell.run_cell(cell.source)
            result.raise_error()
            shown += [output.data for output in captured.outputs]
            shown.append(shell.display_formatter.format(result.result)[0])  # type: ignore[reportOptionalMemberAccess]
    return shown


def test_a_replay_is_what_was_counted(compendium):
    evaluated = compendium / "data" / "laptop" / "evaluation" / "in_distribution"
    rows = pd.read_parquet(evaluated / "episodes.parquet").set_index(["method", "episode_id"])
    traces = replay.read(evaluated)
    assert len(traces) == 18
    for trace in traces:
        row = rows.loc[(trace.data["method"], trace.data["episode_id"])]
        assert np.sum(trace.data["step_costs"]) == row["cost"] and trace.data["success"] == row["success"]
        assert len(trace.frames) == row["steps"] + 1 == len(trace.data["path"])
        assert (len(trace.data["probabilities"]) == 0) == (trace.data["method"] == "expert")
        for chances, action in zip(trace.data["probabilities"], trace.data["actions"], strict=False):
            assert sum(chances) == pytest.approx(1.0, abs=0.01) and chances[action] > 0


def test_the_documentations_walk_shows_a_rule_being_broken(tmp_path, some_episodes, monkeypatch):
    class Walk:
        def __init__(self, costs: list[int]):
            self.n_steps, self.trace = len(costs), {"step_costs": [[0, cost] for cost in costs]}

        def file(self, step: int, format: str) -> bytes:
            return f"{format} {step}".encode()

    walks = iter([Walk([0] * 30), Walk([0, 1, 0]), Walk([0] * 10 + [1, 1] + [0] * 20)])
    monkeypatch.setattr(widgets, "walk", lambda episode, image_size: next(walks))
    monkeypatch.setattr(widgets.sampling, "stream", lambda *arguments: iter(some_episodes))
    assert widgets.save_walk(tmp_path / "walk.jpg").read_text() == "jpeg 12"
    with PIL.Image.open(ROOT / "docs" / "pictures" / "walk.jpg") as picture:
        assert picture.size == (1280, 720)


def test_telling_steps_begin_each_spell_of_violations():
    cost = np.zeros((12, 5))
    cost[3, 0] = cost[4, 1] = cost[8, 2] = 1
    trace = replay.Trace({"step_costs": cost.tolist()}, np.zeros(0))
    assert widgets.telling_steps(trace, 6) == [0, 4, 9, 12]
    assert widgets.telling_steps(trace, 3) == [0, 4, 12]
    assert widgets.telling_steps(replay.Trace({"step_costs": np.zeros((5, 5)).tolist()}, np.zeros(0)), 6) == [0, 5]


def test_a_film_is_an_mp4_or_a_gif_where_that_cannot_be_written(tmp_path, monkeypatch):
    class View:
        n_steps = 2

        def array(self, step: int) -> np.ndarray:
            return np.full((36, 64, 3), 100 * step, np.uint8)

    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    path = widgets.save_movie(View(), tmp_path / "new" / "film.mp4")
    assert path == tmp_path / "new" / "film.gif"
    with PIL.Image.open(path) as film:
        assert film.n_frames == 3 and film.size == (64, 36)
    monkeypatch.undo()
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="the extra `movies` is not installed")
    path = widgets.save_movie(View(), tmp_path / "film.mp4")
    frames = imageio_ffmpeg.read_frames(str(path))
    assert path.suffix == ".mp4" and next(frames)["codec"] == "h264"
    shown = [np.frombuffer(frame, np.uint8).mean() for frame in frames]
    assert shown == pytest.approx([0, 100, 200], abs=4)
