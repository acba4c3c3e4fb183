"""Support: everything rests on the floor, on a standing area or on a wall, in generated houses and in real ones."""

import os

import numpy as np
import pytest

from safevla.config import profiles
from safevla.sim.boxes import Boxes, boxes_of
from safevla.sim.contact import overlap
from safevla.world import asset_database, catalogue, generation, house_file, layout, support
from safevla.world.asset_database import AssetSizes
from safevla.world.boxes import ON_FLOOR, ON_WALL
from safevla.world.shape import stand_of
from tests.ray_caster import cast

TOLERANCE_M = 0.01
WHOLE = os.environ.get("SAFEVLA_WHOLE_SWEEPS") == "1"  # all houses, instead of a sample that takes seconds
N_GENERATED, REAL_STEP = (500, 1) if WHOLE else (150, 2)


def _unsupported(house: house_file.House, plan: layout.Layout, sizes: AssetSizes) -> list[str]:
    """The objects that hang in the air, are sunk into what they stand on, or whose middle lies beside it."""
    found = []
    size_of = {obj["id"]: sizes[obj["assetId"]] for obj, _ in house_file.objects(house)}
    for m in range(plan.n_structure, plan.n_boxes):
        bottom, below = plan.centre[m, 1] - plan.half[m, 1], int(plan.support[m])
        if below == ON_WALL:
            continue
        if below == ON_FLOOR:
            rests = abs(bottom) < TOLERANCE_M
        else:
            stand = stand_of(*size_of[plan.names[below]])
            turn = np.radians(plan.yaw_deg[below])
            dx, dz = plan.centre[m, [0, 2]] - plan.centre[below, [0, 2]]
            right, forward = dx * np.cos(turn) - dz * np.sin(turn), dx * np.sin(turn) + dz * np.cos(turn)
            top = plan.centre[below, 1] - plan.half[below, 1] + stand.height_m
            rests = abs(bottom - top) < TOLERANCE_M
            rests &= stand.x0 - 1e-3 <= right <= stand.x1 + 1e-3 and stand.z0 - 1e-3 <= forward <= stand.z1 + 1e-3
        if not rests:
            found.append(plan.names[m])
    return found


def test_everything_rests_in_generated_houses():
    for seed in range(N_GENERATED):
        house = generation.generate(seed)
        assert not _unsupported(house, layout.compile_house(house), asset_database.asset_sizes()), seed


def _share_that_touches(plan: layout.Layout, m: int, below: int) -> float:
    """Of an object's underside, how much lies on what is drawn of the object below: not in the air, nor within it."""
    grid = np.linspace(-0.8, 0.8, 5)
    right, forward = (sign.ravel() for sign in np.meshgrid(grid * plan.half[m, 0], grid * plan.half[m, 2]))
    turn, turn_below = np.radians(plan.yaw_deg[[m, below]])
    dx = plan.centre[m, 0] - plan.centre[below, 0] + right * np.cos(turn) + forward * np.sin(turn)
    dz = plan.centre[m, 2] - plan.centre[below, 2] - right * np.sin(turn) + forward * np.cos(turn)
    x, z = dx * np.cos(turn_below) - dz * np.sin(turn_below), dx * np.sin(turn_below) + dz * np.cos(turn_below)
    bottom = (plan.centre - plan.half)[m, 1] - plan.centre[below, 1]
    eye = np.array([0.0, 50.0, 0.0])
    hits = cast(plan.parts[plan.first_part[below] : plan.first_part[below + 1]], eye, np.stack([x, 0 * x + bottom, z], 1) - eye)
    return (abs(hits.point[:, 1] - bottom) < 0.03).mean()


