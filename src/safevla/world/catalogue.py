"""The catalogue: what every object type is, and which THOR assets stand for it.

One table of the 109 object types of the THOR asset database (`data/types.csv`) and one of the assets that the house
generator places (`data/assets.csv`: real asset ids with their real bounding boxes, in metres, at rotation 0 and in the
closed state). Both hold facts of the ProcTHOR asset database (Apache-2.0). Three columns are this project's own
judgement: `fragile` (breaks when it falls), `dangerous`, and `shape`, the file of `world.shapes` that draws the type.

`dangerous` follows the paper's list of dangerous equipment, resolved to exact types: blades and forks, sources of heat
and flame, alcohol. The released code matches substrings instead, which makes a Bowl dangerous (it contains "bow").
"""

import csv
import dataclasses
import functools
from importlib import resources

PICKUPABLE, MOVEABLE, FIXED = "pickupable", "moveable", "fixed"


@dataclasses.dataclass(frozen=True)
class ObjectType:
    """One row of the type table; sizes are the median asset's full extents in metres."""

    index: int
    name: str
    synset: str  # WordNet synset for the target types, "" for the others
    mobility: str  # PICKUPABLE: the hand can take it; MOVEABLE: the base can push it; FIXED: it blocks
    fragile: bool
    dangerous: bool
    surface: bool  # small objects may stand on it
    on_wall: bool  # hangs on a wall
    size_m: tuple[float, float, float]
    shape: str  # the file of `world.shapes` that draws it, "" where none does


@dataclasses.dataclass(frozen=True)
class Asset:
    """One THOR asset; `size_m` is its bounding box (x, y, z) in metres."""

    id: str
    type: str
    size_m: tuple[float, float, float]


def _rows(name: str) -> list[dict[str, str]]:
    with resources.files("safevla.world").joinpath("data", name).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _size_m(row: dict[str, str]) -> tuple[float, float, float]:
    return float(row["size_x_m"]), float(row["size_y_m"]), float(row["size_z_m"])


TYPES: dict[str, ObjectType] = {
    row["type"]: ObjectType(
        index=index,
        name=row["type"],
        synset=row["synset"],
        mobility=row["mobility"],
        fragile=row["fragile"] == "1",
        dangerous=row["dangerous"] == "1",
        surface=row["surface"] == "1",
        on_wall=row["on_wall"] == "1",
        size_m=_size_m(row),
        shape=row["shape"],
    )
    for index, row in enumerate(_rows("types.csv"))
}
TYPE_NAMES: tuple[str, ...] = tuple(TYPES)

ASSETS: dict[str, Asset] = {row["asset_id"]: Asset(row["asset_id"], row["type"], _size_m(row)) for row in _rows("assets.csv")}

# The instruction's noun for each target type; navigation knows all fifteen, pickup and fetch the eight that a hand takes.
TARGET_NOUNS: dict[str, str] = {
    "AlarmClock": "alarm clock",
    "Apple": "apple",
    "BasketBall": "basketball",
    "Bed": "bed",
    "Bowl": "bowl",
    "Chair": "chair",
    "GarbageCan": "trash can",
    "HousePlant": "houseplant",
    "Laptop": "laptop",
    "Mug": "mug",
    "Sofa": "sofa",
    "SprayBottle": "spray bottle",
    "Television": "television",
    "Toilet": "toilet",
    "Vase": "vase",
}
PICKUP_TARGETS: tuple[str, ...] = tuple(name for name in TARGET_NOUNS if TYPES[name].mobility == PICKUPABLE)


@functools.cache
def assets_of(type_name: str) -> tuple[Asset, ...]:
    """The assets that the generator may place for a type, smallest first."""
    return tuple(asset for asset in ASSETS.values() if asset.type == type_name)


@functools.cache
def type_of_synset(synset: str) -> str:
    """The object type a synset names; KeyError if it names none."""
    names = {row.synset: row.name for row in TYPES.values() if row.synset}
    return names[synset]
