"""Generation: houses are repeatable, valid, and can be walked through."""

import json

import numpy as np
import pytest

from safevla.sim import navigation
from safevla.sim.boxes import boxes_of
from safevla.world import generation, house_file, layout


def test_same_seed_same_house():
    assert generation.generate(7) == generation.generate(7)
    assert generation.generate(7) != generation.generate(8)


def test_generated_houses_are_valid_and_survive_json():
    for seed in range(40):
        house = generation.generate(seed)
        assert house_file.validate(json.loads(json.dumps(house))) == house


def test_options_are_checked():
    with pytest.raises(ValueError, match="roms"):
        generation.generate(0, roms=(1, 2))


def test_rooms_can_be_reached():
    """Doorways join all rooms; furniture may close a few in a hundred houses, which episodes then leave out."""
    closed = 0
    for seed in range(100):
        house = generation.generate(seed)
        plan = layout.compile_house(house)
        reachable, _ = navigation.reachable_grid(plan)
        cells = (np.argwhere(reachable) * 0.15 / layout.FLOOR_CELL_M).astype(int)
        rooms = set(plan.room[cells[:, 0], cells[:, 1]].tolist()) - {-1}
        closed += rooms != set(range(len(house["rooms"])))
    assert closed <= 4


def test_boxes_do_not_interpenetrate_at_the_start():
    from safevla.sim.contact import overlap

    for seed in range(20):
        plan = layout.compile_house(generation.generate(seed))
        boxes = boxes_of(plan)
        for a in range(plan.n_structure, plan.n_boxes):
            for b in range(a + 1, plan.n_boxes):
                assert not overlap(a, b, boxes, 0.0, 0.0), (seed, plan.names[a], plan.names[b])
