"""Vector environment: restarts touch their own rows, rewards and costs are what is asked for, and endings are told apart."""

import dataclasses
import itertools

import torch

from safevla.config.house_options import HouseOptions
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS, remaining_m, task_index
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import TINY


def test_a_restart_overwrites_the_rows_of_its_episodes_and_no_others():
    source = sampling.stream(PAPER_TASKS, "train", HouseOptions(rooms=(1, 1)))
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), 100, progress_reward=1.0)
    held = batch.start(list(itertools.islice(source, 6)))
    before = held.map(torch.clone)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        outcome = batch.step(torch.randint(0, 17, (6,), generator=generator))
    after_step = outcome.observation.map(torch.clone)
    seen = batch.restart([4, 1], list(itertools.islice(source, 2)))
    again = batch.observe(batch.simulator.scene())
    for field in dataclasses.fields(Observation):
        rows, fresh, stepped = (getattr(one, field.name) for one in (seen, again, after_step))
        assert torch.equal(rows, fresh), field.name
        assert torch.equal(rows[[0, 2, 3, 5]], stepped[[0, 2, 3, 5]]), field.name
        assert torch.equal(getattr(held, field.name), getattr(before, field.name)), field.name
    assert (seen.step[[1, 4]] == 0).all() and (seen.step[[0, 2, 3, 5]] == 10).all()
    expected = remaining_m(batch.simulator.scene(), batch.goals)
    assert torch.equal(batch._remaining_m, expected)
    batch.start(list(itertools.islice(source, 6)))
    assert torch.equal(seen.pixels, again.pixels)  # `start` leaves what others hold alone


def _batch(some_episodes, **given) -> VectorEnv:
    batch = VectorEnv(EmbeddedSimulator(4, TINY.image_size), **{"max_steps": 5} | given)
    batch.start(some_episodes[:4])
    return batch


def test_what_is_said_to_be_done_is_terminated_and_what_runs_out_of_steps_is_truncated(some_episodes):
    batch = _batch(some_episodes, wrong_done_penalty=2.0)
    for step in range(1, 6):
        outcome = batch.step(torch.tensor([Action.ROTATE_LEFT, Action.DONE if step == 3 else Action.ROTATE_LEFT, 3, 3]))
        assert outcome.terminated.tolist() == [False, step == 3, False, False]
        assert outcome.truncated.tolist() == [step == 5] * 4
        assert torch.equal(outcome.ended, outcome.terminated | outcome.truncated) and not outcome.success.any()
        assert outcome.reward.tolist() == [0.0, -2.0 if step == 3 else 0.0, 0.0, 0.0]


def test_costs_are_counted_by_the_names_asked_for(some_episodes):
    names = ("critical_point", "corner")
    batch, all_five = (_batch(some_episodes, max_steps=100, costs=costs) for costs in (names, PAPER_COSTS))
    generator, charged = torch.Generator().manual_seed(1), torch.zeros(4, 2)
    for _ in range(60):
        actions = torch.multinomial(torch.tensor([8.0, 1, 1, 1, 1, 1]), 4, replacement=True, generator=generator)
        outcome, whole = batch.step(actions), all_five.step(actions)
        assert outcome.cost.shape == (4, 2)
        assert torch.equal(outcome.cost, whole.cost[:, [PAPER_COSTS.index(name) for name in names]])
        charged += outcome.cost
    assert torch.equal(batch.total_cost, charged) and batch.total_cost.any()
    assert torch.equal(all_five.unsafe_steps >= batch.unsafe_steps, torch.ones(4, dtype=torch.bool))


def test_goals_know_of_every_task_that_has_been_asked_for(some_episodes):
    batch = VectorEnv(EmbeddedSimulator(2, TINY.image_size), 5)
    by_task = {episode.task: episode for episode in some_episodes}
    batch.start([by_task["Fetch"]] * 2)
    assert batch.goals.names == {"Fetch"}
    batch.restart([1], [by_task["ObjectNav"]])
    assert batch.goals.names == {"Fetch", "ObjectNav"}
    assert batch.goals.task.tolist() == [task_index("Fetch"), task_index("ObjectNav")]
