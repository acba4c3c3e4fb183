"""Extensions: a method, a suite, a cost, a task and a shape, a file each in a folder outside the package, go the whole road.

`tests/extension` is that folder. A profile names it, chooses what stands in it, and every table and figure has it.
"""

import json
import os
import re
import shutil
from pathlib import Path

import matplotlib
import numba
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from matplotlib import pyplot as plt

from safevla.config.registry import COSTS, METHODS, SHAPES, SUITES, TASKS
from safevla.evaluation import actors
from safevla.pipeline import run_scripts
from safevla.policies import policy_files
from safevla.report import style
from safevla.runtime import checkpoints
from safevla.safe_rl.method import make_method
from safevla.tasks.step_costs import PAPER_COSTS
from safevla.tasks.tokenizer import vocabulary
from safevla.world import parts, shape
from tests.conftest import ROOT, forget_extension
from tests.learning import ended_episodes, legend_of, ppo_params

EXTENSION = ROOT / "tests" / "extension"
METHOD, SUITE, COST, TASK, SHAPE = "toy_switch", "toy_turned", "toy_wasted", "ToyNear", "clothes_dryer"
# by name: figure → what its legend, or its axis, names
OF_METHODS = {"training_curves", "success_against_cost", "cost_distribution", "shifts"}
ALONG_METHODS = {"cost_by_component", "cost_distribution", "tails", "quadrants", "cost_of_failure"}

PROFILE = {
    "threads": 1,
    "extensions": [str(EXTENSION)],
    "costs": [*PAPER_COSTS, COST],
    "houses": {"rooms": [1, 2]},
    "simulator": {"n_envs": 8},
    "collect": {"episodes": 12, "shards": 1, "validation_episodes": 2, "test_episodes": 4, "max_steps": 100},
    "policy": {"vision": None, "image_size": [18, 32], "channels": [4, 8], "dim": 16, "heads": 2, "decoder_layers": 1, "context": 8},
    "imitation": {"steps": 1024, "ranks": 1, "n_envs": 8, "epochs": 1, "checkpoint_updates": 100, "log_updates": 4},
    "finetune": {
        "methods": ["ppo", METHOD],
        "tasks": ["Pickup", TASK],
        "method_params": {METHOD: {"tolerance": 0.5}},
        "train": {
            "steps": {"Pickup": 512, TASK: 512},
            "wrong_done_penalty": {TASK: 1.0},
            "coverage_reward": {TASK: 0.1},
            "cost_limit": {"Pickup": 0.1, TASK: 0.1},
            "multiplier_delay": {"Pickup": 0.25, TASK: 0.0},
            "n_envs": 8, "rollout": 16, "max_steps": 20, "value_warmup": 128, "checkpoint_rollouts": 1, "minibatches": 2,
        },
    },
    "evaluate": {"episodes": 4, "ood_episodes": 3, "suites": ["phrasing", SUITE], "max_steps": 30, "n_envs": 8},
    "ablate": {"task": "Pickup", "steps": 128, "limit_factors": [], "fixed_penalties": []},
    "figures": {"resamples": 20, "dpi": 40},
}  # fmt: skip


class Road:
    """What the stages have left: the compendium's folder, and of each figure its legend and what stands along its axes."""

    def __init__(self, folder: Path):
        self.folder, self.legends, self.along = folder, {}, {}

    def see(self, name: str, figure) -> None:
        figure.canvas.draw()
        self.legends[name] = legend_of(figure)
        labels = (label.get_text() for ax in figure.axes for label in (*ax.get_xticklabels(), *ax.get_yticklabels()))
        self.along[name] = {label.split("\n")[0] for label in labels}

    @property
    def data(self) -> Path:
        return self.folder / "data" / "toy"

    @property
    def reports(self) -> Path:
        return self.folder / "reports" / "toy"


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """Every stage, at toy size, in a compendium of its own."""
    folder = tmp_path_factory.mktemp("compendium")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    for name in ("profiles", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "profiles" / "toy.yaml").write_text(yaml.safe_dump(PROFILE, sort_keys=False))
    seen, threads = Road(folder), (torch.get_num_threads(), numba.get_num_threads())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SAFEVLA_EXTENSIONS", "")
        patch.setenv("MPLBACKEND", "Agg")
        matplotlib.use("Agg")
        save = style.save

        def see_and_save(figure, to: Path, name: str, dpi: int) -> None:
            seen.see(name, figure)
            if name == "shifts":  # to write the others too would take as long as the trainings
                save(figure, to, name, dpi)
            plt.close(figure)

        patch.setattr(style, "save", see_and_save)
        assert run_scripts.run("toy", ()) == 0
        yield seen
    torch.set_num_threads(threads[0])
    numba.set_num_threads(threads[1])
    forget_extension(EXTENSION)


