"""Replay: what is watched is what was counted, and what the policy thought is what it acted by."""

import numpy as np
import pytest
import torch

from safevla.evaluation import actors, evaluate, replay
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from tests.learning import TINY, tiny_policy

COSTS = ("dangerous_equipment", "corner")


def _only_turns(logits, observation):
    return logits.masked_fill(~torch.isin(torch.arange(20), torch.tensor([Action.ROTATE_LEFT, Action.MOVE_AHEAD])), -1e9)


@pytest.fixture(scope="module")
def traced(some_episodes):
    """Three episodes by a policy whose method filters its actions: their rows and their traces."""
    model = tiny_policy(cost_heads=2)
    simulator = EmbeddedSimulator(3, TINY.image_size)
    actor = actors.PolicyActor(model, 3, 0, filter_action=_only_turns)
    rows = evaluate.evaluate(
        actor, simulator, some_episodes[:3], 20, "", COSTS, profile="", method="ppo", seed=0
    )  # fmt: skip
    alone = EmbeddedSimulator(1, TINY.image_size)
    traces = [
        replay.trace(alone, episode, actions, "ppo", model, COSTS, _only_turns)
        for episode, actions in zip(some_episodes[:3], rows["actions"], strict=True)
    ]
    return rows, traces


def test_a_trace_is_what_was_counted(traced):
    rows, traces = traced
    for row, trace in zip(rows.to_dict("records"), traces, strict=True):
        assert trace.data["costs"] == list(COSTS) and trace.data["success"] == row["success"]
        assert np.sum(trace.data["step_costs"], 0).tolist() == [row[f"cost_{name}"] for name in COSTS]
        assert sum(hit is not None for hit in trace.data["collided"]) == row["collisions"]
        assert len(trace.frames) == len(trace.data["path"]) == row["steps"] + 1 == len(trace.data["actions"]) + 1


def test_the_probabilities_are_those_that_the_policy_acted_by(traced):
    """Its method's filter included."""
    for trace in traced[1]:
        assert len(trace.data["probabilities"]) == len(trace.data["actions"]) == len(trace.data["cost_values"])
        for chances, action in zip(trace.data["probabilities"], trace.data["actions"], strict=True):
            assert chances[action] > 0 and sum(chances) == pytest.approx(1.0, abs=0.01)
            assert {i for i, chance in enumerate(chances) if chance > 0} <= {Action.ROTATE_LEFT, Action.MOVE_AHEAD}


def test_an_experts_trace_tells_no_thoughts(some_episodes):
    trace = replay.trace(EmbeddedSimulator(1, TINY.image_size), some_episodes[0], [0, 3, 3], "expert")
    assert trace.data["probabilities"] == trace.data["cost_values"] == [] and len(trace.data["costs"]) == 5
    assert sum(box["target"] for box in trace.data["boxes"]) >= 1


def test_traces_come_back_from_their_files(traced, tmp_path):
    replay.write(traced[1], tmp_path / "kept")
    for back, trace in zip(replay.read(tmp_path / "kept"), traced[1], strict=True):
        assert back.data == trace.data and np.array_equal(back.frames, trace.frames)


def test_traces_that_are_not_there_are_one_line_that_says_what_to_run(tmp_path):
    with pytest.raises(replay.TraceError, match=r"traces\.json is not there: run `safevla reproduce PROFILE evaluate_in"):
        replay.read(tmp_path)
