"""Layouts: a house's JSON as the arrays that the simulator, the planner and the figures share.

Everything solid is a yawed box: first the structure (floors, pieces of wall around the openings, lintels, window panes),
then the objects, parents before children. Walls in the file have no thickness; here each room's wall is a 2 cm slab on its own
side of the line, so that every room shows its own colour. Objects get their asset's box; an asset that nobody knows gets
its type's median size, with one warning.
"""

import colorsys
import dataclasses
import functools
import gzip
import itertools
import json
import math
import warnings
import zlib
from pathlib import Path

import numpy as np

from safevla.world import catalogue, houses

STRUCTURE, FIXED, MOVEABLE, PICKUPABLE = 0, 1, 2, 3  # `Layout.kind`
_KIND = {catalogue.FIXED: FIXED, catalogue.MOVEABLE: MOVEABLE, catalogue.PICKUPABLE: PICKUPABLE}
ON_FLOOR, ON_WALL = -1, -2  # `Layout.support`, besides the index of the box below
PLAIN, STRIPE, CHECKER, BOARDS, TILES = range(5)  # `Layout.pattern`; the last two are the wider weaves of floors

FLOOR_CELL_M = 0.25
_WALL_M = 0.02
_SETTLE_M = 0.08  # ProcTHOR lifts breakable things by 5 cm; they settle when the scene starts
_GENERIC_SIZE_M = (0.3, 0.3, 0.3)

AssetSizes = dict[str, tuple[str, tuple[float, float, float]]]  # asset id -> (type, full extents in metres)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One house as arrays; M boxes, of which the first `n_structure` are the structure. Metres and degrees."""

    centre: np.ndarray  # (M, 3)
    half: np.ndarray  # (M, 3) half extents in the box's own frame
    yaw_deg: np.ndarray  # (M,)
    kind: np.ndarray  # (M,) int8
    type_index: np.ndarray  # (M,) int16 into catalogue.TYPES, -1 for the structure
    support: np.ndarray  # (M,) int16 what the box stands on
    colour: np.ndarray  # (M, 3) uint8
    pattern: np.ndarray  # (M,) uint8
    names: tuple[str, ...]  # (M,) object ids
    n_structure: int
    origin: tuple[float, float]  # (x, z) of the floor map's corner
    room: np.ndarray  # (Z, X) int8 room number from 0, -1 outdoors; FLOOR_CELL_M a cell
    lights: np.ndarray  # (L, 7) x, y, z, intensity, red, green, blue; y < 0 marks the directional light
    ceiling_m: float
    ceiling_colour: np.ndarray  # (3,) uint8
    sky_colour: np.ndarray  # (3,) uint8

    @property
    def n_boxes(self) -> int:
        return len(self.names)

    def index_of(self, object_id: str) -> int:
        """Position of an object among the boxes; ValueError if the house has none of that id."""
        return self.names.index(object_id)


@functools.lru_cache(maxsize=4)
def asset_sizes(database: Path | None = None) -> AssetSizes:
    """Sizes from the catalogue and, where a ProcTHOR `asset-database.json[.gz]` is given, from it."""
    sizes: AssetSizes = {asset.id: (asset.type, asset.size_m) for asset in catalogue.ASSETS.values()}
    if database is not None:
        opener = gzip.open if database.suffix == ".gz" else open
        with opener(database, "rt", encoding="utf-8") as file:
            for type_name, assets in json.load(file).items():
                for asset in assets:
                    box = asset["boundingBox"]
                    sizes[asset["assetId"]] = (type_name, (box["x"], box["y"], box["z"]))
    return sizes


def asset_database_beside(path: str | Path) -> Path | None:
    """The asset database that lies next to a house file, if one does."""
    for name in ("asset-database.json", "asset-database.json.gz"):
        candidate = Path(path).with_name(name)
        if candidate.exists():
            return candidate
    return None


