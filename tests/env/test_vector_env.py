"""Vector environment: restarts touch their own rows, rewards and costs are what is asked for, and endings are told apart."""

import dataclasses
import itertools

import torch

from safevla.config.house_options import HouseOptions
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS, remaining_m
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
