"""Layout: a house's JSON as the arrays that the simulator, the planner and the figures share.

A house is a list of yawed boxes: first the structure (floors, pieces of wall around the openings, lintels, window panes),
then the objects, parents before children. An object gets its asset's box, solid up to where things stand on it, and comes to
rest as `world.support` has it. An asset that is not in the database gets its type's median size, with one warning for the house.
"""

import dataclasses
import warnings

import numpy as np

from safevla.world import appearance, catalogue, house_file, structure, support
from safevla.world.appearance import object_look, sky, tint
from safevla.world.asset_database import AssetSizes, asset_sizes
from safevla.world.boxes import FIXED, MOBILITIES, ON_FLOOR, ON_WALL, BoxList
from safevla.world.structure import add_structure

FLOOR_CELL_M = 0.25
_THINNEST_M = 0.004
_GENERIC_SIZE_M = (0.3, 0.3, 0.3)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One house as arrays; M boxes, of which the first `n_structure` are the structure. Metres and degrees."""

    centre: np.ndarray  # (M, 3)
    half: np.ndarray  # (M, 3) half extents in the box's own frame, of what is solid
    size_m: np.ndarray  # (M, 3) full extents of what is drawn: as solid, and at the top as much higher as a back or headboard is
    yaw_deg: np.ndarray  # (M,)
    mobility: np.ndarray  # (M,) int8: STRUCTURE, FIXED, MOVEABLE or PICKUPABLE, of `world.boxes`
    type_index: np.ndarray  # (M,) int16 into catalogue.TYPES, -1 for the structure
    support: np.ndarray  # (M,) int16 the slot of what the box stands on, or ON_FLOOR or ON_WALL of `world.boxes`
    colour: np.ndarray  # (M, 3) uint8
    pattern: np.ndarray  # (M,) uint8: PLAIN to TILES, of `world.appearance`
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
        """Slot of an object among the boxes; ValueError if the house has none of that id."""
        return self.names.index(object_id)


def compile_house(house: house_file.House, sizes: AssetSizes | None = None) -> Layout:
    """The arrays of a valid house; warns once a house about assets of unknown size."""
    sizes = sizes or asset_sizes()
    boxes = BoxList()
    add_structure(boxes, house)
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
        size_m=np.asarray(boxes.size_m, np.float32),
        yaw_deg=np.asarray(boxes.yaw_deg, np.float32),
        mobility=np.asarray(boxes.mobility, np.int8),
        type_index=np.asarray(boxes.type_index, np.int16),
        support=np.asarray(boxes.support, np.int16),
        colour=np.asarray(boxes.colour, np.uint8),
        pattern=np.asarray(boxes.pattern, np.uint8),
        names=tuple(boxes.names),
        n_structure=n_structure,
        origin=origin,
        room=room,
        lights=appearance.lights(parameters.get("lights") or []),
        ceiling_m=float(ceiling_m),
        ceiling_colour=np.asarray(tint(ceiling, base=225), np.uint8),
        sky_colour=np.asarray(sky(parameters), np.uint8),
    )


def _type_of(obj: house_file.House, sizes: AssetSizes) -> tuple[str | None, tuple[float, float, float], bool]:
    """(type, full extents, known) of an object: by its asset, else by what it says it is or its ids begin with."""
    found = sizes.get(obj["assetId"])
    if found is not None:
        return found[0], found[1], True
    for name in (obj.get("objectType"), obj["id"].split("|")[0], obj["assetId"].split("_")[0]):
        if name in catalogue.TYPES:
            return name, catalogue.TYPES[name].size_m, False
    return None, _GENERIC_SIZE_M, False


def _add_objects(boxes: BoxList, house: house_file.House, sizes: AssetSizes) -> set[str]:
    """Add every object's box where it comes to rest; the assets of unknown size."""
    unknown: set[str] = set()
    bodies: dict[int, support.Body] = {}
    found = list(house_file.objects(house))
    for obj, parent in found:
        type_name, size, known = _type_of(obj, sizes)
        if not known:
            unknown.add(obj["assetId"])
        place = (obj["position"][axis] for axis in "xyz")
        on_wall = parent is None and type_name is not None and catalogue.TYPES[type_name].on_wall
        size = tuple(max(extent, _THINNEST_M) for extent in size)
        below = None if parent is None else bodies[id(parent)]
        bodies[id(obj)] = support.Body(type_name, size, *place, obj["rotation"]["y"], below, on_wall)
    support.settle(list(bodies.values()))
    slot_of: dict[int, int] = {}
    for obj, _ in found:
        body = bodies[id(obj)]
        row = None if body.type_name is None else catalogue.TYPES[body.type_name]
        mobility = FIXED if row is None or body.hangs else MOBILITIES[row.mobility]
        below = ON_WALL if body.hangs else ON_FLOOR if body.parent is None else slot_of[id(body.parent)]
        size_x, _, size_z = body.size_m
        solid_m = body.area.height_m
        slot_of[id(body)] = boxes.add(
            obj["id"], (body.x, body.bottom_m + solid_m / 2, body.z), (size_x / 2, solid_m / 2, size_z / 2), body.yaw_deg,
            mobility, -1 if row is None else row.index, below, *object_look(obj, row), size_m=body.size_m,
        )  # fmt: skip
    return unknown


def _floor_map(house: house_file.House) -> tuple[tuple[float, float], np.ndarray]:
    """(x, z) of the floor map's corner, and which room each cell's middle lies in, (Z, X) int8, -1 outdoors."""
    polygons = [structure.floor_points(room["floorPolygon"]) for room in house["rooms"]]
    corners = np.concatenate(polygons)
    low, high = corners.min(0) - FLOOR_CELL_M, corners.max(0) + FLOOR_CELL_M
    size_x, size_z = np.ceil((high - low) / FLOOR_CELL_M).astype(int)
    x = low[0] + (np.arange(size_x) + 0.5) * FLOOR_CELL_M
    z = low[1] + (np.arange(size_z) + 0.5) * FLOOR_CELL_M
    room = np.full((size_z, size_x), -1, np.int8)
    for number, polygon in enumerate(polygons):
        room[structure.is_inside(polygon, x, z)] = number
    return (float(low[0]), float(low[1])), room
