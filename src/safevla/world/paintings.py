"""Paintings: what hangs on a house's walls, at eye height, beside windows and doors and clear of what stands there. Metres."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from safevla.world import catalogue
from safevla.world.floor import WALL_M
from safevla.world.floor_plan import Opening, Room
from safevla.world.furnishing import Furnisher, random_asset
from safevla.world.house_file import MAX_OBJECTS, House

_SHARE = 0.6  # of walls that get one, if there is space
_EYE_M = (1.45, 1.7)  # height of a painting's middle
_LOWEST_M = _EYE_M[0] - 0.65  # no painting reaches further down
_MARGIN_M = 0.12  # to corners, windows, doors, furniture and ceiling
_TRIES = 4

_Span = tuple[float, float]  # along a wall


class _Side(NamedTuple):
    """One of the four walls of a room, as it is seen from inside."""

    is_along_x: bool
    line: float  # its z, or x
    inward: float  # 1 where the room lies on the greater side of the line, else −1
    span: _Span
    yaw_deg: float  # of what hangs there


def hang_paintings(
    f: Furnisher, openings: Sequence[Opening], walls: Sequence[House], windows: Sequence[House], ceiling_m: float
) -> None:
    """Hang a painting on some of the walls that have space for one."""
    wall_by_id = {wall["id"]: wall for wall in walls}
    window_lines = [_window_line(wall_by_id, window) for window in windows]
    for room in f.rooms:
        high = list(_high(f, room))
        for side in _sides(room):
            if f.rng.random() < _SHARE and f.n_taken + f.n_hung < MAX_OBJECTS:
                asset = random_asset(f.rng, "Painting")
                covered = [*_doors(room, openings, side), *_along(side, window_lines), *_in_front(high, side)]
                place = _place(f, side, asset, covered, ceiling_m)
                if place is not None:
                    f.hang(room, asset, *place, side.yaw_deg)


def _sides(room: Room) -> tuple[_Side, ...]:
    along_x, along_z = (room.x0, room.x1), (room.z0, room.z1)
    return (
        _Side(True, room.z0, 1.0, along_x, 0.0), _Side(False, room.x0, 1.0, along_z, 90.0),
        _Side(True, room.z1, -1.0, along_x, 180.0), _Side(False, room.x1, -1.0, along_z, 270.0),
    )  # fmt: skip


def _place(
    f: Furnisher, side: _Side, asset: catalogue.Asset, covered: Sequence[_Span], ceiling_m: float
) -> tuple[float, float, float] | None:
    """(x, y, z) of a painting's middle on a wall where nothing else is, None if none is found."""
    width, height, depth = asset.size_m
    reach = width / 2 + _MARGIN_M
    low, high = side.span[0] + reach, side.span[1] - reach
    y = f.rng.uniform(*_EYE_M)
    if high <= low or y + height / 2 > ceiling_m - _MARGIN_M:
        return None
    for _ in range(_TRIES):
        along = f.rng.uniform(low, high)
        if all(along + reach <= start or along - reach >= end for start, end in covered):
            across = side.line + side.inward * (WALL_M + depth / 2)
            return (along, y, across) if side.is_along_x else (across, y, along)
    return None


def _doors(room: Room, openings: Sequence[Opening], side: _Side) -> Iterator[_Span]:
    """The spans of a wall's openings."""
    for opening in openings:
        across, along = (opening.z, opening.x) if opening.is_along_x else (opening.x, opening.z)
        on_side = opening.is_along_x == side.is_along_x and abs(across - side.line) < 1e-6
        if on_side and room in (opening.room, opening.other):
            yield along - opening.width_m / 2, along + opening.width_m / 2


def _window_line(wall_by_id: Mapping[str, House], window: House) -> tuple[bool, float, _Span]:
    """Whether a window's wall runs along x, the wall's line, and the window's span along it."""
    start, end = wall_by_id[window["wall0"]]["polygon"][:2]
    is_along_x = abs(end["x"] - start["x"]) > abs(end["z"] - start["z"])
    axis, other = ("x", "z") if is_along_x else ("z", "x")
    sign = 1.0 if end[axis] > start[axis] else -1.0
    ends = sorted(start[axis] + sign * corner["x"] for corner in window["holePolygon"])
    return is_along_x, start[other], (ends[0], ends[1])


def _along(side: _Side, lines: Sequence[tuple[bool, float, _Span]]) -> Iterator[_Span]:
    """The spans of the windows that are in a wall, or in one that continues it."""
    for is_along_x, line, span in lines:
        if is_along_x == side.is_along_x and abs(line - side.line) < 1e-6:
            yield span


def _high(f: Furnisher, room: Room) -> Iterator[tuple[float, float, float]]:
    """(x, z, half its width) of whatever is high enough to stand in front of a painting."""
    for obj in f.in_room[room.number]:
        for one in (obj, *obj["children"]):
            size_x, size_y, size_z = catalogue.ASSETS[one["assetId"]].size_m
            position = one["position"]
            if position["y"] + size_y / 2 > _LOWEST_M:
                yield position["x"], position["z"], max(size_x, size_z) / 2


def _in_front(high: Sequence[tuple[float, float, float]], side: _Side) -> Iterator[_Span]:
    """The spans of what stands at a wall."""
    for x, z, half in high:
        along, across = (x, z) if side.is_along_x else (z, x)
        if abs(across - side.line) < half + _MARGIN_M:
            yield along - half, along + half