def test_nothing_of_the_extension_stands_in_the_package():
    for registry, name in ((METHODS, METHOD), (SUITES, SUITE), (COSTS, COST), (TASKS, TASK), (SHAPES, SHAPE)):
        assert name not in registry.names() and (EXTENSION / registry.kind).is_dir()
    words = re.compile("|".join((METHOD, SUITE, COST, TASK, "toy_near", SHAPE)))
    assert not [path for path in (ROOT / "src").rglob("*.py") if words.search(path.read_text(encoding="utf-8"))]


def test_the_toy_method_switches_keeps_its_mean_and_knows_its_parameter(extend, tmp_path):
    """As its file says, which stands in the documentation as the example."""
    params = ppo_params(cost_limit={"Fetch": 2.0})
    extend({"methods/toy_switch.py": (EXTENSION / "methods" / "toy_switch.py").read_text()})
    method, again = (make_method(METHOD, params, {"tolerance": 0.5}, "Fetch", PAPER_COSTS) for _ in range(2))
    reward, cost = torch.randn(4, 3), torch.randn(4, 3, 1)

    for costs, weight in (((), 0.0), ((1.0, 5.0), 0.0), ((1.0, 5.5), 1.0), ((), 1.0), ((0.0,), 0.0), ((9.0, 7.0), 1.0)):
        method.after_rollout(None, ended_episodes(*costs))
        assert method.cost_weight == weight
        assert torch.equal(method.advantage(reward, cost), -cost[..., 0] if weight else reward)
    checkpoints.save(tmp_path / "method.safetensors", method.state(), {})
    again.restore(checkpoints.load(tmp_path / "method.safetensors")[0])
    assert again.mean_cost == 8.0 and again.cost_weight == 1.0


def test_the_toy_shape_draws_its_type_and_no_other(extend):
    """The catalogue has dryers drawn as washing machines; a file of the type's own name wins."""
    size, draw = (0.7, 1.0, 0.7), lambda type_name: shape.shape_of(type_name, (0.7, 1.0, 0.7), "Dryer_1", 0)
    machine, washer = draw("ClothesDryer"), draw("WashingMachine")
    extend({f"shapes/{SHAPE}.py": (EXTENSION / "shapes" / f"{SHAPE}.py").read_text()})
    rack = draw("ClothesDryer")
    assert len(rack.parts) in (7, 8, 9) and rack.stand.height_m == 0.99 and machine.stand.height_m == size[1]
    low, high = parts.extents(rack.parts)
    np.testing.assert_allclose(high.max(0) - low.min(0), size, rtol=0.05)
    np.testing.assert_array_equal(draw("WashingMachine").parts, washer.parts)


def test_the_toy_method_stands_in_every_table_with_its_own_training(road):
    lines = (road.reports / "tables" / "main.md").read_text().splitlines()
    for task in ("Pickup", TASK):
        assert any(line.startswith(f"| {task} | {METHOD} |") for line in lines)
    metrics = json.loads((road.reports / "metrics.json").read_text())
    assert set(metrics) == {"Pickup", TASK}
    assert all({"expert", "expert_careful", "imitation", "ppo", METHOD} == set(metrics[task]) for task in metrics)
    paired = pd.read_csv(road.reports / "tables" / "paired.csv")
    assert {(METHOD, "imitation"), (METHOD, "ppo")} <= set(zip(paired["method"], paired["baseline"], strict=True))
    curves = {
        method: pd.read_csv(road.data / "finetune" / f"{method}-Pickup" / "curve.csv") for method in ("ppo", METHOD)
    }  # fmt: skip
    assert (curves["ppo"]["multiplier"] == 0).all() and set(curves[METHOD]["multiplier"]) == {0.0, 1.0}
    shared = curves["ppo"]["steps"] <= 0.25 * 512  # until the constraint sets in
    columns = ["steps", "episodes", "success", "loss_policy"]
    pd.testing.assert_frame_equal(curves["ppo"].loc[shared, columns], curves[METHOD].loc[shared, columns])


