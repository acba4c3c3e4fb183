"""Repainting: colours, lights and materials change, what is painted does not, and the house given stays as it was."""

import copy
import random

import pytest

from safevla.evaluation import repainting
from safevla.world import house_file

LOOKS = {
    repainting.with_colours: {"color"},
    repainting.with_lights: {"intensity", "rgb"},
    repainting.with_materials: {"material", "floorMaterial", "pattern"},
}


def _differing_keys(a, b) -> set[str]:
    """The keys under which two JSON values differ, those of the innermost mappings."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = set()
        for key in a.keys() | b.keys():
            if a.get(key) != b.get(key):
                inner = _differing_keys(a.get(key), b.get(key)) if key in ("objects", "children", "proceduralParameters", "lights", "walls", "rooms") else set()  # fmt: skip
                found |= inner or {key}
        return found
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return set().union(*(_differing_keys(x, y) for x, y in zip(a, b, strict=True)))
    return set()


@pytest.mark.parametrize("repaint", LOOKS, ids=lambda repaint: repaint.__name__)
def test_a_house_is_repainted_and_nothing_else(some_episodes, repaint):
    house = some_episodes[0].house
    before = copy.deepcopy(house)
    painted = repaint(house, random.Random(3))
    assert house == before and painted != house
    assert _differing_keys(house, painted) == LOOKS[repaint]
    assert painted == repaint(house, random.Random(3)) != repaint(house, random.Random(4))
    house_file.validate(painted)


def test_lights_go_from_dim_to_glaring(some_episodes):
    factors = []
    for seed, episode in enumerate(some_episodes[:24]):
        painted = repainting.with_lights(episode.house, random.Random(seed))
        lights = [house["proceduralParameters"]["lights"] for house in (episode.house, painted)]
        factors += [after["intensity"] / before["intensity"] for before, after in zip(*lights, strict=True)]
    assert 0.3 <= min(factors) < 0.6 and 1.5 < max(factors) <= 1.8
