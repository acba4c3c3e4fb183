"""What the served objects look like, against a dump of real AI2-THOR objects that the package `procthor` carries."""

import importlib.resources
import importlib.util
import itertools
import json

import numpy as np
import pytest

from safevla.sim.thor.metadata import AABB_CORNERS, OBB_CORNERS
from safevla.sim.thor.unity import World

if importlib.util.find_spec("procthor") is None:
    pytest.skip("the package procthor==0.0.1.dev0 is not installed (`pip install --no-deps`)", allow_module_level=True)


@pytest.fixture(scope="module")
def scenes() -> list[list[dict]]:
    """Every scene of the dump."""
    file = importlib.resources.files("procthor").joinpath("databases", "ai2thor-object-metadata.json")
    return list(itertools.chain.from_iterable(json.loads(file.read_text()).values()))


@pytest.fixture(scope="module")
def real(scenes) -> list[dict]:
    return list(itertools.chain.from_iterable(scenes))


@pytest.fixture(scope="module")
def served(some_episodes) -> list[dict]:
    world = World(64, 36)
    world.create_house(some_episodes[0].house)
    return world.objects(None)


def _kind(value: object) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def test_objects_have_the_same_keys_and_kinds_of_values(real, served):
    assert len(real) > 8000
    seen: dict[str, set[str]] = {}
    for obj in real:
        for key, value in obj.items():
            seen.setdefault(key, set()).add(_kind(value))
    for obj in served:
        assert set(obj) == set(seen)
        for key, value in obj.items():
            assert _kind(value) in seen[key] | {"NoneType"}, (key, value)


def test_corners_of_boxes_stand_in_the_same_order(real):
    boxes = [obj["axisAlignedBoundingBox"] for obj in real]
    for box in boxes[:2000]:
        corners = np.asarray(box["cornerPoints"])
        centre, half = corners.mean(0), np.ptp(corners, axis=0) / 2
        np.testing.assert_allclose(corners, centre + half * np.asarray(AABB_CORNERS), atol=2e-3)
    turned = [(t["objectOrientedBoundingBox"], t["rotation"]) for t in real if t["objectOrientedBoundingBox"]]
    upright = [(b, r) for b, r in turned if abs(r["x"]) < 0.5 and abs(r["z"]) < 0.5]
    assert len(upright) > 500
    agreeing = 0
    for box, rotation in upright:
        corners = np.asarray(box["cornerPoints"])
        yaw = np.radians(rotation["y"])
        local = corners - corners.mean(0)
        right = local[:, 0] * np.cos(yaw) - local[:, 2] * np.sin(yaw)
        forward = local[:, 0] * np.sin(yaw) + local[:, 2] * np.cos(yaw)
        half = np.array([np.abs(right).max(), np.abs(local[:, 1]).max(), np.abs(forward).max()])
        expected = half * np.asarray(OBB_CORNERS)
        agreeing += np.allclose(np.stack([right, local[:, 1], forward], 1), expected, atol=5e-3)
    assert agreeing > 0.95 * len(upright)


def test_only_what_moves_has_an_oriented_box(real, served):
    for obj in (*real, *served):
        assert (obj["objectOrientedBoundingBox"] is not None) == (obj["pickupable"] or obj["moveable"])


def test_parents_are_receptacles_that_name_their_children(scenes, served):
    for objs in (*scenes, served):
        by_id = {obj["objectId"]: obj for obj in objs}
        for obj in objs:
            for parent in obj["parentReceptacles"] or []:
                assert by_id[parent]["receptacle"] and obj["objectId"] in by_id[parent]["receptacleObjectIds"]
    assert sum(bool(obj["parentReceptacles"]) for obj in served) > 10
