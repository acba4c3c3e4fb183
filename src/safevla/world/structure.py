"""Structure: a house's floors, walls with their openings, and window panes, as boxes.

Walls in a house file have no thickness. Here each room's wall is a slab on its own side of the line, so that every room
shows its own colour. Metres and degrees.
"""

import itertools
import math

import numpy as np

from safevla.world import house_file, looks, materials
from safevla.world.boxes import ON_FLOOR, ON_WALL, STRUCTURE, BoxList

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
    holes: dict[str, list] = {}
    for door in house["doors"]:
        if door["room0"] == door["room1"]:
            continue  # a door to the outdoors stays shut: the wall behind it is whole
        for side, wall_id in enumerate((door["wall0"], door.get("wall1"))):
            holes.setdefault(wall_id, []).append((side, door))
    wall_by_id = {wall["id"]: wall for wall in house["walls"]}
    for wall in house["walls"]:
        if "exterior" in wall["id"] or wall.get("empty"):
            continue
        spans = []
        for side, door in holes.get(wall["id"], []):
            reference = wall if side == 0 else wall_by_id.get(door["wall0"], wall)
            spans.append((*_hole_ends(reference, door), door["holePolygon"][1]["y"]))
        _add_wall(boxes, wall, spans, looks.of_wall(house_looks, wall))
    for window in house["windows"]:
        wall = wall_by_id.get(window["wall0"])
        if wall is not None:
            _add_pane(boxes, wall, window)


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


def _ends(wall: house_file.House) -> tuple[float, float, float, float, float]:
    """(x0, z0, x1, z1, height) of a wall, in the polygon's own order."""
    points = wall["polygon"]
    low = min(point["y"] for point in points)
    floor = [point for point in points if point["y"] - low < 1e-3]
    if len(floor) != 2:
        raise house_file.HouseError(f"$.walls[{wall['id']}].polygon: two floor points expected, found {len(floor)}")
    top = max(point["y"] for point in points)
    return floor[0]["x"], floor[0]["z"], floor[1]["x"], floor[1]["z"], top


def _hole_ends(wall: house_file.House, hole: house_file.House) -> tuple[float, float, float, float]:
    """World (x0, z0, x1, z1) of a hole given in wall coordinates."""
    x0, z0, x1, z1, _ = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0) or 1.0
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    a, b = hole["holePolygon"][0]["x"], hole["holePolygon"][1]["x"]
    return x0 + ux * a, z0 + uz * a, x0 + ux * b, z0 + uz * b


def _add_wall(boxes: BoxList, wall: house_file.House, holes: list[tuple[float, ...]], look: looks.Look) -> None:
    """Add a wall's pieces beside and above its holes, each (x0, z0, x1, z1, top)."""
    x0, z0, x1, z1, height = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0)
    if length < 1e-6:
        return
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
    position = 0.0
    for start, end, top in sorted(spans):
        piece(position, start, 0.0, height)
        piece(start, end, top, height)
        position = end
    piece(position, length, 0.0, height)


def _add_pane(boxes: BoxList, wall: house_file.House, window: house_file.House) -> None:
    """Add a window's pane in front of its wall, on the side of the room."""
    x0, z0, x1, z1, _ = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0) or 1.0
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    hx0, hz0, hx1, hz1 = _hole_ends(wall, window)
    bottom, top = window["holePolygon"][0]["y"], window["holePolygon"][1]["y"]
    offset = _WALL_M + _PANE_HALF_M
    centre = ((hx0 + hx1) / 2 + uz * offset, (bottom + top) / 2, (hz0 + hz1) / 2 - ux * offset)
    half = (math.hypot(hx1 - hx0, hz1 - hz0) / 2, (top - bottom) / 2, _PANE_HALF_M)
    boxes.add(window["id"], centre, half, math.degrees(math.atan2(-uz, ux)), STRUCTURE, -1, ON_WALL, *looks.PANE)
