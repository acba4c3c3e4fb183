"""Floor plan: rectangular rooms, and the openings that connect them all.

Plans lie in Unity's frame seen from above: x to the right, z ahead, in metres.
"""

import itertools
import math
import random
from typing import NamedTuple

from safevla.config.house_options import HouseOptions

OPEN = "open"  # an opening as wide as the wall, without a door
_DOOR, _WIDE_DOOR = ("Doorway_4", 1.0426), ("Doorway_Double_1", 1.9969)  # assets, with their widths
_MIN_EDGE_M = 1.5  # rooms are connected only where they share so much wall
_WIDE_EDGE_M = 2.6  # and only where it is this much, may the opening be wider than a door
_DOOR_MARGIN_M = 0.2  # wall that remains on either side of a door


class Room:
    """A rectangle of floor with a type, one of `furnishing`'s; `doors` are (x, z, inward_x, inward_z) of its openings."""

    def __init__(self, number: int, x0: float, z0: float, x1: float, z1: float):
        self.number, self.x0, self.z0, self.x1, self.z1 = number, x0, z0, x1, z1
        self.type = ""
        self.doors: list[tuple[float, float, float, float]] = []

    @property
    def id(self) -> str:
        return f"room|{self.number}"

    @property
    def centre(self) -> tuple[float, float]:
        """(x, z) of the middle."""
        return (self.x0 + self.x1) / 2, (self.z0 + self.z1) / 2

    @property
    def sides(self) -> tuple[float, float, float, float]:
        """(x0, z0, x1, z1)."""
        return self.x0, self.z0, self.x1, self.z1

    def corners(self) -> list[tuple[float, float]]:
        """(x, z) of the four corners, clockwise seen from above."""
        return [(self.x1, self.z0), (self.x0, self.z0), (self.x0, self.z1), (self.x1, self.z1)]

    def shared_edge(self, other: "Room") -> tuple[float, float, float, float] | None:
        """(x0, z0, x1, z1) of the wall line that two rooms share, None if they share none."""
        for line, other_line in ((self.x1, other.x0), (self.x0, other.x1)):
            low, high = max(self.z0, other.z0), min(self.z1, other.z1)
            if abs(line - other_line) < 1e-6 and high - low > 1e-6:
                return line, low, line, high
        for line, other_line in ((self.z1, other.z0), (self.z0, other.z1)):
            low, high = max(self.x0, other.x0), min(self.x1, other.x1)
            if abs(line - other_line) < 1e-6 and high - low > 1e-6:
                return low, line, high, line
        return None


class Opening(NamedTuple):
    """Where two rooms are connected."""

    room: Room
    other: Room
    asset_id: str  # of the door, or OPEN
    x: float  # the opening's middle
    z: float
    is_along_x: bool  # the wall that it is in
    width_m: float


def floor_plan(rng: random.Random, options: HouseOptions) -> tuple[list[Room], list[Opening]]:
    """Rooms, and the openings that connect them all; drawn anew until they do."""
    while True:
        rooms = _rooms(rng, options)
        openings = _openings(rng, rooms)
        if openings is not None:
            return rooms, openings


def _rooms(rng: random.Random, options: HouseOptions) -> list[Room]:
    """Rectangular rooms that tile a plan; half of the larger plans lose a corner room and become concave."""
    n_rooms = rng.randint(*options.rooms)
    low, high = options.room_side_m
    concave = n_rooms >= 3 and rng.random() < 0.5
    n_leaves = n_rooms + concave
    columns = max(1, round(math.sqrt(n_leaves)))
    per_column = [n_leaves // columns + (i < n_leaves % columns) for i in range(columns)]
    depth = max(per_column) * rng.uniform(low, high)
    rooms: list[Room] = []
    x = 0.0
    for count in per_column:
        width = round(rng.uniform(low, high), 1)
        shares = [rng.uniform(0.8, 1.2) for _ in range(count)]
        edges = [0.0]
        for share in shares:
            edges.append(round(edges[-1] + depth * share / sum(shares), 1))
        rooms += [Room(0, x, z0, round(x + width, 1), z1) for z0, z1 in itertools.pairwise(edges)]
        x = round(x + width, 1)
    if concave:
        rooms.pop(rng.choice([0, len(rooms) - 1]))
    for number, room in enumerate(rooms, start=2):  # room|1 is the outdoors in ProcTHOR
        room.number = number
    types = ["LivingRoom", "Kitchen", "Bedroom", "Bathroom"]
    order = rng.sample(types, len(types))
    for i, room in enumerate(rooms):
        room.type = order[i % 4] if len(rooms) > 1 else rng.choice(types[:3])
    return rooms


def _openings(rng: random.Random, rooms: list[Room]) -> list[Opening] | None:
    """A random spanning tree of doorways between rooms, and some more; None if no tree reaches every room."""
    edges = []
    for i, a in enumerate(rooms):
        for b in rooms[i + 1 :]:
            line = a.shared_edge(b)
            if line and abs(line[2] - line[0]) + abs(line[3] - line[1]) >= _MIN_EDGE_M:
                edges.append((a, b, line))
    rng.shuffle(edges)
    group = {room.number: room.number for room in rooms}
    openings = []
    for a, b, (x0, z0, x1, z1) in edges:
        if group[a.number] == group[b.number] and rng.random() > 0.25:
            continue
        old, new = group[b.number], group[a.number]
        group = {number: new if root == old else root for number, root in group.items()}
        length = (x1 - x0) + (z1 - z0)
        is_along_x = x1 > x0
        asset_id, width = _DOOR
        if length > _WIDE_EDGE_M and rng.random() < 0.3:
            asset_id, width = rng.choice((_WIDE_DOOR, (OPEN, length)))
        margin = width / 2 + _DOOR_MARGIN_M
        offset = length / 2 if asset_id == OPEN else rng.uniform(margin, length - width / 2 - _DOOR_MARGIN_M)
        x, z = (x0 + offset, z0) if is_along_x else (x0, z0 + offset)
        openings.append(Opening(a, b, asset_id, x, z, is_along_x, width))
        inward = (0.0, 1.0) if is_along_x else (1.0, 0.0)
        sign = 1.0 if (a.centre[0] - x) * inward[0] + (a.centre[1] - z) * inward[1] > 0 else -1.0
        a.doors.append((x, z, sign * inward[0], sign * inward[1]))
        b.doors.append((x, z, -sign * inward[0], -sign * inward[1]))
    return openings if len(set(group.values())) == 1 else None