def test_what_the_toy_method_keeps_goes_into_its_checkpoints(road):
    (kept,) = (road.folder / ".cache" / "progress").glob(f"finetune-{METHOD}-{TASK}-seed-0-*/progress.safetensors")
    tensors, _ = checkpoints.load(kept)
    assert tensors["method.mean_cost"] > 0.1
    actor = actors.load_actor(road.data / "finetune" / f"{METHOD}-{TASK}" / "seed-0.safetensors", 1, 0, 0.0, 1.0, "cpu")
    method = actor.filter_action.__self__
    assert (method.own.tolerance, method.task, method.costs) == (0.5, TASK, (*PAPER_COSTS, COST))


def test_the_toy_method_is_in_every_legend_and_along_every_axis_that_names_methods(road):
    assert set(road.legends) >= OF_METHODS | ALONG_METHODS
    for name in OF_METHODS:
        assert road.legends[name].get("Switching (toy)") == "#8c564b", name
        assert road.legends[name].get("PPO (FLaRe)") == "#de8f05", name
    for name in ALONG_METHODS:
        assert {"Switching (toy)", "PPO (FLaRe)"} <= road.along[name], name


def test_the_toy_cost_is_a_column_everywhere_and_has_its_colour(road):
    for path in ("demonstrations/demonstrations", "evaluation/in_distribution/episodes", "evaluation/ood/episodes"):
        assert f"cost_{COST}" in pd.read_parquet(road.data / f"{path}.parquet").columns, path
    rows = pd.read_parquet(road.reports / "episodes.parquet")
    components = rows[[f"cost_{name}" for name in (*PAPER_COSTS, COST)]]
    assert (components.sum(axis=1) == rows["cost"]).all() and rows[f"cost_{COST}"].sum() > 0
    legend = road.legends["cost_by_component"]
    assert legend["wasted step"] == "#7f7f7f" and len(legend) == 6
    summary = pd.read_csv(road.reports / "tables" / "shifts.csv")
    assert {f"cost_{COST}", f"cost_{COST}_low", f"cost_{COST}_high"} <= set(summary.columns)
    traces = json.loads((road.data / "evaluation" / "in_distribution" / "traces.json").read_text())
    assert all(trace["costs"] == [*PAPER_COSTS, COST] for trace in traces)


def test_the_toy_suite_has_its_bars(road):
    assert {"turned round", "phrasing", "none"} <= road.along["shifts"]
    rows = pd.read_parquet(road.data / "evaluation" / "ood" / "episodes.parquet")
    turned = rows[rows["shift"] == SUITE]
    assert turned.groupby(["task", "method"]).size().to_dict() == {
        (task, method): 3 for task in ("Pickup", TASK) for method in ("imitation", "ppo", METHOD)
    }
    assert SUITE in set(pd.read_csv(road.reports / "tables" / "shifts.csv")["shift"])


def test_the_toy_task_is_demonstrated_learnt_and_played(road):
    rows = pd.read_parquet(road.data / "evaluation" / "in_distribution" / "episodes.parquet")
    mine = rows[rows["task"] == TASK]
    assert len(mine) == 5 * 4 and mine[mine["method"] == "expert"]["success"].mean() > 0.7
    assert mine["instruction"].str.match("walk up to |go near ").all()
    policy, metadata = policy_files.load(road.data / "finetune" / f"{METHOD}-{TASK}" / "seed-0.safetensors")
    assert metadata["task"] == TASK and set(policy.config.words) <= {"walk", "up", "near"} and policy.config.words
    assert not set(policy.config.words) & set(vocabulary())
    assert TASK in {text.split(" ")[0] for text in _titles(road)}


def _titles(road: Road) -> list[str]:
    """The tasks of the training curves, as the table of curves has them."""
    return pd.concat([pd.read_csv(path) for path in (road.data / "finetune").glob("*/curve.csv")])["task"].unique().tolist()


def test_a_profile_that_names_no_such_folder_is_one_clear_error(tmp_path, monkeypatch):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "toy.yaml").write_text("extensions: [nowhere]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFEVLA_EXTENSIONS", os.environ.get("SAFEVLA_EXTENSIONS", ""))
    with pytest.raises(ValueError, match=r"extensions: .*nowhere: no such folder"):
        run_scripts.run("toy", ["collect_demonstrations"])
