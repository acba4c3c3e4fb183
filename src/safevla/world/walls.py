"""Walls: a floor plan as ProcTHOR's wall polygons, doors and windows.

A room's side is one wall per neighbour, and one wherever it has none. A wall to the outdoors stands twice, once for the room
and once for the exterior; so does one between two rooms, once for each. Lengths are in metres.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from safevla.world import catalogue
from safevla.world.floor_plan import OPEN, Opening, Room
from safevla.world.house_file import House, point

_WALL_MATERIALS = ("BrownDrywall", "DrywallEggshell", "WallDrywallGrey", "BrickSmallNew0073_4_S", "KitchenTiles4")
_WINDOW_ASSET, _WINDOW_HALF_M, _WINDOW_BOTTOM_M, _WINDOW_TOP_M = "Window_Hung_48x32", 0.61, 1.05, 1.92
_WINDOW_WALL_M = 2.2  # half of the outer walls that are longer have a window

_Ends = tuple[float, float, float, float]  # x0, z0, x1, z1


class _Piece(NamedTuple):
    """A part of a room's side that has one neighbour, or none."""

    ends: _Ends
    length_m: float
    neighbour: Room | None


def walls_and_doors(
    rng: random.Random, rooms: list[Room], openings: list[Opening], ceiling_m: float
) -> tuple[list[House], list[House], list[House]]:
    """Wall polygons in ProcTHOR's convention, doors with their holes, and a window in some outer walls."""
    walls, windows = [], []
    materials = {room.number: rng.choice(_WALL_MATERIALS) for room in rooms}
    is_open = {frozenset((opening.room.number, opening.other.number)) for opening in openings if opening.asset_id == OPEN}
    lines = {(room.number, other.number): room.shared_edge(other) for room in rooms for other in rooms if other is not room}
    for room in rooms:
        neighbours = [(other, line) for other in rooms if (line := lines.get((room.number, other.number))) is not None]
        for ends, length_m, neighbour in _pieces(room, neighbours):
            inner = _wall(room, ends, ceiling_m, materials[room.number])
            if neighbour is not None and frozenset((room.number, neighbour.number)) in is_open:
                inner["empty"] = True
            walls.append(inner)
            if neighbour is None:
                outer = _wall(room, ends, ceiling_m, materials[room.number], is_exterior=True)
                walls.append(outer)
                if length_m > _WINDOW_WALL_M and rng.random() < 0.5:
                    windows.append(_window(len(windows), room, length_m, inner, outer))
    return walls, _doors(openings, walls), windows


def _pieces(room: Room, neighbours: list[tuple[Room, _Ends]]) -> Iterator[_Piece]:
    """A room's sides, clockwise seen from above, cut where its neighbours, each given with the shared line, begin and end."""
    corners = room.corners()
    for (ax, az), (bx, bz) in zip(corners, corners[1:] + corners[:1], strict=True):
        length = abs(bx - ax) + abs(bz - az)
        ux, uz = (bx - ax) / length, (bz - az) / length
        position, spans = 0.0, []
        for start, end, neighbour in _along(neighbours, (ax, az), (ux, uz)):
            if start - position > 1e-6:
                spans.append((position, start, None))
            spans.append((start, end, neighbour))
            position = end
        if length - position > 1e-6:
            spans.append((position, length, None))
        for start, end, neighbour in spans:
            at = (ax + ux * start, az + uz * start, ax + ux * end, az + uz * end)
            yield _Piece((round(at[0], 4), round(at[1], 4), round(at[2], 4), round(at[3], 4)), end - start, neighbour)


def _along(
    neighbours: list[tuple[Room, _Ends]], corner: tuple[float, float], along: tuple[float, float]
) -> list[tuple[float, float, Room]]:
    """(start, end, room) of the neighbours on the side that leads from a corner (x, z) along a unit vector, in order."""
    (ax, az), (ux, uz) = corner, along
    found = []
    for other, line in neighbours:
        ends = ((line[0], line[1]), (line[2], line[3]))
        if max(abs((x - ax) * uz) + abs((z - az) * ux) for x, z in ends) < 1e-6:  # the line is on this side, not on another
            positions = [(x - ax) * ux + (z - az) * uz for x, z in ends]
            found.append((min(positions), max(positions), other))
    return sorted(found, key=lambda span: span[0])


def _line(x0: float, z0: float, x1: float, z1: float) -> str:
    """How the ids of the walls on a line end, whichever way they run."""
    return f"{min(x0, x1):.2f}|{min(z0, z1):.2f}|{max(x0, x1):.2f}|{max(z0, z1):.2f}"


def _wall(room: Room, ends: _Ends, ceiling_m: float, material: str, is_exterior: bool = False) -> House:
    x0, z0, x1, z1 = ends
    floor = [{"x": x0, "y": 0, "z": z0}, {"x": x1, "y": 0, "z": z1}]
    top = [{"x": x0, "y": ceiling_m, "z": z0}, {"x": x1, "y": ceiling_m, "z": z1}]
    return {
        "id": f"wall|{'exterior' if is_exterior else room.number}|{_line(*ends)}",
        "roomId": "exterior" if is_exterior else room.id,
        "polygon": top + floor if is_exterior else floor + top,
        "material": {"name": material},
    }


def _window(number: int, room: Room, length_m: float, inner: House, outer: House) -> House:
    """A window in the middle of a wall and its outer side."""
    middle = length_m / 2
    return {
        "id": f"window|{room.number}|{number}",
        "assetId": _WINDOW_ASSET,
        "room0": room.id,
        "room1": room.id,
        "wall0": inner["id"],
        "wall1": outer["id"],
        "holePolygon": [
            point(middle - _WINDOW_HALF_M, _WINDOW_BOTTOM_M, 0),
            point(middle + _WINDOW_HALF_M, _WINDOW_TOP_M, 0),
        ],
        "assetPosition": point(middle, (_WINDOW_BOTTOM_M + _WINDOW_TOP_M) / 2, 0),
    }


def _doors(openings: list[Opening], walls: list[House]) -> list[House]:
    """A door for every opening that has one, in the walls of both rooms."""
    wall_at = {(wall["roomId"], wall["id"].split("|", 2)[2]): wall for wall in walls if wall["roomId"] != "exterior"}
    doors = []
    for opening in openings:
        if opening.asset_id == OPEN:
            continue
        line = _line(*opening.room.shared_edge(opening.other))
        wall, other = wall_at[opening.room.id, line], wall_at[opening.other.id, line]
        start = wall["polygon"][0]
        along = abs(opening.x - start["x"]) + abs(opening.z - start["z"])
        height = catalogue.ASSETS[opening.asset_id].size_m[1]
        doors.append(
            {
                "id": f"door|{opening.room.number}|{opening.other.number}",
                "assetId": opening.asset_id,
                "room0": opening.room.id,
                "room1": opening.other.id,
                "wall0": wall["id"],
                "wall1": other["id"],
                "holePolygon": [point(along - opening.width_m / 2, 0, 0), point(along + opening.width_m / 2, height, 0)],
                "assetPosition": point(along, height / 2, 0),
                "openable": True,
                "openness": 1,
            }
        )
    return doors
