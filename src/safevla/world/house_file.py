"""House files: ProcTHOR's JSON schema 1.0.0, read, checked and walked through.

A house is used only after `validate`: what is validated is what is used. A malformed house is refused with the file, the
line and the JSON path of the fault.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from math import floor
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from safevla.world import materials

SCHEMA = "1.0.0"
MAX_OBJECTS = 1000

House = dict[str, Any]


def point(x: float, y: float, z: float) -> House:
    """A position as house files have it, metres, to a tenth of a millimetre."""
    return {"x": floor(x * 1e4 + 0.5) / 1e4, "y": floor(y * 1e4 + 0.5) / 1e4, "z": floor(z * 1e4 + 0.5) / 1e4}  # round is slower


_Number = Annotated[float, pydantic.Field(allow_inf_nan=False, ge=-1000, le=1000)]


class _Model(pydantic.BaseModel, extra="allow"):
    pass


class _Vector(_Model):
    x: _Number
    y: _Number
    z: _Number


_Share = Annotated[float, pydantic.Field(strict=True, ge=0, le=1)]


class _Colour(_Model):
    r: _Share
    g: _Share
    b: _Share


class _Material(_Model):
    name: str
    color: _Colour | None = None


class _RoomModel(_Model):
    id: str
    roomType: str
    floorPolygon: Annotated[list[_Vector], pydantic.Field(min_length=3, max_length=200)]
    floorMaterial: _Material

    @pydantic.field_validator("floorPolygon")
    @classmethod
    def _is_simple(cls, polygon):
        points = [(p.x, p.z) for p in polygon]
        n = len(points)
        for i in range(n):
            for j in range(i + 2, n):
                if (j + 1) % n != i and _cross(points[i], points[(i + 1) % n], points[j], points[(j + 1) % n]):
                    raise ValueError(f"the room's outline crosses itself (edges {i} and {j})")
        return polygon


def _cross(a, b, c, d) -> bool:
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


class _WallModel(_Model):
    id: str
    roomId: str
    polygon: Annotated[list[_Vector], pydantic.Field(min_length=4, max_length=4)]
    material: _Material | None = None


class _HoleModel(_Model):
    id: str
    wall0: str
    wall1: str | None = None
    holePolygon: Annotated[list[_Vector], pydantic.Field(min_length=2, max_length=2)]


def _is_material(name: str) -> str:
    if name not in materials.OBJECTS:
        raise ValueError(f"no material {name!r}; the materials of objects are {', '.join(materials.OBJECTS)}")
    return name


class _Look(_Model, extra="forbid"):
    """An object's own look, each half of which is drawn where it is not given."""

    colors: Annotated[list[_Colour], pydantic.Field(min_length=5, max_length=5)] | None = None  # by `parts.MAIN` to LIGHT
    material: Annotated[str, pydantic.AfterValidator(_is_material)] | None = None


class _ObjectModel(_Model):
    id: str
    assetId: str
    position: _Vector
    rotation: _Vector
    color: _Colour | None = None
    look: _Look | None = None
    children: list["_ObjectModel"] = []


class _Light(_Model):
    type: str
    position: _Vector
    intensity: Annotated[float, pydantic.Field(strict=True, allow_inf_nan=False, ge=0)]
    rgb: _Colour | None = None


class _ProceduralParameters(_Model):
    ceilingMaterial: _Material | None = None
    lights: list[_Light] | None = None


class _HouseLooks(_Model, extra="forbid"):
    """What the looks of a house are drawn from: `world.looks`."""

    seed: Annotated[int, pydantic.Field(strict=True, ge=0, lt=2**63)]
    colors: Literal["seen", "unseen"] = "seen"
    materials: Literal["seen", "unseen"] = "seen"
    variants: Literal["seen", "unseen"] = "seen"


class _Metadata(_Model):
    looks: _HouseLooks | None = None


class _HouseModel(_Model):
    rooms: Annotated[list[_RoomModel], pydantic.Field(min_length=1, max_length=100)]
    walls: Annotated[list[_WallModel], pydantic.Field(min_length=3, max_length=2000)]
    doors: list[_HoleModel]
    windows: list[_HoleModel]
    objects: list[_ObjectModel]
    proceduralParameters: _ProceduralParameters
    metadata: _Metadata


class HouseError(ValueError):
    """A house that cannot be used; the message names the file, the line and the JSON path of the fault."""


def validate(house: Any, source: str = "house") -> House:
    """Return the house if it is a usable ProcTHOR 1.0.0 house, else raise HouseError naming `source` and the fault."""
    if not isinstance(house, dict):
        raise HouseError(f"{source}: a house must be a JSON object, found {type(house).__name__}")
    schema = (house.get("metadata") or {}).get("schema") if isinstance(house.get("metadata"), dict) else None
    if schema != SCHEMA:
        raise HouseError(f"{source}: $.metadata.schema is {schema!r}, expected {SCHEMA!r}")
    if _count_objects(house.get("objects")) > MAX_OBJECTS:
        raise HouseError(f"{source}: $.objects holds more than {MAX_OBJECTS} objects")
    try:
        _HouseModel.model_validate(house)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        path = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
        raise HouseError(f"{source}: {path}: {fault['msg']}") from None
    corners = [point for room in house["rooms"] for point in room["floorPolygon"]]
    low = {axis: min(point[axis] for point in corners) - 0.5 for axis in "xz"}
    high = {axis: max(point[axis] for point in corners) + 0.5 for axis in "xz"}
    for index, obj in enumerate(house["objects"]):
        for axis in "xz":
            if not low[axis] <= obj["position"][axis] <= high[axis]:
                raise HouseError(f"{source}: $.objects[{index}].position.{axis}: {obj['id']} stands outside the house")
    return house


def _count_objects(objects: Any) -> int:
    if not isinstance(objects, list):
        return 0
    total = 0
    for obj in objects:
        total += 1 + (_count_objects(obj.get("children")) if isinstance(obj, dict) else 0)
        if total > MAX_OBJECTS:
            break
    return total


def load(path: str | Path) -> Iterator[House]:
    """Yield the checked houses of a ProcTHOR `.jsonl`, `.jsonl.gz` or `.json` file, one at a time.

    Raises HouseError at the first house that is malformed, or where the file is missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise HouseError(f"{path}: there is no such file")
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            if path.name.removesuffix(".gz").endswith(".json"):
                yield validate(_parse(lines.read(), str(path)), str(path))
                return
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    source = f"{path}:{number}"
                    yield validate(_parse(line, source), source)
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise HouseError(f"{path}: the file is damaged or cut short ({error})") from None


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise HouseError(f"{source}: not JSON: {error.msg} at column {error.colno}") from None


def objects(house: House) -> Iterator[tuple[House, House | None]]:
    """Every object of a house with its parent (None on the floor), parents first."""
    pending = [(obj, None) for obj in house["objects"]]
    while pending:
        obj, parent = pending.pop(0)
        yield obj, parent
        pending += [(child, obj) for child in obj.get("children") or []]
