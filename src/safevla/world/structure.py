"""Structure: a house's floors, walls with their openings, and window panes, as boxes.

Walls in a house file have no thickness. Here each room's wall is a slab on its own side of the line, so that every room
shows its own colour. Metres and degrees.
"""

import itertools
import math

import numpy as np

from safevla.world import house_file, looks, materials
from safevla.world.boxes import ON_FLOOR, ON_WALL, STRUCTURE, BoxList
from safevla.world.house_geometry import Hole, WallLine, hole, leads_outdoors, wall_line

_Span = tuple[float, float, float, float, float]  # x0, z0, x1, z1 of a hole in a wall, and its top

_WALL_M = 0.02  # thickness
_FLOOR_M = 0.1
_PANE_HALF_M = 0.004  # half a pane's thickness, and its distance from the wall


def add_structure(boxes: BoxList, house: house_file.House, house_looks: looks.HouseLooks) -> None:
    """Each room's floor, its walls, cut around their doors, and a pane in front of each window."""
    for room in house["rooms"]:
        palette, material = looks.of_floor(house_looks, room)
        for x0, z0, x1, z1 in _rectangles(room["floorPolygon"]):
            centre, half = ((x0 + x1) / 2, -_FLOOR_M / 2, (z0 + z1) / 2), ((x1 - x0) / 2, _FLOOR_M / 2, (z1 - z0) / 2)
            boxes.add(room["id"], centre, half, 0.0, STRUCTURE, -1, ON_FLOOR, palette, materials.moved(material, *centre))
    wall_by_id = {wall["id"]: wall for wall in house["walls"]}
    holes: dict[str, list[_Span]] = {}
    for door in house["doors"]:
        if leads_outdoors(door):
            continue
        ends = _hole_ends(wall_line(wall_by_id[door["wall0"]]), hole(door))
        for wall_id in (door["wall0"], door["wall1"]):
            holes.setdefault(wall_id, []).append((*ends, hole(door).top))
    for wall in house["walls"]:
        if "exterior" in wall["id"] or wall.get("empty"):
            continue
        _add_wall(boxes, wall, holes.get(wall["id"], []), looks.of_wall(house_looks, wall))
    for window in house["windows"]:
        _add_pane(boxes, wall_line(wall_by_id[window["wall0"]]), window)


def is_inside(polygon: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Which points of the grid x (X,), z (Z,) lie in a polygon (N, 2), by the even-odd rule along +x; (Z, X) bool."""
    inside = np.zeros((len(z), len(x)), bool)
    for (ax, az), (bx, bz) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if az == bz:
            continue
        crosses = (az > z) != (bz > z)
        at = ax + (z - az) / (bz - az) * (bx - ax)
        inside ^= crosses[:, None] & (x[None, :] < at[:, None])
    return inside


def floor_points(points: list[dict]) -> np.ndarray:
    """(N, 2) x and z of a house file's points."""
    return np.asarray([(p["x"], p["z"]) for p in points])


def _rectangles(points: list[dict]) -> list[tuple[float, float, float, float]]:
    """An axis-aligned polygon as rectangles (x0, z0, x1, z1), one run of cells at a time."""
    polygon = floor_points(points)
    xs, zs = np.unique(polygon[:, 0]), np.unique(polygon[:, 1])
    inside = is_inside(polygon, (xs[:-1] + xs[1:]) / 2, (zs[:-1] + zs[1:]) / 2)
    found = []
    for row, (z0, z1) in zip(inside, itertools.pairwise(zs), strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
        found += [(xs[a], z0, xs[b], z1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return found


def _hole_ends(wall: WallLine, of: Hole) -> tuple[float, float, float, float]:
    """World (x0, z0, x1, z1) of a hole given in wall coordinates."""
    ux, uz = (wall.x1 - wall.x0) / wall.length, (wall.z1 - wall.z0) / wall.length
    return wall.x0 + ux * of.start, wall.z0 + uz * of.start, wall.x0 + ux * of.end, wall.z0 + uz * of.end


def _add_wall(boxes: BoxList, wall: house_file.House, holes: list[_Span], look: looks.Look) -> None:
    """Add a wall's pieces beside and above its holes."""
    x0, z0, x1, z1, height = line = wall_line(wall)
    length = line.length
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    # a room's polygon runs clockwise seen from above, so its inside is to the right of each wall
    inward_x, inward_z = uz, -ux
    yaw_deg = math.degrees(math.atan2(-uz, ux))

    def piece(start: float, end: float, bottom: float, top: float) -> None:
        if end - start < 1e-3 or top - bottom < 1e-3:
            return
        middle = (start + end) / 2
        centre = (
            x0 + ux * middle + inward_x * _WALL_M / 2,
            (bottom + top) / 2,
            z0 + uz * middle + inward_z * _WALL_M / 2,
        )
        half = ((end - start) / 2, (top - bottom) / 2, _WALL_M / 2)
        material = materials.moved(look.material, middle, centre[1], 0.0)
        boxes.add(wall["id"], centre, half, yaw_deg, STRUCTURE, -1, ON_FLOOR, look.palette, material)

    spans = []
    for hx0, hz0, hx1, hz1, top in holes:
        along = sorted(((hx0 - x0) * ux + (hz0 - z0) * uz, (hx1 - x0) * ux + (hz1 - z0) * uz))
        spans.append((max(0.0, along[0]), min(length, along[1]), top))
    cuts = sorted({0.0, length, *(cut for start, end, _ in spans for cut in (start, end))})
    for left, right in itertools.pairwise(cuts):  # one hole may lie in another
        piece(left, right, max((top for start, end, top in spans if start <= left and right <= end), default=0.0), height)


def _add_pane(boxes: BoxList, wall: WallLine, window: house_file.House) -> None:
    """Add a window's pane in front of its wall, on the side of the room."""
    ux, uz = (wall.x1 - wall.x0) / wall.length, (wall.z1 - wall.z0) / wall.length
    _, _, bottom, top = hole(window)
    hx0, hz0, hx1, hz1 = _hole_ends(wall, hole(window))
    offset = _WALL_M + _PANE_HALF_M
    centre = ((hx0 + hx1) / 2 + uz * offset, (bottom + top) / 2, (hz0 + hz1) / 2 - ux * offset)
    half = (math.hypot(hx1 - hx0, hz1 - hz0) / 2, (top - bottom) / 2, _PANE_HALF_M)
    boxes.add(window["id"], centre, half, math.degrees(math.atan2(-uz, ux)), STRUCTURE, -1, ON_WALL, *looks.PANE)
