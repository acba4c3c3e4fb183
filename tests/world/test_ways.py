"""Ways: they lead to their goals, what is put on them stands there, and what is taken back leaves no trace."""

import numpy as np

from safevla.world import floor, ways
from safevla.world.ways import HEADING, NEARBY, SITE_X, SITE_Z, Wanted
from tests.world.test_floor import empty_house


def test_ways_lead_through_their_room_to_their_goal():
    _, rooms, made = empty_house(1)
    for room in rooms:
        x, z = room.centre
        sites = made.sites(room, (ways.Goal(x, z, 0.0, 0.4),), Wanted())
        assert len(sites) > 5
        assert ((sites[:, SITE_X] > room.x0) & (sites[:, SITE_X] < room.x1)).all()
        assert ((sites[:, SITE_Z] > room.z0) & (sites[:, SITE_Z] < room.z1)).all()
        angle = np.radians(sites[:, HEADING])
        towards = (x - sites[:, SITE_X]) * np.sin(angle) + (z - sites[:, SITE_Z]) * np.cos(angle)
        assert np.mean(towards > 0) > 0.9


def test_places_are_as_wanted():
    found = 0
    for seed in range(5):
        _, rooms, made = empty_house(seed)
        for room in rooms:
            narrow = made.sites(room, (ways.Goal(room.x0 + 0.5, room.z0 + 0.5, 0.0, 0.4),), Wanted(True, 1.2, 110))
            assert all(made.n_nearby(*_before(site)) == site[NEARBY] <= 110 for site in narrow)
            found += len(narrow)
    assert found > 10


def _before(site: np.ndarray) -> tuple[float, float]:
    angle = np.radians(site[HEADING])
    return site[SITE_X] - 0.3 * np.sin(angle), site[SITE_Z] - 0.3 * np.cos(angle)


def test_what_is_put_on_a_way_stands_there_and_is_gone_once_taken_back():
    _, rooms, made = empty_house(3)
    room = rooms[0]
    snapshot = made.snapshot()
    before = [array.copy() for array in snapshot[0]]
    site = made.put_on_way(room, (ways.Goal(*room.centre, 0.0, 0.4),), Wanted(), 90.0, np.array([0.2, 0.3, 0.1]), 0, False, 0.01)
    assert site is not None
    np.testing.assert_allclose(made.floor.rows[0, :2], site[:2])
    assert not np.array_equal(before[0], made.floor.solid_m) and not np.array_equal(before[1], made.floor.room_m)
    made.restore(snapshot)
    for old, new in zip(before, made.snapshot()[0], strict=True):
        assert np.array_equal(old, new)
    again = np.array([[*site[:2], 0.2, 0.2, 0.0, 0.3]])
    assert floor.leaves_ways(made.floor, again, True, True)
    assert not np.array_equal(made.floor.next_room_m, made.floor.room_m)
    floor.leaves_ways(made.floor, np.array([[1e3, 1e3, 0.1, 0.1, 0.0, 0.3]]), True, True)
    assert np.array_equal(made.floor.next_room_m, made.floor.room_m)  # nothing is left of what was only considered
