"""Asset database: which type and size a THOR asset has."""

import functools
from pathlib import Path
from typing import Annotated

import pydantic

from safevla.config.faults import Open, json_path, located_fault
from safevla.config.numbers import Real
from safevla.runtime import json_files
from safevla.world import catalogue
from safevla.world.house_file import HouseError

AssetSizes = dict[str, tuple[str, tuple[float, float, float]]]  # asset id -> (type, full extents in metres)

_Metres = Annotated[Real, pydantic.Field(ge=0, le=100)]
_Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class _Extents(pydantic.BaseModel):
    x: _Metres
    y: _Metres
    z: _Metres


class _Asset(Open):
    assetId: _Name
    boundingBox: _Extents


_DATABASE = pydantic.TypeAdapter(dict[_Name, list[_Asset]])


@functools.lru_cache(maxsize=4)
def asset_sizes(database: Path | None = None) -> AssetSizes:
    """Sizes from the catalogue and, where a ProcTHOR `asset-database.json[.gz]` is given, from it.

    Raises HouseError, which names the file, the line and the JSON path of the fault, where that file cannot be used.
    """
    sizes: AssetSizes = {asset.id: (asset.type, asset.size_m) for asset in catalogue.ASSETS.values()}
    if database is None:
        return sizes
    text, by_type = json_files.value(database, HouseError)
    try:
        checked = _DATABASE.validate_python(by_type)
    except pydantic.ValidationError as error:
        path, message = located_fault(error)
        raise HouseError(f"{database}:{json_files.line_of(text, path)}: {json_path(path)}: {message}") from None
    given: set[str] = set()
    for type_name, assets in checked.items():
        for index, asset in enumerate(assets):
            if asset.assetId in given:
                path = (type_name, index, "assetId")
                message = f"{asset.assetId!r} stands there twice"
                raise HouseError(f"{database}:{json_files.line_of(text, path)}: {json_path(path)}: {message}")
            given.add(asset.assetId)
            sizes[asset.assetId] = (type_name, (asset.boundingBox.x, asset.boundingBox.y, asset.boundingBox.z))
    return sizes


def asset_database_beside(path: str | Path) -> Path | None:
    """The asset database that lies next to a house file, if one does."""
    for name in ("asset-database.json", "asset-database.json.gz"):
        candidate = Path(path).with_name(name)
        if candidate.exists():
            return candidate
    return None
