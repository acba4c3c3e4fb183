"""Evaluation: every episode once, a row each with what it came to, whoever else plays beside it."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors, evaluate
from safevla.imitation import demonstrations
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import SimulatorError
from safevla.tasks import tokenizer
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import TINY, tiny_policy

WHO = {"profile": "t", "method": "imitation", "seed": 7}


class Reckless:
    """Drives on, whatever is in the way, and never says that it is done."""

    tokenize = staticmethod(tokenizer.tokenize)

    def __init__(self, n_envs: int):
        self._n_envs, self._generator = n_envs, torch.Generator().manual_seed(0)

    def start_episodes(self, slots, episodes, scene) -> None:
        pass

    def act(self, observation, scene) -> torch.Tensor:
        return torch.multinomial(torch.tensor([8.0, 1, 1, 1]), self._n_envs, replacement=True, generator=self._generator)


def _played(some_episodes, n_envs: int, costs=PAPER_COSTS, simulator=None, actor=None, max_steps: int = 25) -> pd.DataFrame:
    simulator = simulator or EmbeddedSimulator(n_envs, TINY.image_size)
    actor = actor or actors.PolicyActor(tiny_policy(), n_envs, 0)
    return evaluate.evaluate(actor, simulator, some_episodes, max_steps, "", costs, **WHO)


class Faulty:
    """A simulator that loses the episode in its first slot at some of its steps."""

    def __init__(self, n_envs: int, *lost: int):
        self._simulator, self._lost, self._at = EmbeddedSimulator(n_envs, TINY.image_size), set(lost), 0

    def __getattr__(self, name):
        return getattr(self._simulator, name)

    def step(self, actions):
        self._at += 1
        return self._simulator.step(actions)

    def aborted(self):
        return [0] if self._at in self._lost else []


def test_rows_come_in_the_order_of_the_episodes_each_once(some_episodes):
    rows = _played(some_episodes[:7], 3)
    assert rows["episode_id"].tolist() == [episode.id for episode in some_episodes[:7]]
    assert rows.columns.tolist() == list(evaluate.columns())
    assert set(rows["profile"]) == {"t"} and set(rows["method"]) == {"imitation"} and set(rows["seed"]) == {7}
    assert (rows["reruns"] == 0).all() and (rows["steps"] == rows["actions"].map(len)).all()
    assert ((rows["steps"] == 25) | ~rows["timed_out"]).all()


def test_environments_without_an_episode_play_nothing_that_counts(some_episodes):
    rows = _played(some_episodes[:2], 5)
    assert rows["episode_id"].tolist() == [episode.id for episode in some_episodes[:2]]


def test_a_row_has_a_column_for_each_cost_asked_for(some_episodes):
    names = ("dangerous_equipment", "corner")
    rows = _played(some_episodes[:12], 12, names, actor=Reckless(12), max_steps=60)
    assert [name for name in rows.columns if name.startswith("cost")] == ["cost", "cost_dangerous_equipment", "cost_corner"]
    assert np.allclose(rows["cost"], rows["cost_dangerous_equipment"] + rows["cost_corner"])
    all_five = _played(some_episodes[:12], 12, actor=Reckless(12), max_steps=60)
    assert (rows["cost_corner"] == all_five["cost_corner"]).all() and rows["cost"].sum() > 0
    assert (rows["cost"] <= all_five["cost"]).all()


def test_recorded_actions_give_the_row_again(some_episodes):
    rows = _played(some_episodes[:4], 4)
    for row, episode in zip(rows.to_dict("records"), some_episodes, strict=False):
        batch = VectorEnv(EmbeddedSimulator(1, TINY.image_size), 25)
        batch.start([episode])
        for action in row["actions"]:
            outcome = batch.step(torch.tensor([action]))
        assert (bool(outcome.success[0]), bool(outcome.truncated[0])) == (row["success"], row["timed_out"])
        assert batch.total_cost[0].tolist() == [row[f"cost_{name}"] for name in PAPER_COSTS]
        assert float(batch.path_m[0]) == row["path_m"] and int(batch.collisions[0]) == row["collisions"]


def test_an_aborted_episode_is_played_again_from_its_start(some_episodes):
    rows = _played(some_episodes[:4], 2, simulator=Faulty(2, 5, 9), actor=Reckless(2))
    assert rows["reruns"].tolist() == [2, 0, 0, 0]
    assert (rows["steps"] == 25).all() and (rows["actions"].map(len) == 25).all()  # of the last time alone
    assert rows["episode_id"].tolist() == [episode.id for episode in some_episodes[:4]]


def test_an_episode_that_is_always_aborted_is_an_error_that_names_it(some_episodes):
    with pytest.raises(SimulatorError, match=f"episode .*{some_episodes[0].seed}.* was aborted 4 times"):
        _played(some_episodes[:1], 1, simulator=Faulty(1, *range(100)), actor=Reckless(1))


def test_success_is_weighted_by_the_shortest_path_and_by_the_experts_length():
    assert evaluate.spl(True, 4.0, 5.0) == pytest.approx(0.8) and evaluate.spl(True, 4.0, 3.0) == 1.0
    assert evaluate.sel(True, 20, 50) == pytest.approx(0.4) and evaluate.sel(True, 20, 10) == 1.0
    assert evaluate.spl(False, 4.0, 4.0) == evaluate.sel(False, 20, 20) == 0.0


def test_solvable_episodes_are_those_that_the_expert_solves(some_episodes):
    simulator = EmbeddedSimulator(6, TINY.image_size)
    found = evaluate.solvable(some_episodes[:6], simulator, 300)
    assert len(found) > 0 and {episode.id for episode in found} <= {episode.id for episode in some_episodes[:6]}
    assert all(0 < episode.expert_steps <= 300 for episode in found)
    assert len(evaluate.solvable(found, simulator, min(e.expert_steps for e in found) - 1)) == 0
    first = evaluate.first_solvable(iter(some_episodes), 2, simulator, 300)
    assert [episode.id for episode in first] == [episode.id for episode in found[:2]]


def test_a_task_that_the_expert_cannot_do_is_an_error_and_no_endless_search(some_episodes, monkeypatch):
    simulator = EmbeddedSimulator(6, TINY.image_size)
    monkeypatch.setattr(evaluate, "HOPELESS", 10)
    monkeypatch.setattr(demonstrations, "HOPELESS", 10)
    with pytest.raises(ValueError, match=r"task \w+: the shortest-path expert solved none of 12 episodes of 1 steps"):
        evaluate.first_solvable(itertools.cycle(some_episodes), 6, simulator, 1)
    with pytest.raises(ValueError, match=r"the expert solved none of 1\d episodes of 1 steps"):
        demonstrations.demonstrate(simulator, itertools.cycle(some_episodes), 3, 0.0, 1, 0)
