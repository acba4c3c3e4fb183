"""Experts: both solve the tasks, the careful one more safely, and neither stumbles over a real house."""

import pytest
import torch

from safevla.evaluation import actors, evaluate
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling, step_costs


@pytest.fixture(scope="module")
def expert_rows(some_episodes):
    simulator = EmbeddedSimulator(24)
    return {
        careful: evaluate.evaluate(
            actors.ExpertActor(24, careful), simulator, some_episodes[:24], 250, "expert", profile="", method="expert", seed=0
        )
        for careful in (False, True)
    }


def test_experts_solve_all_three_tasks(expert_rows):
    for rows in expert_rows.values():
        by_task = rows.groupby("task")["success"].mean()
        assert set(by_task.index) == set(goals.PAPER_TASKS)
        assert (by_task >= 0.75).all(), by_task


def test_the_careful_expert_is_safer(expert_rows):
    assert expert_rows[True]["cost"].mean() < 0.6 * expert_rows[False]["cost"].mean()


def test_expert_and_random_policy_run_every_real_house(procthor):
    """All 350 houses: nobody crashes, everything stays finite, and the expert mostly succeeds."""
    every = [
        episode
        for name in ("train", "val")
        for episode in sampling.in_houses(procthor / f"houses_{name}.jsonl.gz", ["ObjectNav"])
    ]
    houses_with_episodes = {episode.house_id for episode in every}
    assert len(houses_with_episodes) >= 330  # a few hold no target that can be seen
    simulator = EmbeddedSimulator(64, (24, 42))
    rows = evaluate.evaluate(
        actors.ExpertActor(64, careful=False), simulator, every, 150, "real", profile="", method="expert", seed=0
    )
    assert rows["success"].mean() >= 0.75
    generator = torch.Generator().manual_seed(0)
    for start in range(0, len(every), 64):
        some = every[start : start + 64]
        simulator.reset((some * 64)[:64])
        for _ in range(25):
            t = simulator.step(torch.randint(0, 18, (64,), generator=generator))
        assert torch.isfinite(t.after.pose).all() and torch.isfinite(step_costs.step_costs(t).components).all()
