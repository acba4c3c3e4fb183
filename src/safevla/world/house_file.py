"""House files: ProcTHOR's JSON schema 1.0.0, read, checked and walked through.

A house is used only after `validate`: what is validated is what is used. A house that is malformed, larger than the limits
stated here, or not to be played as it is meant (`world.house_geometry`) is refused with the file, the line and the JSON path of
the fault. Houses that `world.generation` makes are right as they are.
"""

from collections.abc import Iterator
from math import floor
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from safevla.config.faults import Open, json_path, located_fault
from safevla.config.numbers import Flag, Real, Share, Whole
from safevla.runtime import json_files
from safevla.world import house_geometry, materials

SCHEMA = "1.0.0"
MAX_OBJECTS = 1000
_MAX_DEPTH = 8  # of things on things

House = dict[str, Any]


def point(x: float, y: float, z: float) -> House:
    """A position as house files have it, metres, to a tenth of a millimetre."""
    return {"x": floor(x * 1e4 + 0.5) / 1e4, "y": floor(y * 1e4 + 0.5) / 1e4, "z": floor(z * 1e4 + 0.5) / 1e4}  # round is slower


_Number = Annotated[Real, pydantic.Field(ge=-1000, le=1000)]
_Name = Annotated[str, pydantic.Field(max_length=200)]


class _Vector(pydantic.BaseModel):
    x: _Number
    y: _Number
    z: _Number


class _Colour(pydantic.BaseModel):
    r: Share
    g: Share
    b: Share


def _is_no_name(material: Any) -> Any:
    if isinstance(material, str):
        raise ValueError(f'a material is an object here, {{"name": "{material[:50]}"}}, and not its name alone')
    return material


class _MaterialModel(Open):
    name: _Name
    color: _Colour | None = None


_Material = Annotated[_MaterialModel, pydantic.BeforeValidator(_is_no_name)]


class _RoomModel(Open):
    id: _Name
    roomType: _Name
    floorPolygon: Annotated[list[_Vector], pydantic.Field(min_length=4, max_length=64)]
    floorMaterial: _Material


class _WallModel(Open):
    id: _Name
    roomId: _Name
    polygon: Annotated[list[_Vector], pydantic.Field(min_length=4, max_length=4)]
    material: _Material | None = None
    empty: Flag | None = None


class _WindowModel(Open):
    id: _Name
    wall0: _Name
    wall1: _Name | None = None
    holePolygon: Annotated[list[_Vector], pydantic.Field(min_length=2, max_length=2)]


class _DoorModel(_WindowModel):
    room0: _Name
    room1: _Name
    openness: Share | None = None


def _is_material(name: str) -> str:
    if name not in materials.OBJECTS:
        raise ValueError(f"no material {name!r}; the materials of objects are {', '.join(materials.OBJECTS)}")
    return name


class _Look(pydantic.BaseModel, extra="forbid"):
    """An object's own look, each half of which is drawn where it is not given."""

    colors: Annotated[list[_Colour], pydantic.Field(min_length=5, max_length=5)] | None = None  # by `parts.MAIN` to LIGHT
    material: Annotated[str, pydantic.AfterValidator(_is_material)] | None = None


class _ObjectModel(Open):
    id: _Name
    assetId: _Name
    objectType: _Name | None = None
    position: _Vector
    rotation: _Vector
    color: _Colour | None = None
    look: _Look | None = None
    children: list["_ObjectModel"] | None = None


class _Light(Open):
    type: Literal["directional", "point"]
    position: _Vector
    intensity: Annotated[Real, pydantic.Field(ge=0, le=100)]
    rgb: _Colour | None = None


class _ProceduralParameters(Open):
    ceilingMaterial: _Material | None = None
    skyboxColor: _Colour | None = None
    lights: Annotated[list[_Light], pydantic.Field(max_length=500)] | None = None


class _HouseLooks(pydantic.BaseModel, extra="forbid"):
    """What the looks of a house are drawn from: `world.looks`."""

    seed: Annotated[Whole, pydantic.Field(ge=0, lt=2**63)]
    colors: Literal["seen", "unseen"] = "seen"
    materials: Literal["seen", "unseen"] = "seen"
    variants: Literal["seen", "unseen"] = "seen"


class _Metadata(Open):
    looks: _HouseLooks | None = None


class _HouseModel(Open):
    rooms: Annotated[list[_RoomModel], pydantic.Field(min_length=1, max_length=100)]
    walls: Annotated[list[_WallModel], pydantic.Field(min_length=3, max_length=2000)]
    doors: Annotated[list[_DoorModel], pydantic.Field(max_length=500)]
    windows: Annotated[list[_WindowModel], pydantic.Field(max_length=500)]
    objects: list[_ObjectModel]
    proceduralParameters: _ProceduralParameters
    metadata: _Metadata


class HouseError(ValueError):
    """A house that cannot be used; the message names the file, the line and the JSON path of the fault."""


def validate(house: Any, source: str = "house") -> House:
    """Return the house if it is a usable ProcTHOR 1.0.0 house, else raise HouseError naming `source` and the fault."""
    fault = _first_fault(house)
    if fault is not None:
        raise HouseError(_said(source, *fault))
    return house


def _first_fault(house: Any) -> house_geometry.Fault | None:
    if not isinstance(house, dict):
        return (), f"a house must be a JSON object, found {type(house).__name__}"
    schema = house["metadata"].get("schema") if isinstance(house.get("metadata"), dict) else None
    if schema != SCHEMA:
        return ("metadata", "schema"), f"{schema!r:.50}, expected {SCHEMA!r}"
    too_many = _too_many_objects(house.get("objects"))
    if too_many:
        return ("objects",), too_many
    try:
        _HouseModel.model_validate(house)
    except pydantic.ValidationError as error:
        return located_fault(error)
    return next(house_geometry.faults(house), None)


def _said(source: str, path: tuple[int | str, ...], message: str) -> str:
    return f"{source}: {json_path(path)}: {message}" if path else f"{source}: {message}"


def _too_many_objects(objs: Any) -> str | None:
    """What is wrong with the number of objects, before any of them is looked at."""
    total, level = 0, [objs]
    for _ in range(_MAX_DEPTH + 1):
        level = [obj for some in level if isinstance(some, list) for obj in some]
        total += len(level)
        if total > MAX_OBJECTS:
            return f"more than {MAX_OBJECTS} objects"
        level = [obj.get("children") for obj in level if isinstance(obj, dict)]
    return f"things stand on things, more than {_MAX_DEPTH} high" if any(level) else None


def load(path: str | Path) -> Iterator[House]:
    """Yield the checked houses of a ProcTHOR `.jsonl`, `.jsonl.gz` or `.json` file, one at a time.

    Raises HouseError at the first house that is malformed, or where the file is missing or damaged.
    """
    path = Path(path)
    if path.name.removesuffix(".gz").endswith(".json"):
        text, house = json_files.value(path, HouseError)
        fault = _first_fault(house)
        if fault is not None:
            raise HouseError(_said(f"{path}:{json_files.line_of(text, fault[0])}", *fault))
        yield house
        return
    for number, house in json_files.values(path, HouseError):
        yield validate(house, f"{path}:{number}")


def objects(house: House) -> Iterator[tuple[House, House | None]]:
    """Every object of a house with its parent (None on the floor), parents first."""
    pending = [(obj, None) for obj in house["objects"]]
    while pending:
        obj, parent = pending.pop(0)
        yield obj, parent
        pending += [(child, obj) for child in obj.get("children") or []]
