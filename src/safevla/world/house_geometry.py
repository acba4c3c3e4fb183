"""House geometry: what is where in a house file, and what of it could not be played as it is meant.

Metres. Walls in a house file have no thickness, and four corners: two on the floor and two above them. A hole in a wall is
given by two opposite corners, in any order, as (along, up) from the wall's first corner on the floor.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

MAX_SIDE_M = 100.0  # of the box around a house
MAX_CORNERS = 1000  # of all rooms
_MIN_AREA_M2 = 0.1  # of a room
_MAX_HEIGHT_M = 20.0  # of a wall
_NEAR_M = 0.001  # what is no further from level, or from upright, is meant to be so
_FITS_M = 0.1  # so far a hole may stand over its wall's end, or be off its other wall
_OUTSIDE_M = 0.5  # so far outside the box around the rooms something may be
_MAX_TILT_DEG = 15.0  # of what the physics of whoever made the house has left a little askew

House = dict[str, Any]
Fault = tuple[tuple[int | str, ...], str]  # a JSON path, and what is wrong there


class WallLine(NamedTuple):
    """A wall from its first corner on the floor to its second, and the height of its top."""

    x0: float
    z0: float
    x1: float
    z1: float
    top: float

    @property
    def length(self) -> float:
        return math.hypot(self.x1 - self.x0, self.z1 - self.z0)


class Hole(NamedTuple):
    """A hole in a wall: from where to where along it, and its lower and upper edge."""

    start: float
    end: float
    bottom: float
    top: float


def wall_line(wall: House) -> WallLine:
    """Where a wall of a valid house stands, in its polygon's own order."""
    first, second = _floor_corners(wall["polygon"])
    return WallLine(first["x"], first["z"], second["x"], second["z"], max(point["y"] for point in wall["polygon"]))


def hole(door: House) -> Hole:
    """The hole of a door or window."""
    a, b = door["holePolygon"]
    return Hole(min(a["x"], b["x"]), max(a["x"], b["x"]), min(a["y"], b["y"]), max(a["y"], b["y"]))


def leads_outdoors(door: House) -> bool:
    """Such a door stays shut: the wall behind it is whole."""
    return door["room0"] == door["room1"]


def faults(house: House) -> Iterator[Fault]:
    """What is wrong with a house all of whose values are of the right kind; only the first is sure not to follow from another."""
    yield from _faults_of_rooms(house["rooms"])
    around = _Box.around(house["rooms"])
    yield from _faults_of_walls(house["walls"], around)
    yield from _faults_of_doors(house)
    yield from _faults_of_windows(house)
    yield from _faults_of_objects(house, around)


class _Box(NamedTuple):
    """The box around the rooms."""

    x0: float
    z0: float
    x1: float
    z1: float

    @classmethod
    def around(cls, rooms: list[House]) -> "_Box":
        xs, zs = ([point[axis] for room in rooms for point in room["floorPolygon"]] for axis in "xz")
        return cls(min(xs), min(zs), max(xs), max(zs))

    def lacks(self, point: House) -> str | None:
        """The axis along which a point is outside, if it is."""
        for axis, low, high in (("x", self.x0, self.x1), ("z", self.z0, self.z1)):
            if not low - _OUTSIDE_M <= point[axis] <= high + _OUTSIDE_M:
                return axis
        return None


def _floor_corners(polygon: list[House]) -> list[House]:
    low = min(point["y"] for point in polygon)
    return [point for point in polygon if point["y"] - low < _NEAR_M]


def _faults_of_rooms(rooms: list[House]) -> Iterator[Fault]:
    if sum(len(room["floorPolygon"]) for room in rooms) > MAX_CORNERS:
        yield ("rooms",), f"the rooms have more than {MAX_CORNERS} corners"
    ids = set[str]()
    for index, room in enumerate(rooms):
        path, polygon = ("rooms", index, "floorPolygon"), room["floorPolygon"]
        if room["id"] in ids:
            yield ("rooms", index, "id"), f"{room['id']!r} is another room's id, too"
        ids.add(room["id"])
        if max(abs(point["y"]) for point in polygon) > _NEAR_M:
            yield path, "the floor is not at the height 0"
        yield from ((path, message) for message in _faults_of_outline([(point["x"], point["z"]) for point in polygon]))
    around = _Box.around(rooms)
    if max(around.x1 - around.x0, around.z1 - around.z0) > MAX_SIDE_M:
        yield ("rooms",), f"the house is larger than {MAX_SIDE_M:g} m"


def _faults_of_outline(corners: list[tuple[float, float]]) -> Iterator[str]:
    n = len(corners)
    edges = [(*corners[i], *corners[(i + 1) % n]) for i in range(n)]
    for i in range(n):
        for j in range(i + 2, n):
            if (j + 1) % n != i and _cross(edges[i], edges[j]):
                yield f"the room's outline crosses itself (edges {i} and {j})"
                return
    for i, (ax, az, bx, bz) in enumerate(edges):
        if min(abs(bx - ax), abs(bz - az)) > _NEAR_M:
            yield f"edge {i} runs askew, and floors are made of rectangles along x and z"
            return
    if abs(sum(ax * bz - bx * az for ax, az, bx, bz in edges)) / 2 < _MIN_AREA_M2:
        yield f"the room has less than {_MIN_AREA_M2:g} m² of floor"