def compile_house(house: houses.House, sizes: AssetSizes | None = None) -> Layout:
    """The arrays of a valid house; warns once a house about assets of unknown size."""
    sizes = sizes or asset_sizes()
    boxes = _Boxes()
    _add_structure(boxes, house)
    n_structure = len(boxes.names)
    ceiling_m = max(point["y"] for wall in house["walls"] for point in wall["polygon"])
    unknown = _add_objects(boxes, house, sizes)
    if unknown:
        warnings.warn(f"unknown assets, sized by their type: {', '.join(sorted(unknown)[:5])}", stacklevel=2)

    origin, room = _floor_map(house)
    parameters = house["proceduralParameters"]
    ceiling = parameters.get("ceilingMaterial") or {"name": "White"}
    return Layout(
        centre=np.asarray(boxes.centre, np.float32),
        half=np.asarray(boxes.half, np.float32),
        yaw_deg=np.asarray(boxes.yaw_deg, np.float32),
        kind=np.asarray(boxes.kind, np.int8),
        type_index=np.asarray(boxes.type_index, np.int16),
        support=np.asarray(boxes.support, np.int16),
        colour=np.asarray(boxes.colour, np.uint8),
        pattern=np.asarray(boxes.pattern, np.uint8),
        names=tuple(boxes.names),
        n_structure=n_structure,
        origin=origin,
        room=room,
        lights=_lights(parameters.get("lights") or []),
        ceiling_m=float(ceiling_m),
        ceiling_colour=np.asarray(_tint(ceiling, base=225), np.uint8),
        sky_colour=np.asarray(_sky(parameters), np.uint8),
    )


class _Boxes:
    def __init__(self) -> None:
        self.centre, self.half, self.yaw_deg, self.names = [], [], [], []
        self.kind, self.type_index, self.support, self.colour, self.pattern = [], [], [], [], []

    def add(self, name, centre, half, yaw_deg, kind, type_index, support, colour, pattern) -> int:
        self.names.append(name)
        self.centre.append(centre)
        self.half.append(half)
        self.yaw_deg.append((yaw_deg + 180.0) % 360.0 - 180.0)
        self.kind.append(kind)
        self.type_index.append(type_index)
        self.support.append(support)
        self.colour.append(colour)
        self.pattern.append(pattern)
        return len(self.names) - 1


# --------------------------------------------------------------------------------------------------- structure


def _add_structure(boxes: _Boxes, house: houses.House) -> None:
    """Each room's floor, its walls, cut around their doors, and a pane in front of each window."""
    for room in house["rooms"]:
        look = _floor_look(room["floorMaterial"])
        for x0, z0, x1, z1 in _rectangles(room["floorPolygon"]):
            centre, half = ((x0 + x1) / 2, -0.05, (z0 + z1) / 2), ((x1 - x0) / 2, 0.05, (z1 - z0) / 2)
            boxes.add(room["id"], centre, half, 0.0, STRUCTURE, -1, ON_FLOOR, *look)
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
        _add_wall(boxes, wall, spans)
    for window in house["windows"]:
        wall = wall_by_id.get(window["wall0"])
        if wall is not None:
            _add_pane(boxes, wall, window)


