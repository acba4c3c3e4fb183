"""Demonstrations: they replay to what was counted, hold recoveries, and may be of any expert and any cost."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.imitation import demonstrations
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import episode_files, goals, sampling
from safevla.tasks.episodes import EpisodeError
from safevla.tasks.step_costs import PAPER_COSTS


def test_demonstrations_replay_to_the_same_costs(tmp_path):
    options = HouseOptions()
    simulator = EmbeddedSimulator(8)
    table = demonstrations.demonstrate(simulator, sampling.stream(goals.PAPER_TASKS, "train", options), 8, 0.15, 200, seed=0)
    demonstrations.write(table, tmp_path / "d.parquet")
    table = demonstrations.read(tmp_path / "d.parquet")
    assert (table["success"]).all() and len(table) == 8
    for row in table.itertuples():
        batch = VectorEnv(EmbeddedSimulator(1), 10_000)
        batch.start([episode_files.from_record(json.loads(row.record), options)])
        for action in row.actions:
            outcome = batch.step(torch.tensor([action]))
        assert bool(outcome.success[0])
        assert float(batch.total_cost.sum()) == row.cost
        assert batch.total_cost[0].tolist() == [getattr(row, f"cost_{name}") for name in PAPER_COSTS]
        assert row.labels[-1] == Action.DONE


def test_replaced_actions_go_on_and_done_is_never_replaced():
    rng = np.random.default_rng(0)
    labels, last, replaced, shares, repeats = np.full(500, 18), None, np.zeros(500, bool), [], []
    labels[:400] = 0
    for _ in range(60):
        before = last, replaced
        last, replaced = demonstrations._disturbed(labels, last, replaced, 0.2, rng)
        shares.append(replaced[:400].mean())
        assert not replaced[400:].any() and (last[400:] == 18).all()
        assert (last[~replaced] == labels[~replaced]).all()
        if before[0] is not None:
            both = before[1] & replaced
            repeats.append((last[both] == before[0][both]).mean())
    assert 0.15 < np.mean(shares[10:]) < 0.22
    assert np.mean(repeats) > 0.8  # most that follow a replaced action repeat it; the rest began anew


def test_the_careful_expert_demonstrates_too_and_only_the_costs_asked_for_are_measured():
    options = HouseOptions(rooms=(1, 2))
    tables = [
        demonstrations.demonstrate(
            EmbeddedSimulator(4), sampling.stream(["Fetch"], "train", options), 24, 0.0, 150, 0, ("critical_point",), careful
        )
        for careful in (False, True)
    ]
    for table in tables:
        assert [name for name in table.columns if name.startswith("cost")] == ["cost", "cost_critical_point"]
        assert (table["cost"] == table["cost_critical_point"]).all()
    assert tables[1]["cost"].sum() < tables[0]["cost"].sum()


def test_a_summary_tells_episodes_length_and_cost_of_each_task():
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.demonstrate(EmbeddedSimulator(6), sampling.stream(goals.PAPER_TASKS, "train", options), 6, 0.0, 200, 0)
    summary = demonstrations.summary(table)
    assert summary["episodes"].sum() == 6 and set(summary.index) <= set(goals.PAPER_TASKS)
    assert (summary["steps"] * summary["episodes"]).sum() == table["steps"].sum()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"labels": [b"\x02\x14"]}, "row 0: labels: not 2 bytes below 20, one a step"),
        ({"actions": [b"\x02"]}, "row 0: actions: not 2 bytes below 20, one a step"),
        ({"actions": ["ab"]}, "row 0: actions: not 2 bytes"),
        ({"steps": [0]}, "row 0: actions: not 0 bytes"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_named_with_its_row(tmp_path, changed, said):
    sound = {"record": ["{}"], "actions": [b"\x02\x13"], "labels": [b"\x02\x13"], "success": [True], "steps": [2], "cost": [0.0]}
    demonstrations.write(pd.DataFrame(sound), tmp_path / "demos.parquet")
    assert len(demonstrations.read(tmp_path / "demos.parquet")) == 1
    demonstrations.write(pd.DataFrame(sound | changed), tmp_path / "demos.parquet")
    with pytest.raises(EpisodeError, match=rf"demos\.parquet: {said}"):
        demonstrations.read(tmp_path / "demos.parquet")
    demonstrations.write(pd.DataFrame(sound)[:0], tmp_path / "demos.parquet")
    with pytest.raises(EpisodeError, match=r"demos\.parquet: holds no demonstration"):
        demonstrations.read(tmp_path / "demos.parquet")
