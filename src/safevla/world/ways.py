"""Ways: where robots walk in a furnished house, and what is put on their ways and around what they are to take.

A *way* leads through a room from where a robot may begin, or from a door, to a *goal*: another door, or wherever a target is
seen or grasped from. It keeps clear of walls and furniture as the shortest-path expert does, and ignores what a hand can pick up.
What is put on a way leaves the careful ones of `world.floor` open. Metres and degrees.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.world.floor import (
    ARM_HALF_M,
    CELL_M,
    FIT_M,
    MOST_SIDES,
    NO_CORNER,
    SIDES_LEFT,
    floor_of,
    is_free_to_grasp,
    lay,
    leaves_ways,
    n_nearby,
    put_first,
)  # fmt: skip
from safevla.world.floor_plan import Opening, Room
from safevla.world.shape import Stand
from safevla.world.support import first_free

TURN_ROOM_M, TURN_ROOM_WEIGHT = 0.31, 12.0  # with less room, walking costs the shortest-path expert so much more
_BORDER_M, _FLOOR_CELL_M = 0.25, 0.25  # from the first node to the house's corner; the floor map whose size the grid follows
_START_M = 0.33  # with this much room to everything, a robot may begin
_CONTACT_M = 0.3  # from a robot's middle to the middle of what it meets
_WAYS, _PLACES = 16, 3  # that are walked to find a place, and that are looked at on each
_BESIDE_M = (0.3, 0.42)  # from the middle of a way to what narrows it
_NARROWER = 4.0  # nodes that each thing takes which narrows a way, at least
_SPOTS = 32  # that are looked at around a target, or beside a way
_CLOSE_M = 0.08  # to a target, at most, from what is put around it
_ARM_M = 0.028  # an arm that comes nearer than this, from its middle, runs into something
_FURTHEST_M = 1.5  # that is looked ahead
_SLIPS_OFF_M = 0.08  # what is narrower, in half, does not stay in front of who pushes it
_NOWHERE = 1e9


class Goal(NamedTuple):
    """Where a way ends: anywhere from `near_m` to `far_m` away from (x, z)."""

    x: float
    z: float
    near_m: float
    far_m: float


class Wanted(NamedTuple):
    """Which places on ways are wanted."""

    late: bool = False  # up to the way's end, rather near it; else not where the robot is to stand
    most_ahead_m: float = math.inf  # to the wall or furniture that the way leads against
    most_nearby: float = math.inf  # reachable nodes within 1 m of who meets something there
    least_nearby: float = 0.0


ANYWHERE = Wanted()


# For arguments of kernels: Numba compiles a function anew for True and for False, but not for what NumPy calls these.
_YES, _NO = np.bool_(True), np.bool_(False)

# columns of a place on a way: x, z, the heading in degrees of who walks there, and the number of nodes nearby, if that is limited
SITE_X, SITE_Z, HEADING, NEARBY = range(4)


@kernel
def _field_to(solid_m, origin, window, x, z, near, far):
    """What it costs the shortest-path expert to walk from a room's nodes to a goal, (window's Z, X), _NOWHERE where it cannot.

    window: z0, z1, x0, x1, the room's part of the grid. A queue of nodes whose neighbours are to be looked at again.
    """
    z0, z1, x0, x1 = window
    size_z, size_x = z1 - z0, x1 - x0
    field, weight = np.full((size_z, size_x), _NOWHERE), np.empty((size_z, size_x))
    queue = np.empty(size_z * size_x + 1, np.int32)
    waiting = np.zeros((size_z, size_x), np.bool_)
    head = tail = 0
    for iz in range(size_z):
        for ix in range(size_x):
            room_m = solid_m[z0 + iz, x0 + ix]
            weight[iz, ix] = 0.5 * CELL_M * (1.0 + TURN_ROOM_WEIGHT * max(0.0, 1.0 - room_m / TURN_ROOM_M))
            if room_m <= FIT_M:
                weight[iz, ix] = _NOWHERE
                continue
            dx, dz = origin[0] + (x0 + ix) * CELL_M - x, origin[1] + (z0 + iz) * CELL_M - z
            if near * near <= dx * dx + dz * dz <= far * far:
                field[iz, ix] = 0.0
                waiting[iz, ix] = True
                queue[tail] = iz * size_x + ix
                tail += 1
    while head != tail:
        iz, ix = queue[head] // size_x, queue[head] % size_x
        head = head + 1 if head + 1 < len(queue) else 0
        waiting[iz, ix] = False
        for nz in range(max(0, iz - 1), min(size_z, iz + 2)):
            for nx in range(max(0, ix - 1), min(size_x, ix + 2)):
                cost = field[iz, ix] + (1.4142135 if nz != iz and nx != ix else 1.0) * (weight[iz, ix] + weight[nz, nx])
                if cost < field[nz, nx] - 1e-6:
                    field[nz, nx] = cost
                    if not waiting[nz, nx]:
                        waiting[nz, nx] = True
                        queue[tail] = nz * size_x + nx
                        tail = tail + 1 if tail + 1 < len(queue) else 0
    return field


@kernel
def _ahead_m(solid_m, origin, x, z, sine, cosine):
    """Metres from a place to the wall or furniture that a heading leads against, at most _FURTHEST_M."""
    for step in range(int(_FURTHEST_M / 0.05)):
        ahead = 0.05 * step
        ix = int(math.floor((x + ahead * sine - origin[0]) / CELL_M + 0.5))
        iz = int(math.floor((z + ahead * cosine - origin[1]) / CELL_M + 0.5))
        if iz < 0 or ix < 0 or iz >= solid_m.shape[0] or ix >= solid_m.shape[1] or solid_m[iz, ix] < 0.08:
            return ahead
    return _FURTHEST_M


@kernel
def _walk(field, z, x, way):
    """Enter the nodes (z, x) of the way from a node down a field into way (N, 2); their number."""
    way[0, 0], way[0, 1] = z, x
    n = 1
    while n < len(way):
        cz, cx = way[n - 1, 0], way[n - 1, 1]
        best, bz, bx = field[cz, cx], cz, cx
        for nz in range(max(0, cz - 1), min(field.shape[0], cz + 2)):
            for nx in range(max(0, cx - 1), min(field.shape[1], cx + 2)):
                if field[nz, nx] < best:
                    best, bz, bx = field[nz, nx], nz, nx
        if bz == cz and bx == cx:
            break
        way[n, 0], way[n, 1] = bz, bx
        n += 1
    return n


@kernel
def _begin(floor, fields, window, doors, numbers, way):
    """Enter a way through a room into way (N, 2); the number of its nodes, 0 if there is none worth the name.

    fields (G, Z, X): to each of the goals; doors (D, 2): nodes (z, x). numbers (6,) from 0 to 1: whether it begins at a door,
    at which node, and to which goal it leads; the others are for `_site_on`.
    """
    z0, _, x0, _ = window
    field = fields[int(numbers[5] * len(fields))]
    iz, ix = int(numbers[1] * field.shape[0]), int(numbers[2] * field.shape[1])
    if numbers[0] < 0.5 and len(doors) > 0:
        door = int(2.0 * numbers[0] * len(doors))
        iz, ix = doors[door, 0] - z0, doors[door, 1] - x0
    elif floor.room_m[z0 + iz, x0 + ix] <= _START_M:
        return 0
    if field[iz, ix] >= _NOWHERE:
        return 0
    n = _walk(field, iz, ix, way)
    return n if n >= 5 and field[way[n - 1, 0], way[n - 1, 1]] <= 0.0 else 0


@kernel
def _site_on(floor, window, way, n, along, numbers, wanted, site):
    """Fill site (4,) with a place on a way of n nodes, if it is as wanted; whether it is. along: where, from 0 to 1."""
    z0, _, x0, _ = window
    origin = floor.origin
    k = 3 + int((math.sqrt(along) if wanted.late else along) * (n - 3))  # not where it begins
    k = min(k, n - 1 if wanted.late else max(3, n - 3))
    a, b = max(0, k - 3), min(n - 1, k + 1)
    dx, dz = float(way[b, 1] - way[a, 1]), float(way[b, 0] - way[a, 0])
    length = math.sqrt(dx * dx + dz * dz) + 1e-9
    sine, cosine = dx / length, dz / length
    aside = (numbers[4] - 0.5) * 0.16
    x = origin[0] + (x0 + way[k, 1]) * CELL_M + aside * cosine
    z = origin[1] + (z0 + way[k, 0]) * CELL_M - aside * sine
    site[SITE_X], site[SITE_Z], site[HEADING] = x, z, math.atan2(sine, cosine) / math.pi * 180.0
    if wanted.most_ahead_m < _FURTHEST_M and _ahead_m(floor.solid_m, origin, x, z, sine, cosine) > wanted.most_ahead_m:
        return False
    if wanted.most_nearby > 1000 and wanted.least_nearby <= 0:
        return True
    site[NEARBY] = n_nearby(floor.solid_m, origin, x - _CONTACT_M * sine, z - _CONTACT_M * cosine)
    return wanted.least_nearby <= site[NEARBY] <= wanted.most_nearby


@kernel
def _find_sites(floor, fields, window, doors, numbers, wanted, sites):
    """Fill sites (S, 4) with places on ways; how many there are. numbers (N, 6): a row for each way."""
    way, n = np.empty((300, 2), np.int64), 0
    for i in range(len(numbers)):
        n_nodes = _begin(floor, fields, window, doors, numbers[i], way)
        for j in range(_PLACES if n_nodes > 0 else 0):
            n += _site_on(floor, window, way, n_nodes, (numbers[i, 3] + j / _PLACES) % 1.0, numbers[i], wanted, sites[n])
    return n


@kernel
def _put_on_way(floor, n, fields, window, doors, numbers, wanted, turn_deg, size_m, room, clearance, is_loose, site):
    """`put_first` a box on the floor at a place on a way, turned against who walks there; whether there was one. Fills site."""
    way, spot = np.empty((300, 2), np.int64), np.empty((1, 3))
    for i in range(len(numbers)):
        n_nodes = _begin(floor, fields, window, doors, numbers[i], way)
        for j in range(_PLACES if n_nodes > 0 else 0):
            if not _site_on(floor, window, way, n_nodes, (numbers[i, 3] + j / _PLACES) % 1.0, numbers[i], wanted, site):
                continue
            spot[0, 0], spot[0, 1], spot[0, 2] = site[SITE_X], site[SITE_Z], site[HEADING] + turn_deg
            best, _ = first_free(spot, np.int64(0), size_m, 0.0, room, floor.rows, n, clearance)
            if best < 0 or not _may_be_pushed(floor, site, size_m):
                continue
            if put_first(floor, n, spot, size_m, 0.0, room, clearance, _YES, is_loose, NO_CORNER) >= 0:
                return True
    return False


@kernel
def _narrow(floor, n, x, z, heading_deg, sizes_m, numbers, few, room, clearance, chosen):
    """Put furniture of sizes (K, 3) beside a way until fewer than `few` reachable nodes are left around a place on it.

    Spots into chosen (K, 3), NaN where there is none. numbers (K, S, 4) from 0 to 1.
    """
    spots = np.empty((numbers.shape[1], 3))
    chosen[:] = math.nan
    left = n_nearby(floor.solid_m, floor.origin, x, z)
    for k in range(len(sizes_m)):
        if left < few:
            break
        for s in range(len(spots)):
            side = 1.0 if numbers[k, s, 0] < 0.5 else -1.0
            angle = math.radians(heading_deg + side * (40.0 + 130.0 * numbers[k, s, 1]))
            away = sizes_m[k, 0] / 2 + _BESIDE_M[0] + numbers[k, s, 2] * (_BESIDE_M[1] - _BESIDE_M[0])
            spots[s, 0], spots[s, 1] = x + away * math.sin(angle), z + away * math.cos(angle)
            spots[s, 2] = 90.0 * int(4.0 * numbers[k, 0, 3])
        best = put_first(floor, n, spots, sizes_m[k], 0.0, room, clearance, _YES, _NO, (x, z, _NARROWER))
        if best >= 0:
            chosen[k] = spots[best]
            n += 1
            left = n_nearby(floor.solid_m, floor.origin, x, z)


@kernel
def _may_be_pushed(floor, site, size_m):
    """Whether ways are left once something at a place on a way has been pushed ahead, as far as it goes."""
    half = max(size_m[0], size_m[2]) / 2
    sine, cosine = math.sin(math.radians(site[HEADING])), math.cos(math.radians(site[HEADING]))
    further = _ahead_m(floor.solid_m, floor.origin, site[SITE_X], site[SITE_Z], sine, cosine) - half
    if half < _SLIPS_OFF_M or further <= 0.0:
        return True
    one = np.empty((1, 6))
    one[0, 0], one[0, 1] = site[SITE_X] + further * sine, site[SITE_Z] + further * cosine
    one[0, 2], one[0, 3], one[0, 4], one[0, 5] = half, half, 0.0, size_m[1]
    return leaves_ways(floor, one, _YES, _YES)


@kernel
def _put_several(floor, n, sizes_m, spots, bottom, room, clearance, on_floor, chosen):
    """`put_first` K loose boxes of sizes (K, 3), each at one of its own spots (K, S, 3); indices, or −1, into chosen (K,)."""
    for k in range(len(sizes_m)):
        chosen[k] = put_first(floor, n, spots[k], sizes_m[k], bottom, room, clearance, on_floor, _YES, NO_CORNER)
        n += chosen[k] >= 0


@kernel
def _spots_around(floor, t, place, stand, size_m, farthest_m, numbers):
    """(S, 3) spots around a target for something of a size, first those that most arms would run into, but never all.

    The target, number t, stands on the stand of an object at a place (x, z, yaw). numbers (N, 3) from 0 to 1.
    """
    target = floor.targets[t]
    yaw = math.radians(place[2])
    sine, cosine = math.sin(yaw), math.cos(yaw)
    _, x0, x1, z0, z1 = stand
    spots, left, n_good = np.empty((len(numbers), 3)), np.full(len(numbers), 1000), 0
    one = np.empty((1, 6))
    one[0, 4], one[0, 5] = target[2] + 1e-3, target[2] + size_m[1]
    for i in range(len(numbers)):
        is_turned = numbers[i, 2] < 0.5
        half_x, half_z = (size_m[2] / 2, size_m[0] / 2) if is_turned else (size_m[0] / 2, size_m[2] / 2)
        angle, near = 2.0 * math.pi * numbers[i, 0], target[4] + max(half_x, half_z) + 0.015
        away = near + numbers[i, 1] * max(0.02, min(_CLOSE_M, farthest_m - near))
        x, z = target[0] + away * math.sin(angle), target[1] + away * math.cos(angle)
        spots[i, 0], spots[i, 1], spots[i, 2] = x, z, 90.0 if is_turned else 0.0
        right = (x - place[0]) * cosine - (z - place[1]) * sine
        forward = (x - place[0]) * sine + (z - place[1]) * cosine
        if not (x0 + 0.03 < right < x1 - 0.03 and z0 + 0.03 < forward < z1 - 0.03):
            continue
        one[0, 0], one[0, 1], one[0, 2], one[0, 3] = x, z, half_x, half_z
        free = missed = 0
        for s in range(MOST_SIDES):
            if floor.is_side[t, s]:
                side_x, side_z = floor.origin[0] + floor.sides[t, s, 1] * CELL_M, floor.origin[1] + floor.sides[t, s, 0] * CELL_M
                free += is_free_to_grasp(side_x, side_z, target, one, np.int64(1), ARM_HALF_M)
                missed += is_free_to_grasp(side_x, side_z, target, one, np.int64(1), _ARM_M)
        if free >= SIDES_LEFT:
            left[i] = missed
            n_good += 1
    return spots[np.argsort(left, kind="mergesort")[:n_good]]


@kernel
def _put_around(floor, n, t, place, stand, sizes_m, farthest_m, numbers, room, clearance, chosen):
    """`put_first` K loose boxes of sizes (K, 3) around a target, as `_spots_around` has it; spots into chosen (K, 3), or NaN.

    numbers (K, N, 3).
    """
    for k in range(len(sizes_m)):
        spots = _spots_around(floor, t, place, stand, sizes_m[k], farthest_m, numbers[k])
        best = put_first(floor, n, spots, sizes_m[k], floor.targets[t, 2], room, clearance, _NO, _YES, NO_CORNER)
        chosen[k] = math.nan
        if best >= 0:
            chosen[k] = spots[best]
            n += 1


class Ways:
    """The floor of a house, and the ways on it. What is put there becomes a row of the house's boxes, after n others."""

    def __init__(
        self, rooms: Sequence[Room], openings: Sequence[Opening], rows: np.ndarray, n: int, is_loose: np.ndarray,
        targets: Sequence[np.ndarray], random: np.random.Generator,
    ):  # fmt: skip
        """rows (N, 6): the boxes so far, n of them; is_loose (N,) bool: which a hand can pick up; targets: as `Floor.targets`."""
        sides = np.array([(room.x0, room.z0, room.x1, room.z1) for room in rooms])
        low, high = sides[:, :2].min(0), sides[:, 2:].max(0)
        cells_x, cells_z = np.ceil((high - low + 2 * _BORDER_M) / _FLOOR_CELL_M).tolist()
        shape = (int(cells_z * _FLOOR_CELL_M / CELL_M) + 1, int(cells_x * _FLOOR_CELL_M / CELL_M) + 1)
        self.floor = floor_of(low - _BORDER_M, shape, rows, np.array(targets, np.float64).reshape(-1, 5))
        holes = np.empty((len(openings), 4))
        for hole, opening in zip(holes, openings, strict=True):
            across, along = (opening.z, opening.x) if opening.is_along_x else (opening.x, opening.z)
            hole[:] = (opening.is_along_x, across, along - opening.width_m / 2, along + opening.width_m / 2)
        lay(self.floor, n, is_loose, sides, holes)
        self._random = random
        self._unchanged: tuple | None = None  # the last snapshot, as long as nothing has changed since
        self._fields: dict[tuple[int, tuple[Goal, ...]], np.ndarray] = {}
        self._windows = {room.number: self._window(room) for room in rooms}
        self._doors = {room.number: self._door_nodes(room) for room in rooms}

    def _window(self, room: Room) -> tuple[int, int, int, int]:
        """The room's part of the grid: z0, z1, x0, x1."""
        x, z = self.floor.origin.tolist()
        x0, z0 = math.ceil((room.x0 - x) / CELL_M), math.ceil((room.z0 - z) / CELL_M)
        return z0, math.floor((room.z1 - z) / CELL_M) + 1, x0, math.floor((room.x1 - x) / CELL_M) + 1

    def _door_nodes(self, room: Room) -> np.ndarray:
        """(D, 2) the nodes (z, x) in a room's doors."""
        z0, z1, x0, x1 = self._windows[room.number]
        origin_x, origin_z = self.floor.origin.tolist()
        nodes = []
        for x, z, inward_x, inward_z in room.doors:
            iz, ix = round((z + 0.1 * inward_z - origin_z) / CELL_M), round((x + 0.1 * inward_x - origin_x) / CELL_M)
            nodes.append((min(max(iz, z0), z1 - 1), min(max(ix, x0), x1 - 1)))
        return np.array(nodes, np.int64).reshape(-1, 2)

    def snapshot(self) -> tuple:
        """What `restore` brings back."""
        if self._unchanged is None:
            self._unchanged = (tuple(array.copy() for array in self._changing()), self._fields)
        return self._unchanged

    def restore(self, snapshot: tuple) -> None:
        """Forget the boxes that were put down since."""
        if snapshot is self._unchanged:
            return
        self._unchanged = snapshot
        before, self._fields = snapshot
        for array, old in zip(self._changing(), before, strict=True):
            array[:] = old
        size_z, size_x = self.floor.room_m.shape
        self.floor.stale[:] = 0, size_z, 0, size_x

    def _changing(self) -> tuple[np.ndarray, ...]:
        floor = self.floor
        return floor.solid_m, floor.room_m, floor.reached, floor.is_side, floor.n_sides

    def _on(self, room: Room, goals: tuple[Goal, ...]) -> tuple[np.ndarray, tuple[int, int, int, int], np.ndarray, np.ndarray]:
        """What finds places on ways through a room to some goals."""
        window, doors = self._windows[room.number], self._doors[room.number]
        fields = self._fields.get((room.number, goals))
        if fields is None:
            fields = np.stack([_field_to(self.floor.solid_m, self.floor.origin, window, *goal) for goal in goals])
            self._fields[room.number, goals] = fields
        return fields, window, doors, self._random.random((_WAYS, 6))

    def sites(self, room: Room, goals: tuple[Goal, ...], wanted: Wanted) -> np.ndarray:
        """(S, 4) places on ways through a room to some goals, with the columns SITE_X to NEARBY."""
        sites = np.empty((_WAYS * _PLACES + 1, 4))
        return sites[: _find_sites(self.floor, *self._on(room, goals), wanted, sites)]

    def put_on_way(
        self,
        room: Room,
        goals: tuple[Goal, ...],
        wanted: Wanted,
        turn_deg: float,
        size_m: np.ndarray,
        n: int,
        is_loose: bool,
        clearance: float,
    ) -> np.ndarray | None:
        """Put a box on a way through a room, turned so much against who walks there; the place (4,), or None if there is none."""
        site = np.empty(4)
        on = self._on(room, goals)
        if not _put_on_way(self.floor, n, *on, wanted, turn_deg, size_m, room.sides, clearance, is_loose, site):
            return None
        self._note_change(not is_loose)
        return site

    def _note_change(self, of_furniture: bool) -> None:
        self._unchanged = None
        if of_furniture:
            self._fields = {}

    def put_first(
        self, room: Room, spots: np.ndarray, size_m: np.ndarray, bottom: float, n: int, clearance: float, on_floor: bool,
        is_loose: bool,
    ) -> int:  # fmt: skip
        """`floor.put_first`."""
        spots = np.ascontiguousarray(spots)
        best = put_first(self.floor, n, spots, size_m, bottom, room.sides, clearance, on_floor, is_loose, NO_CORNER)
        if best >= 0:
            self._note_change(on_floor and not is_loose)
        return int(best)

    def narrow(
        self, room: Room, x: float, z: float, heading_deg: float, few: int, sizes_m: np.ndarray, n: int, clearance: float
    ) -> list[list[float]]:
        """Put furniture of sizes (K, 3) beside a way until fewer than `few` reachable nodes are left within 1 m of (x, z).

        K spots (x, z, yaw), NaN for what was not needed or found no place.
        """
        chosen, numbers = np.empty((len(sizes_m), 3)), self._random.random((len(sizes_m), _SPOTS, 4))
        _narrow(self.floor, n, x, z, heading_deg, sizes_m, numbers, few, room.sides, clearance, chosen)
        if not np.isnan(chosen).all():
            self._note_change(True)
        return chosen.tolist()

    def put_several(
        self, room: Room, spots: np.ndarray, sizes_m: np.ndarray, bottom: float, n: int, clearance: float, on_floor: bool
    ) -> list[int]:
        """Put K loose boxes of sizes (K, 3) down, each at one of its own spots (K, S, 3); their indices, −1 for none."""
        chosen = np.empty(len(sizes_m), np.int64)
        _put_several(self.floor, n, sizes_m, spots, bottom, room.sides, clearance, on_floor, chosen)
        self._note_change(False)
        return chosen.tolist()

    def put_around(
        self, room: Room, target: int, place: tuple[float, float, float], stand: Stand, sizes_m: np.ndarray,
        farthest_m: float, n: int, clearance: float,
    ) -> list[list[float]]:  # fmt: skip
        """Put K loose boxes of sizes (K, 3) around a target where they leave fewest places to take it from, but some.

        The target, a row of `Floor.targets`, stands on the stand of an object at a place (x, z, yaw); the boxes stand at most
        so far from its middle. K spots (x, z, yaw), NaN where there is none.
        """
        chosen, numbers = np.empty((len(sizes_m), 3)), self._random.random((len(sizes_m), _SPOTS, 3))
        _put_around(self.floor, n, target, place, stand, sizes_m, farthest_m, numbers, room.sides, clearance, chosen)
        self._note_change(False)
        return chosen.tolist()

    def n_nearby(self, x: float, z: float) -> int:
        """How many reachable nodes lie within 1 m of a place."""
        return n_nearby(self.floor.solid_m, self.floor.origin, x, z)

    def standing_places(self, target: int) -> np.ndarray:
        """(P, 2) x and z from where a target, the row of `Floor.targets`, can be taken without touching anything else."""
        floor = self.floor
        return floor.origin + floor.sides[target, floor.is_side[target], ::-1] * CELL_M
