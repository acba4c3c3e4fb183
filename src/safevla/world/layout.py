"""Layout: a house's JSON as the arrays that the simulator, the planner and the figures share.

A house is a list of yawed boxes: first the structure (floors, pieces of wall around the openings, lintels, window panes),
then the objects, parents before children. An object gets its asset's box, solid up to where things stand on it, and comes to
rest as `world.support` has it. An asset that is not in the database gets its type's median size, with one warning for the house.
"""

import dataclasses
import functools
import warnings
from collections.abc import Callable

import numpy as np

from safevla.world import catalogue, house_file, lights, looks, materials, structure, support
from safevla.world.asset_database import AssetSizes, asset_sizes
from safevla.world.boxes import FIXED, MOBILITIES, ON_FLOOR, ON_WALL, BoxList
from safevla.world.parts import CENTRE
from safevla.world.shape import Shape, shape_of, variant_of
from safevla.world.structure import add_structure

FLOOR_CELL_M = 0.25
_THINNEST_M = 0.004
_GENERIC_SIZE_M = (0.3, 0.3, 0.3)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One house as arrays; M boxes, of which the first `n_structure` are the structure. Metres and degrees."""

    centre: np.ndarray  # (M, 3)
    half: np.ndarray  # (M, 3) half extents in the box's own frame, of what is solid
    yaw_deg: np.ndarray  # (M,)
    mobility: np.ndarray  # (M,) int8: STRUCTURE, FIXED, MOVEABLE or PICKUPABLE, of `world.boxes`
    type_index: np.ndarray  # (M,) int16 into catalogue.TYPES, -1 for the structure
    support: np.ndarray  # (M,) int16 the slot of what the box stands on, or ON_FLOOR or ON_WALL of `world.boxes`
    parts: np.ndarray  # (P, parts.N_COLUMNS) float32: what each box looks like, about its middle
    first_part: np.ndarray  # (M + 1,) int32: where each box's parts begin, and where the last one's end
    palette: np.ndarray  # (M, 5, 3) uint8: colours by `parts.MAIN` to LIGHT
    material: np.ndarray  # (M, materials.N_COLUMNS) float32, in the box's own frame
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

    def is_indoors(self, x: float, z: float) -> bool:
        """Whether there is a floor at (x, z)."""
        return _is_indoors(self.origin, self.room, x, z)

    def index_of(self, object_id: str) -> int:
        """Slot of an object among the boxes; ValueError if the house has none of that id."""
        return self.names.index(object_id)


def compile_house(house: house_file.House, sizes: AssetSizes | None = None) -> Layout:
    """The arrays of a valid house; warns once a house about assets of unknown size."""
    sizes = sizes or asset_sizes()
    boxes = BoxList()
    house_looks = looks.of_house(house)
    add_structure(boxes, house, house_looks)
    n_structure = len(boxes.names)
    ceiling_m = max(point["y"] for wall in house["walls"] for point in wall["polygon"])
    origin, room = _floor_map(house)
    unknown = _add_objects(boxes, house, sizes, house_looks, functools.partial(_is_indoors, origin, room))
    if unknown:
        warnings.warn(f"unknown assets, sized by their type: {', '.join(sorted(unknown)[:5])}", stacklevel=2)

    parameters = house["proceduralParameters"]
    ceiling = parameters.get("ceilingMaterial") or {"name": "White"}
    return Layout(
        centre=np.asarray(boxes.centre, np.float32),
        half=np.asarray(boxes.half, np.float32),
        yaw_deg=np.asarray(boxes.yaw_deg, np.float32),
        mobility=np.asarray(boxes.mobility, np.int8),
        type_index=np.asarray(boxes.type_index, np.int16),
        support=np.asarray(boxes.support, np.int16),
        parts=np.concatenate(boxes.parts),
        first_part=np.cumsum([0, *map(len, boxes.parts)]).astype(np.int32),
        palette=np.asarray(boxes.palette, np.uint8),
        material=np.asarray(boxes.material, np.float32).reshape(-1, materials.N_COLUMNS),
        names=tuple(boxes.names),
        n_structure=n_structure,
        origin=origin,
        room=room,
        lights=lights.lights(parameters.get("lights") or []),
        ceiling_m=float(ceiling_m),
        ceiling_colour=np.asarray(looks.ceiling(house_looks, ceiling), np.uint8),
        sky_colour=np.asarray(lights.sky(parameters), np.uint8),
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


def _add_objects(
    boxes: BoxList, house: house_file.House, sizes: AssetSizes, house_looks: looks.HouseLooks,
    is_indoors: Callable[[float, float], bool],
) -> set[str]:  # fmt: skip
    """Add every object's box where it comes to rest; the assets of unknown size."""
    unknown: set[str] = set()
    found: list[tuple[house_file.House, catalogue.ObjectType | None, Shape, support.Body]] = []
    bodies: dict[int, support.Body] = {}  # by the identity of the object's dict, since ids may repeat
    held_out = house_looks.variants == looks.UNSEEN
    for obj, parent in house_file.objects(house):
        type_name, size, known = _type_of(obj, sizes)
        if not known:
            unknown.add(obj["assetId"])
        row = catalogue.TYPES.get(type_name or "")
        size_m = (max(size[0], _THINNEST_M), max(size[1], _THINNEST_M), max(size[2], _THINNEST_M))
        shape = shape_of(type_name, size_m, obj["assetId"], variant_of(obj["id"], house_looks.seed, held_out))
        x, y, z = (obj["position"][axis] for axis in "xyz")
        below, on_wall = (None, row is not None and row.on_wall) if parent is None else (bodies[id(parent)], False)
        bodies[id(obj)] = support.Body(size_m, shape.stand, x, y, z, obj["rotation"]["y"], below, on_wall)
        found.append((obj, row, shape, bodies[id(obj)]))
    support.settle(list(bodies.values()), is_indoors)
    slot_of: dict[int, int] = {}
    for obj, row, shape, body in found:
        mobility = FIXED if row is None or body.hangs else MOBILITIES[row.mobility]
        below = ON_WALL if body.hangs else ON_FLOOR if body.parent is None else slot_of[id(body.parent)]
        half = (body.size_m[0] / 2, body.stand.height_m / 2, body.size_m[2] / 2)
        type_index = -1 if row is None else row.index
        slot_of[id(body)] = boxes.add(
            obj["id"], (body.x, body.bottom_m + half[1], body.z), half, body.yaw_deg, mobility, type_index, below,
            *looks.of_object(house_looks, obj, max(body.size_m)), _raised(shape.parts, body.size_m[1] / 2 - half[1]),
        )  # fmt: skip
    return unknown


def _raised(parts: np.ndarray, up_m: float) -> np.ndarray:
    """Parts so much higher above the middle of their box: one that is solid up to its stand only is lower than what is drawn."""
    if up_m < 1e-6:
        return parts
    raised = parts.copy()
    raised[:, CENTRE + 1] += up_m
    return raised


def _is_indoors(origin: tuple[float, float], room: np.ndarray, x: float, z: float) -> bool:
    cell_x, cell_z = int((x - origin[0]) // FLOOR_CELL_M), int((z - origin[1]) // FLOOR_CELL_M)
    return 0 <= cell_z < room.shape[0] and 0 <= cell_x < room.shape[1] and bool(room[cell_z, cell_x] >= 0)


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