@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_everything_rests_on_what_is_drawn(profile):
    """A teddy bear sits on the bed's mattress and not above it, a phone on the armchair's seat and not inside of a pillow.

    What stands at an edge on purpose has less than half of its underside on it.
    """
    options, on_seats = profiles.load(profile).houses, 0
    for seed in range(N_GENERATED // 2):
        plan = layout.compile_house(generation.generate_with(seed, options))
        for m in np.flatnonzero(plan.support >= 0):
            below = int(plan.support[m])
            assert _share_that_touches(plan, m, below) > 0.3, (seed, plan.names[m], plan.names[below])
            on_seats += plan.names[below].split("|")[0] in ("Bed", "Sofa", "ArmChair")
    assert on_seats > N_GENERATED // 2


@pytest.fixture(scope="module")
def real_houses(procthor):
    sizes = asset_database.asset_sizes(procthor / "asset-database.json.gz")
    houses = [house for name in ("train", "val") for house in house_file.load(procthor / f"houses_{name}.jsonl.gz")]
    return [(house, layout.compile_house(house, sizes)) for house in houses[::REAL_STEP]], sizes


def test_everything_rests_in_real_houses(real_houses):
    houses, sizes = real_houses
    for house, plan in houses:
        assert not _unsupported(house, plan, sizes), house["metadata"]


def test_settling_makes_nothing_overlap_that_did_not(real_houses):
    """No pair of objects overlaps that did not in the house file, where every object fills its bounding box."""
    houses, sizes = real_houses
    new = 0
    for house, plan in houses:
        after = boxes_of(plan)
        before = _as_written(house, plan, sizes)
        for a in range(plan.n_structure, plan.n_boxes):
            for b in range(a + 1, plan.n_boxes):
                if overlap(a, b, after, 0.0, 0.0) and not overlap(a, b, before, 0.0, 0.0):
                    new += 1
    assert new == 0


def _as_written(house: house_file.House, plan: layout.Layout, sizes: AssetSizes) -> Boxes:
    """The house's boxes as its file has them."""
    pose, half = boxes_of(plan).pose, plan.half.copy()
    for obj, _ in house_file.objects(house):
        m = plan.index_of(obj["id"])
        pose[m, :3] = [obj["position"][axis] for axis in "xyz"]
        half[m] = np.array(sizes[obj["assetId"]][1]) / 2
    return Boxes(pose, half, plan.mobility, plan.n_boxes)


def _body(type_name: str, place: tuple[float, float, float], parent: support.Body | None = None) -> support.Body:
    size_m = catalogue.TYPES[type_name].size_m
    return support.Body(size_m, stand_of(type_name, size_m), *place, 0.0, parent, False)


def test_what_hangs_above_a_sofas_back_sits_on_its_seat():
    sofa = _body("Sofa", (0.0, 0.46, 0.0))
    pillow = _body("Pillow", (0.2, 1.0, -0.3), sofa)  # over the back
    support.settle([sofa, pillow])
    assert pillow.bottom_m == pytest.approx(sofa.stand.height_m, abs=1e-6)
    assert sofa.stand.z0 <= pillow.z <= sofa.stand.z1 and pillow.x == pytest.approx(0.2, abs=0.07)


def test_what_lies_inside_goes_onto_the_top_and_in_front_where_that_is_full():
    fridge = _body("Fridge", (0.0, 0.92, 0.0))
    inside = [_body("Pot", (0.0, 0.5, 0.0), fridge) for _ in range(12)]
    support.settle([fridge, *inside])
    bottoms = sorted({round(body.bottom_m, 3) for body in inside})
    assert bottoms == [0.0, round(fridge.stand.height_m, 3)]
    rows = [body.row() for body in inside]
    for i, a in enumerate(rows):
        for b in rows[:i]:
            apart = abs(a[0] - b[0]) >= a[2] + b[2] or abs(a[1] - b[1]) >= a[3] + b[3] or a[4] >= b[5] or b[4] >= a[5]
            assert apart


def test_what_rides_moves_along():
    dresser = _body("Dresser", (0.0, 0.485, 0.0))
    tray = _body("Plate", (0.1, 0.3, 0.0), dresser)  # in a drawer
    apple = _body("Apple", (0.12, 0.3 + 0.0115 + 0.061, 0.0), tray)
    support.settle([dresser, tray, apple])
    assert tray.bottom_m == pytest.approx(0.97) and apple.bottom_m == pytest.approx(0.97 + 0.023)


def test_a_television_without_a_parent_hangs_on_the_wall():
    television = _body("Television", (0.0, 1.3, 0.0))
    support.settle([television])
    assert television.hangs and television.y == 1.3