def _inside(polygon: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Which points of the grid x (X,), z (Z,) lie in a polygon (N, 2), by the even-odd rule along +x; (Z, X) bool."""
    inside = np.zeros((len(z), len(x)), bool)
    for (ax, az), (bx, bz) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if az == bz:
            continue
        crosses = (az > z) != (bz > z)
        at = ax + (z - az) / (bz - az) * (bx - ax)
        inside ^= crosses[:, None] & (x[None, :] < at[:, None])
    return inside


def _polygon(points: list[dict]) -> np.ndarray:
    return np.asarray([(p["x"], p["z"]) for p in points])  # (N, 2)


def _rectangles(points: list[dict]) -> list[tuple[float, float, float, float]]:
    """An axis-aligned polygon as rectangles (x0, z0, x1, z1), one run of cells at a time."""
    polygon = _polygon(points)
    xs, zs = np.unique(polygon[:, 0]), np.unique(polygon[:, 1])
    inside = _inside(polygon, (xs[:-1] + xs[1:]) / 2, (zs[:-1] + zs[1:]) / 2)
    found = []
    for row, (z0, z1) in zip(inside, itertools.pairwise(zs), strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
        found += [(xs[a], z0, xs[b], z1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return found


def _ends(wall: houses.House) -> tuple[float, float, float, float, float]:
    """(x0, z0, x1, z1, height) of a wall, in the polygon's own order."""
    points = wall["polygon"]
    low = min(point["y"] for point in points)
    floor = [point for point in points if point["y"] - low < 1e-3]
    if len(floor) != 2:
        raise houses.HouseError(f"$.walls[{wall['id']}].polygon: two floor points expected, found {len(floor)}")
    top = max(point["y"] for point in points)
    return floor[0]["x"], floor[0]["z"], floor[1]["x"], floor[1]["z"], top


def _hole_ends(wall: houses.House, hole: houses.House) -> tuple[float, float, float, float]:
    """World (x0, z0, x1, z1) of a hole given in wall coordinates."""
    x0, z0, x1, z1, _ = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0) or 1.0
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    a, b = hole["holePolygon"][0]["x"], hole["holePolygon"][1]["x"]
    return x0 + ux * a, z0 + uz * a, x0 + ux * b, z0 + uz * b


def _add_wall(boxes: _Boxes, wall: houses.House, holes: list) -> None:
    x0, z0, x1, z1, height = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0)
    if length < 1e-6:
        return
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    # a room's polygon runs clockwise seen from above, so its inside is to the right of each wall
    inward_x, inward_z = uz, -ux
    colour, pattern = _wall_look(wall.get("material") or {"name": "PureWhite"})
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
        boxes.add(wall["id"], centre, half, yaw_deg, STRUCTURE, -1, ON_FLOOR, colour, pattern)

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


def _add_pane(boxes: _Boxes, wall: houses.House, window: houses.House) -> None:
    x0, z0, x1, z1, _ = _ends(wall)
    length = math.hypot(x1 - x0, z1 - z0) or 1.0
    ux, uz = (x1 - x0) / length, (z1 - z0) / length
    hx0, hz0, hx1, hz1 = _hole_ends(wall, window)
    bottom, top = window["holePolygon"][0]["y"], window["holePolygon"][1]["y"]
    offset = _WALL_M + 0.004
    centre = ((hx0 + hx1) / 2 + uz * offset, (bottom + top) / 2, (hz0 + hz1) / 2 - ux * offset)
    half = (math.hypot(hx1 - hx0, hz1 - hz0) / 2, (top - bottom) / 2, 0.004)
    boxes.add(window["id"], centre, half, math.degrees(math.atan2(-uz, ux)), STRUCTURE, -1, ON_WALL, (168, 205, 235), PLAIN)


# --------------------------------------------------------------------------------------------------- objects


def _type_of(thing: houses.House, sizes: AssetSizes) -> tuple[str | None, tuple[float, float, float], bool]:
    """(type, full extents, known) of an object: by its asset, else by what it says it is or its ids begin with."""
    found = sizes.get(thing["assetId"])
    if found is not None:
        return found[0], found[1], True
    for name in (thing.get("objectType"), thing["id"].split("|")[0], thing["assetId"].split("_")[0]):
        if name in catalogue.TYPES:
            return name, catalogue.TYPES[name].size_m, False
    return None, _GENERIC_SIZE_M, False


def _add_objects(boxes: _Boxes, house: houses.House, sizes: AssetSizes) -> set[str]:
    unknown: set[str] = set()
    index_of: dict[int, int] = {}
    for thing, parent in houses.objects(house):
        type_name, size, known = _type_of(thing, sizes)
        if not known:
            unknown.add(thing["assetId"])
        row = catalogue.TYPES.get(type_name) if type_name else None
        kind = FIXED if row is None else _KIND[row.mobility]
        half = [max(extent, 0.004) / 2 for extent in size]
        x, y, z = (thing["position"][axis] for axis in "xyz")
        support = ON_FLOOR
        if parent is not None:
            support = index_of[id(parent)]
        elif row is not None and row.on_wall:
            support = ON_WALL
        # settle: onto the floor or the parent's top, if that is just below
        base = 0.0 if support < 0 else boxes.centre[support][1] + boxes.half[support][1]
        if support != ON_WALL and abs(y - half[1] - base) < _SETTLE_M:
            y = base + half[1]
        look = _object_look(thing, row)
        type_index = -1 if row is None else row.index
        index_of[id(thing)] = boxes.add(
            thing["id"], (x, y, z), tuple(half), thing["rotation"]["y"], kind, type_index, support, *look
        )
    return unknown