def _cross(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    def side(px: float, pz: float, qx: float, qz: float, rx: float, rz: float) -> float:
        return (qx - px) * (rz - pz) - (qz - pz) * (rx - px)

    a, b, c, d = one[:2], one[2:], other[:2], other[2:]
    return side(*a, *b, *c) * side(*a, *b, *d) < 0 and side(*c, *d, *a) * side(*c, *d, *b) < 0


def _faults_of_walls(walls: list[House], around: _Box) -> Iterator[Fault]:
    for index, wall in enumerate(walls):
        path, polygon = ("walls", index, "polygon"), wall["polygon"]
        floor = _floor_corners(polygon)
        if len(floor) != 2:
            yield path, f"two floor points expected, found {len(floor)}"
            continue
        above = [point for point in polygon if all(point is not one for one in floor)]
        if max(abs(point["y"]) for point in floor) > _NEAR_M:
            yield path, "the wall does not begin at the height 0"
        if abs(above[0]["y"] - above[1]["y"]) > _NEAR_M or above[0]["y"] > _MAX_HEIGHT_M:
            yield path, f"the wall's top is not level, or higher than {_MAX_HEIGHT_M:g} m"
        if not all(any(_apart_m(point, one) < _NEAR_M for one in floor) for point in above) or _apart_m(*above) < _NEAR_M:
            yield path, "the upper corners are not above the lower ones, or all are in one place"
        if any(around.lacks(point) for point in polygon):
            yield path, "the wall stands outside the house"


def _apart_m(a: House, b: House) -> float:
    return math.hypot(a["x"] - b["x"], a["z"] - b["z"])


def _faults_of_doors(house: House) -> Iterator[Fault]:
    rooms, walls = {room["id"] for room in house["rooms"]}, _by_id(house["walls"])
    for index, door in enumerate(house["doors"]):
        path = ("doors", index)
        for name in ("room0", "room1"):
            if door[name] not in rooms:
                yield (*path, name), f"there is no room {door[name]!r}"
        line = None
        for name in ("wall0",) if leads_outdoors(door) else ("wall0", "wall1"):
            fault = _no_one_wall(walls, door.get(name))
            if fault:
                yield (*path, name), fault
            elif line is None:
                line = wall_line(walls[door[name]][0])
                yield from _faults_of_hole((*path, "holePolygon"), hole(door), line)
            elif not _lies_on(hole(door), line, wall_line(walls[door[name]][0])):
                yield (*path, name), "the door's hole does not lie in this wall"
        if not leads_outdoors(door):
            if hole(door).bottom > _FITS_M:
                yield (*path, "holePolygon"), "the door does not begin at the floor"
            if door.get("openness") not in (None, 1):
                yield (
                    (*path, "openness"),
                    f"{door['openness']}, but no robot here opens doors: those between rooms are at 1",
                )


def _faults_of_windows(house: House) -> Iterator[Fault]:
    walls = _by_id(house["walls"])
    for index, window in enumerate(house["windows"]):
        fault = _no_one_wall(walls, window["wall0"])
        if fault:
            yield ("windows", index, "wall0"), fault
        else:
            line = wall_line(walls[window["wall0"]][0])
            yield from _faults_of_hole(("windows", index, "holePolygon"), hole(window), line)


def _by_id(walls: list[House]) -> dict[str, list[House]]:
    found: dict[str, list[House]] = {}
    for wall in walls:
        found.setdefault(wall["id"], []).append(wall)
    return found


def _no_one_wall(walls: dict[str, list[House]], name: str | None) -> str | None:
    """What is wrong where a wall's id does not name one wall."""
    n = len(walls.get(name or "", ()))
    return None if n == 1 else f"there are {n} walls {name!r}" if n else f"there is no wall {name!r}"


def _faults_of_hole(path: tuple[int | str, ...], of: Hole, wall: WallLine) -> Iterator[Fault]:
    if of.start < -_FITS_M or of.end > wall.length + _FITS_M or of.bottom < -_FITS_M or of.top > wall.top + _FITS_M:
        yield path, f"the hole does not fit into its wall, {wall.length:.2f} m long and {wall.top:.2f} m high"
    if of.end - of.start < _NEAR_M or of.top - of.bottom < _NEAR_M:
        yield path, "the hole's corners are not opposite ones"


def _lies_on(of: Hole, wall: WallLine, other: WallLine) -> bool:
    """Whether a hole in a wall is in another one, too, which stands back to back with it."""
    ux, uz = (wall.x1 - wall.x0) / wall.length, (wall.z1 - wall.z0) / wall.length
    vx, vz = (other.x1 - other.x0) / other.length, (other.z1 - other.z0) / other.length
    for along in (of.start, of.end):
        x, z = wall.x0 + ux * along - other.x0, wall.z0 + uz * along - other.z0
        if abs(x * vz - z * vx) > _FITS_M or not -_FITS_M <= x * vx + z * vz <= other.length + _FITS_M:
            return False
    return True


def _faults_of_objects(house: House, around: _Box) -> Iterator[Fault]:
    ceiling_m = max(point["y"] for wall in house["walls"] for point in wall["polygon"])
    pending = [(("objects", index), obj) for index, obj in enumerate(house["objects"])]
    for path, obj in pending:  # which grows
        position, turn = obj["position"], obj["rotation"]
        axis = around.lacks(position)
        if axis is None and not -_OUTSIDE_M <= position["y"] <= ceiling_m + _OUTSIDE_M:
            axis = "y"
        if axis is not None:
            yield (*path, "position", axis), f"{obj['id']} stands outside the house"
        up = math.cos(math.radians(turn["x"])) * math.cos(math.radians(turn["z"]))
        if up < math.cos(math.radians(_MAX_TILT_DEG)):
            yield (*path, "rotation"), f"{obj['id']} is tilted by more than {_MAX_TILT_DEG:g}°, and here all things stand upright"
        pending += [((*path, "children", number), child) for number, child in enumerate(obj.get("children") or [])]
