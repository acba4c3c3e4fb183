"""Paintings: real ones, on walls, at eye height, and over nothing."""

import itertools

import numpy as np

from safevla.world import catalogue, generation, house_file, layout, parts
from safevla.world.boxes import FIXED, ON_WALL


def _paintings(house: house_file.House) -> list[house_file.House]:
    return [obj for obj in house["objects"] if catalogue.ASSETS[obj["assetId"]].type == "Painting"]


def test_most_rooms_have_paintings_at_eye_height():
    houses = [generation.generate(seed) for seed in range(100)]
    rooms = sum(len(house["rooms"]) for house in houses)
    found = [painting for house in houses for painting in _paintings(house)]
    assert 0.8 < len(found) / rooms < 2.4
    assert all(1.4 < painting["position"]["y"] < 1.75 and painting["kinematic"] for painting in found)


def test_they_cover_no_window_door_or_furniture_and_stay_on_their_wall():
    for seed in range(100):
        house = generation.generate(seed)
        plan = layout.compile_house(house)
        low, high = _extents(plan)
        for painting in _paintings(house):
            m = plan.index_of(painting["id"])
            assert plan.support[m] == ON_WALL and plan.mobility[m] == FIXED
            for other in range(plan.n_boxes):
                apart = (low[m] >= high[other] - 0.004).any() or (high[m] <= low[other] + 0.004).any()
                assert other == m or apart, (seed, painting["id"], plan.names[other])
            behind = low[m] - 0.03, high[m] + 0.03  # a wall, all the way
            walls = [w for w in range(plan.n_structure) if plan.names[w].startswith("wall")]
            touched = [w for w in walls if not ((behind[0] >= high[w]).any() or (behind[1] <= low[w]).any())]
            assert touched, (seed, painting["id"])


def _extents(plan: layout.Layout) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the boxes around all boxes as they are drawn."""
    turn = np.radians(plan.yaw_deg)
    sine, cosine = np.sin(turn), np.cos(turn)
    low, high = (ends.astype(float) for ends in parts.extents(plan.parts))
    low, high = np.minimum.reduceat(low, plan.first_part[:-1]), np.maximum.reduceat(high, plan.first_part[:-1])
    right, up, forward = np.moveaxis([np.where(corner, high, low) for corner in itertools.product((0, 1), repeat=3)], 2, 0)
    placed = np.stack([right * cosine + forward * sine, up, forward * cosine - right * sine], axis=-1) + plan.centre
    return placed.min(0), placed.max(0)