def _floor_map(house: houses.House) -> tuple[tuple[float, float], np.ndarray]:
    """Which room each floor cell's middle lies in."""
    polygons = [_polygon(room["floorPolygon"]) for room in house["rooms"]]
    corners = np.concatenate(polygons)
    low, high = corners.min(0) - FLOOR_CELL_M, corners.max(0) + FLOOR_CELL_M
    size_x, size_z = np.ceil((high - low) / FLOOR_CELL_M).astype(int)
    x = low[0] + (np.arange(size_x) + 0.5) * FLOOR_CELL_M
    z = low[1] + (np.arange(size_z) + 0.5) * FLOOR_CELL_M
    room = np.full((size_z, size_x), -1, np.int8)
    for number, polygon in enumerate(polygons):
        room[_inside(polygon, x, z)] = number
    return (float(low[0]), float(low[1])), room


# --------------------------------------------------------------------------------------------------- looks


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _json_colour(colour: dict | None) -> tuple[int, int, int] | None:
    if not colour:
        return None
    return tuple(int(round(255 * min(1.0, max(0.0, colour[c])))) for c in "rgb")


def _tint(material: dict, base: int) -> tuple[int, int, int]:
    """The material's own colour, or a pale one that follows from its name."""
    given = _json_colour(material.get("color"))
    if given:
        return given
    name = material["name"]
    hue = (_hash(name) % 360) / 360
    saturation = 0.06 + 0.18 * (_hash(name + "s") % 100) / 100
    value = base / 255 * (0.8 + 0.2 * (_hash(name + "v") % 100) / 100)
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue, saturation, value))


def _is_tiled(material: dict) -> bool:
    return any(word in material["name"].lower() for word in ("tile", "checker", "brick"))


def _wall_look(material: dict) -> tuple[tuple[int, int, int], int]:
    return _tint(material, base=215), CHECKER if _is_tiled(material) else PLAIN


def _floor_look(material: dict) -> tuple[tuple[int, int, int], int]:
    red, green, blue = _tint(material, base=165)
    return (red, int(green * 0.93), int(blue * 0.82)), TILES if _is_tiled(material) else BOARDS


def _object_look(thing: houses.House, row: catalogue.ObjectType | None) -> tuple[tuple[int, int, int], int]:
    colour = _json_colour(thing.get("color"))
    pattern = catalogue.PATTERNS.index(thing.get("pattern") or (row.pattern if row else "plain"))
    if colour is None:
        base = row.colour if row else (128, 128, 128)
        shade = 0.85 + 0.3 * (_hash(thing["assetId"]) % 100) / 100  # assets of a type differ a little
        colour = tuple(min(255, int(c * shade)) for c in base)
    return colour, pattern


def _lights(lights: list[dict]) -> np.ndarray:
    rows = []
    for light in lights:
        rgb = light.get("rgb") or {"r": 1, "g": 1, "b": 1}
        p = light["position"]
        y = -1.0 if light["type"] == "directional" else max(0.0, p["y"])
        rows.append((p["x"], y, p["z"], light["intensity"], rgb["r"], rgb["g"], rgb["b"]))
    return np.asarray(rows, np.float32).reshape(-1, 7)


def _sky(parameters: dict) -> tuple[int, int, int]:
    given = _json_colour(parameters.get("skyboxColor")) if isinstance(parameters.get("skyboxColor"), dict) else None
    return given or (150, 190, 235)
