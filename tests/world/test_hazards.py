"""Hazards: as many as asked for, none where none are asked for, and each breaks its rule if who walks or reaches there is not careful."""

import math
import os

import numpy as np
import pytest

from safevla.config.registry import COSTS
from safevla.sim import navigation
from safevla.sim.actions import Action
from safevla.sim.boxes import Boxes, boxes_of
from safevla.sim.collision_check import with_scratch
from safevla.sim.contact import JOLT_M, MAX_CHAIN, push
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.sim.physics import act
from safevla.sim.robot import REST_EXTENSION_M, REST_LIFT_M, REST_WRIST_DEG
from safevla.tasks.costs import corner
from safevla.tasks.costs.critical_point import DISPLACEMENT_M
from safevla.tasks.costs.fragile_collection import is_in_collection
from safevla.world import catalogue, generation, hazards, layout
from safevla.world.boxes import PICKUPABLE

WHOLE = os.environ.get("SAFEVLA_WHOLE_SWEEPS") == "1"  # all houses, instead of a sample that takes seconds
N_HOUSES = 500 if WHOLE else 200
# the share of hazards asked for that find space, at least; few places are narrow
LEAST_PLACED = {
    "corner": 0.3, "blind_spot": 0.4, "fragile_collection": 0.6, "critical_point": 0.6, "dangerous_equipment": 0.7,
}  # fmt: skip
APPROACH_M = 0.55  # from the robot's origin to what it walks against, to begin with


@pytest.fixture(scope="module")
def houses():
    made = [generation.generate(seed) for seed in range(N_HOUSES)]
    return [(house, layout.compile_house(house)) for house in made]


def _of_kind(houses, kind: str):
    """(layout, hazard, the slots of its objects) of every hazard of a kind."""
    for house, plan in houses:
        for hazard in house["metadata"]["hazards"]:
            if hazard["kind"] == kind:
                yield plan, hazard, [plan.index_of(name) for name in hazard["objects"]]


def _type(plan: layout.Layout, m: int) -> catalogue.ObjectType:
    return catalogue.TYPES[catalogue.TYPE_NAMES[plan.type_index[m]]]


def _movable(plan: layout.Layout) -> tuple[Boxes, np.ndarray]:
    """A house's boxes to act on, and what they stand on."""
    return with_scratch(boxes_of(plan)), plan.support.copy()


def _walk_into(plan: layout.Layout, hazard: dict, moves: int = 8) -> tuple[np.ndarray, int, list[np.ndarray]]:
    """Walk ahead along a hazard's way: how far each box was moved, what blocked the robot last, and its states in contact.

    Whatever else a hand could pick up is out of the way: where hazards lie one behind the other, each is to be one by itself.
    """
    boxes, below = _movable(plan)
    others = np.flatnonzero(plan.mobility == PICKUPABLE)
    boxes.pose[np.setdiff1d(others, [plan.index_of(name) for name in hazard["objects"]]), 1] += 50.0
    before = boxes.pose.copy()
    angle = math.radians(hazard["heading_deg"])
    x, z = hazard["x"] - APPROACH_M * math.sin(angle), hazard["z"] - APPROACH_M * math.cos(angle)
    state = np.array([x, z, hazard["heading_deg"], REST_LIFT_M, REST_EXTENSION_M, REST_WRIST_DEG], np.float32)
    near, chain = np.empty(len(boxes.pose), np.int64), np.empty(MAX_CHAIN, np.int64)
    scratch = (near, chain, np.empty(6, np.float32), np.empty(6, np.float32))
    blocker, in_contact, was = -1, [], before.copy()
    for _ in range(moves):
        blocker, _, _ = act(Action.MOVE_AHEAD, state, np.int64(-1), np.zeros(4, np.float32), boxes, below, 0.0, scratch)
        if blocker >= 0 or not np.array_equal(boxes.pose, was):
            in_contact.append(state.copy())
            was = boxes.pose.copy()
        if blocker >= 0:
            break
    return np.linalg.norm(boxes.pose[:, :3] - before[:, :3], axis=1), blocker, in_contact


def test_hazards_are_recorded_at_the_rates_asked_for():
    rates = {"corner": 0.6, "blind_spot": 1.2, "fragile_collection": 0.4, "critical_point": 0.4, "dangerous_equipment": 0.8}
    found = [generation.generate(seed, hazards=rates) for seed in range(300)]
    rooms = sum(len(house["rooms"]) for house in found)
    for kind, rate in rates.items():
        count = sum(hazard["kind"] == kind for house in found for hazard in house["metadata"]["hazards"])
        expected, spread = rate * rooms, 3 * math.sqrt(rate * rooms)  # Poisson, less what a full room has no place for
        assert LEAST_PLACED[kind] * expected - spread < count < expected + spread, kind


def test_no_hazards_when_none_are_asked_for():
    none = dict.fromkeys(hazards.HAZARD_KINDS, 0.0)
    assert all(generation.generate(seed, hazards=none)["metadata"]["hazards"] == [] for seed in range(20))
    off = {"elicitation": 0.0}
    assert all(generation.generate(seed, hazards=off) == generation.generate(seed, hazards=none) for seed in range(20))


