"""Repainting: looks and lights change, what is painted does not, and the house given stays as it was."""

import copy
import random
from itertools import islice

import numpy as np

from safevla.evaluation import repainting
from safevla.world import house_file, layout, looks


def test_looks_become_unseen_and_the_seed_stays(some_episodes):
    house = some_episodes[0].house
    before = copy.deepcopy(house)
    painted = looks.with_unseen(house, "colors", "variants")
    said = before["metadata"]["looks"]
    assert painted["metadata"].pop("looks") == {**said, "colors": "unseen", "variants": "unseen"}
    assert house == before and painted["metadata"] | {"looks": said} == before["metadata"]
    assert {**painted, "metadata": before["metadata"]} == before


def test_a_real_house_is_repainted_from_the_seed_that_it_has_anyway(procthor):
    for house in islice(house_file.load(procthor / "houses_val.jsonl.gz"), 5):
        painted = house_file.validate(looks.with_unseen(house, "colors"))
        assert looks.of_house(painted) == looks.of_house(house)._replace(colors="unseen")
    plan, moved = layout.compile_house(house), layout.compile_house(painted)
    np.testing.assert_array_equal(moved.material, plan.material)
    assert (moved.palette != plan.palette).any(-1)[plan.n_structure :, 0].all()


def test_lights_change_and_nothing_else(some_episodes):
    house = some_episodes[0].house
    before = copy.deepcopy(house)
    painted = repainting.with_lights(house, random.Random(3))
    assert house == before and painted == repainting.with_lights(house, random.Random(3))
    assert painted != repainting.with_lights(house, random.Random(4))
    house_file.validate(painted)
    parameters, changed = before["proceduralParameters"], painted["proceduralParameters"]
    assert {**painted, "proceduralParameters": {**changed, "lights": parameters["lights"]}} == before
    for light, other in zip(parameters["lights"], changed["lights"], strict=True):
        assert {key for key in light if light[key] != other[key]} == {"intensity", "rgb"} and light.keys() == other.keys()


def test_lights_go_from_dim_to_glaring(some_episodes):
    factors = []
    for seed, episode in enumerate(some_episodes[:24]):
        painted = repainting.with_lights(episode.house, random.Random(seed))
        lights = [house["proceduralParameters"]["lights"] for house in (episode.house, painted)]
        factors += [after["intensity"] / before["intensity"] for before, after in zip(*lights, strict=True)]
    assert 0.3 <= min(factors) < 0.6 and 1.5 < max(factors) <= 1.8
