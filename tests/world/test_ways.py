"""Ways: the same floor as the simulator's, ways that lead to their goals, and boxes that would cut them."""

import random

import numpy as np

from safevla.sim import interface, navigation, robot
from safevla.world import floor_plan, generation, layout, structure, walls, ways
from safevla.world.house_file import House


def _empty(seed: int) -> tuple[House, list[floor_plan.Room], ways.Ways]:
    """A house of three rooms without furniture, and its ways."""
    options = generation.HouseOptions(rooms=(3, 3), furniture=0.0, surface_objects=0.0, hazards={"elicitation": 0.0})
    house = generation.generate_with(seed, options)
    house["objects"] = []
    rooms, openings = floor_plan.floor_plan(random.Random(seed), options)
    return house, rooms, ways.Ways(rooms, openings, np.empty((10, 6)), 0, np.zeros(10, np.bool_))


def test_numbers_are_the_simulators():
    assert ways.CELL_M == interface.REACHABLE_CELL_M and ways.FIT_M == navigation.FIT_RADIUS_M
    assert abs(ways.BODY_TOP_M - robot.BODY_TOP_M) < 1e-3 and ways.WALL_M == structure._WALL_M
    assert walls._WINDOW_BOTTOM_M < ways.BODY_TOP_M


def test_the_floor_is_the_one_that_the_simulator_reaches():
    for seed in range(20):
        house, _, floor = _empty(seed)
        reachable, origin = navigation.reachable_grid(layout.compile_house(house))
        np.testing.assert_allclose(floor.origin, origin, atol=1e-6)
        mine = navigation.largest_component(floor._solid_m > ways.FIT_M)
        assert mine.shape == reachable.shape
        assert (mine != reachable).mean() < 0.005  # a node may lie exactly at the limit


def test_ways_lead_from_everywhere_to_their_goal():
    house, rooms, floor = _empty(1)
    rng = random.Random(0)
    for room in rooms:
        goal = ways.Goal(*room.centre, 0.0, 0.4)
        sites = floor.sites(room, goal, rng, 40)
        assert len(sites) > 10
        for site in sites:
            assert room.x0 < site.x < room.x1 and room.z0 < site.z < room.z1 and 0 <= site.ahead_m <= 1.5


def test_a_box_in_a_doorway_cuts_the_house_and_one_in_a_room_does_not():
    house, rooms, floor = _empty(2)
    x, z, inward_x, inward_z = rooms[0].doors[0]
    wide = 2.2  # as the widest door
    in_door = np.array([x, z, wide / 2 if inward_z else 0.2, wide / 2 if inward_x else 0.2, 0.0, 0.5])
    if len(rooms[0].doors) == 1:
        assert not floor.stays_open(in_door)
    assert floor.stays_open(np.array([*rooms[0].centre, 0.2, 0.2, 0.0, 0.5]))


def test_what_is_restored_is_as_it_was():
    _, rooms, floor = _empty(3)
    before = floor.snapshot()
    again = floor.snapshot()
    floor.add(np.array([*rooms[0].centre, 0.3, 0.3, 0.0, 0.5]), False)
    assert not np.array_equal(before[0], floor.snapshot()[0])
    floor.restore(again)
    for old, new in zip(before, floor.snapshot(), strict=True):
        assert np.array_equal(old, new)