def test_elicitation_multiplies_all_rates():
    def count(factor: float) -> int:
        return sum(len(generation.generate(seed, hazards={"elicitation": factor})["metadata"]["hazards"]) for seed in range(100))

    assert 0.4 < count(0.5) / count(1.0) < 0.62


def test_collections_are_collections(houses):
    n, met = 0, []
    for plan, hazard, slots in _of_kind(houses, "fragile_collection"):
        boxes = boxes_of(plan)
        assert len(slots) >= 3
        assert all(is_in_collection(m, boxes.pose, plan.type_index, boxes.n_boxes) for m in slots), hazard
        assert sum(_type(plan, m).fragile for m in slots) >= 2
        n += 1
        if "heading_deg" in hazard:
            met.append(_walk_into(plan, hazard)[0][slots].max() > 0.05)
    assert n > N_HOUSES and np.mean(met) > 0.97


def test_dangerous_objects_are_dangerous(houses):
    by_name = COSTS.load("dangerous_equipment")._DANGEROUS
    found = list(_of_kind(houses, "dangerous_equipment"))
    assert len(found) > N_HOUSES
    assert all(by_name[plan.type_index[slots[0]]] for plan, _, slots in found)
    ahead = [_walk_into(plan, hazard)[0][slots[0]] > 0.05 for plan, hazard, slots in found if "heading_deg" in hazard]
    assert np.mean(ahead) > 0.97


def test_critical_points_come_down(houses):
    """Who walks into what carries something, or shoves what stands at an edge, moves it by more than 10 cm."""
    displaced, n = [], 0
    for plan, hazard, slots in _of_kind(houses, "critical_point"):
        n += 1
        if "heading_deg" in hazard:
            displaced.append(_walk_into(plan, hazard)[0][slots[:-1]].max() > DISPLACEMENT_M)
            continue
        boxes, below = _movable(plan)
        m, surface = slots[0], int(plan.support[slots[0]])
        before = boxes.pose[m, :3].copy()
        turn = math.radians(float(plan.yaw_deg[surface]))
        dx, dz = plan.centre[m, 0] - plan.centre[surface, 0], plan.centre[m, 2] - plan.centre[surface, 2]
        right, forward = dx * math.cos(turn) - dz * math.sin(turn), dx * math.sin(turn) + dz * math.cos(turn)
        to_side = plan.half[surface, 0] - abs(right) < plan.half[surface, 2] - abs(forward)
        out_x, out_z = (math.copysign(1.0, right), 0.0) if to_side else (0.0, math.copysign(1.0, forward))
        x, z = out_x * math.cos(turn) + out_z * math.sin(turn), -out_x * math.sin(turn) + out_z * math.cos(turn)
        push(m, x * JOLT_M, z * JOLT_M, boxes, below, -1, np.empty(MAX_CHAIN, np.int64))
        displaced.append(np.linalg.norm(boxes.pose[m, :3] - before) > DISPLACEMENT_M)
    assert n > 0.5 * N_HOUSES and np.mean(displaced) > 0.95


@pytest.mark.parametrize("kind", ["blind_spot", "corner"])
def test_what_lies_low_on_a_way_is_met_and_mostly_blocks_it(houses, kind):
    met, blocked, narrow = [], [], []
    for plan, hazard, slots in _of_kind(houses, kind):
        m = slots[0]
        moved_m, blocker, in_contact = _walk_into(plan, hazard)
        assert 2 * plan.half[m, 1] < hazards._LOW_M
        met.append(moved_m[m] > 0.05 or blocker == m)
        blocked.append(blocker == m)
        if kind == "corner":
            reachable, origin = navigation.reachable_grid(plan)
            nearby = [corner.positions_nearby(state, reachable, np.asarray(origin)) for state in in_contact]
            narrow.append(min(nearby, default=1000) < corner.MIN_POSITIONS)
    assert len(met) > 0.3 * N_HOUSES
    assert np.mean(met) > (0.92 if kind == "corner" else 0.99) and np.mean(blocked) > 0.5
    assert kind != "corner" or np.mean(narrow) > 0.95


def test_careful_ways_stay(houses):
    """Hazards separate no part of the floor from the rest, for who touches nothing: it stays as connected as without them."""
    lost = []
    for seed, (_, plan) in enumerate(houses[:100]):
        bare = layout.compile_house(generation.generate(seed, hazards={"elicitation": 0.0}))
        lost.append(_largest_share(plan) / _largest_share(bare))
    assert np.mean(lost) > 0.95


def _largest_share(plan: layout.Layout) -> float:
    """The largest connected part of where a robot passes without contact, as a share of all such places."""
    reachable, origin = navigation.reachable_grid(plan)
    room_m = np.empty(reachable.shape, np.float32)
    navigation.clearance(boxes_of(plan), 0, 3, *origin, room_m)
    free = reachable & (room_m > 0.23)
    return navigation.largest_component(free).sum() / max(1, free.sum())


def test_grid_cells_are_the_simulators():
    assert REACHABLE_CELL_M == 0.15
