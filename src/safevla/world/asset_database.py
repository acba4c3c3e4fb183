"""Asset database: which type and size a THOR asset has."""

import functools
import gzip
import json
import zlib
from pathlib import Path

from safevla.world import catalogue
from safevla.world.house_file import HouseError

AssetSizes = dict[str, tuple[str, tuple[float, float, float]]]  # asset id -> (type, full extents in metres)


@functools.lru_cache(maxsize=4)
def asset_sizes(database: Path | None = None) -> AssetSizes:
    """Sizes from the catalogue and, where a ProcTHOR `asset-database.json[.gz]` is given, from it.

    Raises HouseError where that file cannot be read.
    """
    sizes: AssetSizes = {asset.id: (asset.type, asset.size_m) for asset in catalogue.ASSETS.values()}
    if database is not None:
        opener = gzip.open if database.suffix == ".gz" else open
        try:
            with opener(database, "rt", encoding="utf-8") as file:
                by_type = json.load(file)
        except (EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:  # of ValueErrors, no UTF-8 and no JSON
            raise HouseError(f"{database}: no readable asset database ({error})") from None
        for type_name, assets in by_type.items():
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
