"""Observations: stacked, joined, put in place, with and without pictures, no field is lost."""

import dataclasses

import torch

from safevla.env.observations import Observation
from tests.learning import made_up_observation


def test_stacking_joining_and_putting_keep_every_field():
    one, other = (made_up_observation(1, 2, seed).map(lambda x: x[0]) for seed in (0, 1))
    both, joined = Observation.stack([one, other]), Observation.cat([one, other])
    put = one.map(torch.clone)
    put.put(torch.tensor([1]), other.map(lambda x: x[:1]))
    for field in dataclasses.fields(Observation):
        first, second, of_both, of_joined, of_put = (getattr(x, field.name) for x in (one, other, both, joined, put))
        assert torch.equal(of_both, torch.stack([first, second])), field.name
        assert torch.equal(of_joined, torch.cat([first, second])), field.name
        assert torch.equal(of_put, torch.stack([first[0], second[0]])), field.name


def test_an_observation_without_pictures_lacks_nothing_else():
    whole = made_up_observation(2, 3)
    slim = whole.without_pictures()
    assert slim.pixels.numel() == 0 and slim.pixels.shape[:3] == (2, 3, 2)
    others = [field.name for field in dataclasses.fields(Observation) if field.name != "pixels"]
    assert all(getattr(slim, name) is getattr(whole, name) for name in others)
