"""Unrolls: what replayed demonstrations show, and what they keep to themselves."""

import torch

from safevla.config.house_options import HouseOptions
from safevla.imitation import demonstrations, unrolls
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.learning import TINY


def test_examples_do_not_teach_what_to_make_of_contacts():
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.demonstrate(EmbeddedSimulator(8), sampling.stream(["Fetch"], "train", options), 8, 0.3, 100, seed=0)
    generator = torch.Generator().manual_seed(0)
    replayed = unrolls.Replay(EmbeddedSimulator(8, TINY.image_size), table, options, generator)
    unroll = replayed.unroll(40, TINY.map_size)
    assert unroll.observation.arm[..., 5].any(), "nobody met anything"
    assert not unroll.observation.contact_proximity.any()
