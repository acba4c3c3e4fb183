"""Floor: the same as the simulator's, boxes that would cut it, and from where something can be taken."""

import math
import random

import numpy as np

from safevla.config.house_options import HazardRates
from safevla.sim import interface, navigation, robot
from safevla.world import floor, floor_plan, generation, layout, structure, walls, ways
from safevla.world.house_file import House


def empty_house(seed: int, targets: tuple = ()) -> tuple[House, list[floor_plan.Room], ways.Ways]:
    """A house of three rooms without furniture, and its ways."""
    options = generation.HouseOptions(rooms=(3, 3), furniture=0.0, surface_objects=0.0, hazards=HazardRates(elicitation=0.0))
    house = generation.generate_with(seed, options)
    house["objects"] = []
    rooms, openings = floor_plan.floor_plan(random.Random(seed), options)
    boxes, is_loose = np.empty((10, 6)), np.zeros(10, np.bool_)
    return house, rooms, ways.Ways(rooms, openings, boxes, 0, is_loose, targets, np.random.default_rng(0))


def _leaves_ways(ground: floor.Floor, box: tuple[float, ...], on_floor: bool = True, is_loose: bool = False) -> bool:
    return floor.leaves_ways(ground, np.array([box], np.float64), on_floor, is_loose)


def test_numbers_are_the_simulators():
    assert floor.CELL_M == interface.REACHABLE_CELL_M and floor.FIT_M == navigation.FIT_RADIUS_M
    assert abs(floor.BODY_TOP_M - robot.BODY_TOP_M) < 1e-3 and floor.WALL_M == structure._WALL_M
    assert walls._WINDOW_BOTTOM_M < floor.BODY_TOP_M


def test_it_is_the_floor_that_the_simulator_reaches():
    for seed in range(20):
        house, _, made = empty_house(seed)
        reachable, origin = navigation.reachable_grid(layout.compile_house(house))
        np.testing.assert_allclose(made.floor.origin, origin, atol=1e-6)
        mine = navigation.largest_component(made.floor.solid_m > floor.FIT_M)
        assert mine.shape == reachable.shape
        assert (mine != reachable).mean() < 0.005  # a node may lie exactly at the limit


def test_a_box_in_a_doorway_cuts_the_house_and_one_in_a_room_does_not():
    cut = 0
    for seed in range(10):
        _, rooms, made = empty_house(seed)
        x, z, _, inward_z = rooms[0].doors[0]
        half_x, half_z = (1.5, 0.2) if inward_z else (0.2, 1.5)  # wider than the widest door
        cut += len(rooms[0].doors) == 1 and not _leaves_ways(made.floor, (x, z, half_x, half_z, 0.0, 0.5))
        assert len(rooms[0].doors) > 1 or not _leaves_ways(made.floor, (x, z, half_x, half_z, 0.0, 0.5))
        assert _leaves_ways(made.floor, (*rooms[0].centre, 0.2, 0.2, 0.0, 0.5))
    assert cut > 2


def test_what_stands_around_a_target_leaves_sides_to_take_it_from():
    _, rooms, _ = empty_house(1)
    x, z = rooms[0].centre
    mug = np.array([x, z, 0.5, 0.1, 0.05])
    _, _, made = empty_house(1, (mug,))
    assert made.floor.n_sides[0] > 20
    aside = (x + 0.12, z, 0.04, 0.15, 0.5, 0.9)
    assert _leaves_ways(made.floor, aside, on_floor=False)
    assert 0 < made.floor.next_n_sides[0] < made.floor.n_sides[0]
    around = (x, z + 0.01, 0.2, 0.2, 0.5, 0.9)
    assert not _leaves_ways(made.floor, around, on_floor=False)


def test_an_arm_passes_over_what_is_low_and_not_through_what_is_high():
    target = np.array([1.0, 0.0, 0.5, 0.1, 0.05])
    low, high = (np.array([[0.7, 0.0, 0.05, 0.05, 0.0, top]]) for top in (0.4, 0.9))
    assert floor.is_free_to_grasp(0.4, 0.0, target, low, 1, floor.ARM_HALF_M)
    assert not floor.is_free_to_grasp(0.4, 0.0, target, high, 1, floor.ARM_HALF_M)
    assert floor.is_free_to_grasp(1.0, -0.6, target, high, 1, floor.ARM_HALF_M)


def test_fewer_nodes_are_nearby_beside_a_wall():
    _, rooms, made = empty_house(4)
    room = max(rooms, key=lambda room: min(room.x1 - room.x0, room.z1 - room.z0))
    in_middle = floor.n_nearby(made.floor.solid_m, made.floor.origin, *room.centre)
    at_wall = floor.n_nearby(made.floor.solid_m, made.floor.origin, room.x0 + 0.25, room.centre[1])
    assert at_wall < in_middle <= math.pi / floor.CELL_M**2 + 10
