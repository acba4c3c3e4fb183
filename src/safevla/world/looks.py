"""Looks: the five colours and the material of every object, wall and floor, each drawn for itself.

What a thing looks like follows from the house's seed and the thing's id alone, so the type of an object does not show in its
colour. A house file says in `metadata.looks` what is drawn from:

    seed        a whole number
    colors      of objects: "seen", or "unseen": those that training never uses
    materials   of objects, floors and walls likewise; plain objects stay so; unseen floors and walls are in unseen colours, too
    variants    of shapes likewise (`world.shape`)

A house that says nothing, such as a real one, takes a seed from the ids of its walls, and all is seen. A `color` that an object
or a material has is its main colour; an object may have a `look`, with `colors`, all five, and a `material` by its name.
"""

import functools
import random
import zlib
from typing import NamedTuple

from safevla.world import materials, palettes
from safevla.world.house_file import House
from safevla.world.parts import MAIN

SEEN, UNSEEN = "seen", "unseen"

# what an object is made of, by the family of its main colour: how often
_MADE_OF = {
    "wood": {"grain": 0.75, "plain": 0.25},
    "grey": {"plain": 0.5, "speckle": 0.15, "cloth": 0.1, "stripes": 0.1, "bands": 0.05, "dots": 0.05, "patchwork": 0.05},
    "pale": {"plain": 0.5, "cloth": 0.15, "stripes": 0.1, "bands": 0.1, "speckle": 0.05, "dots": 0.05, "patchwork": 0.05},
    "full": {"plain": 0.45, "cloth": 0.15, "stripes": 0.1, "bands": 0.1, "speckle": 0.05, "dots": 0.05, "patchwork": 0.1},
}
# what the names of ProcTHOR's materials say
_TILED = ("tile", "marble", "granite", "ceramic", "checker", "porcelain")
_BRICKS = ("brick",)
_CARPET = ("carpet", "rug", "cloth", "fabric")


class HouseLooks(NamedTuple):
    """What a house's looks are drawn from."""

    seed: int
    colors: str = SEEN
    materials: str = SEEN
    variants: str = SEEN


class Look(NamedTuple):
    """What a thing looks like, but for its shape."""

    palette: palettes.Palette
    material: materials.Row


PANE = Look(((168, 205, 235),) * 5, materials.PLAIN)  # a window's


def of_house(house: House) -> HouseLooks:
    """What the looks of a house are drawn from: as it says, or from the ids of its walls."""
    said = house["metadata"].get("looks")
    if said is not None:
        return HouseLooks(**said)
    ids = [thing["id"] for kind in ("rooms", "walls", "doors", "windows") for thing in house[kind]]
    return HouseLooks(zlib.crc32("|".join(ids).encode()))


def with_unseen(house: House, *kinds: str) -> House:
    """The house, its looks of those kinds drawn from what training never uses: of `colors`, `materials` and `variants`.

    Its seed stays, and so does all that is not drawn anew.
    """
    changed = of_house(house)._replace(**dict.fromkeys(kinds, UNSEEN))
    return {**house, "metadata": {**house["metadata"], "looks": changed._asdict()}}


def of_object(looks: HouseLooks, obj: House, longest_m: float) -> Look:
    """An object's look; longest_m: the longest side of its bounding box."""
    style, given = _rng(looks.seed, obj["id"], "style"), obj.get("look") or {}
    family = palettes.drawn(style, palettes.OBJECTS)
    name = _weighted(_MADE_OF[family], style)
    if looks.materials == UNSEEN and name != "plain":
        name = _unseen(materials.OBJECTS, style)
    material = materials.row(materials.OBJECTS[given.get("material") or name], style, longest_m)
    colours = _rng(looks.seed, obj["id"], "colours")
    palette = palettes.held_out(colours) if looks.colors == UNSEEN else palettes.of_object(colours, family)
    if given.get("colors"):
        palette = tuple(palettes.rgb(colour) for colour in given["colors"])
    return Look(_painted(palette, obj.get("color")), material)


def of_wall(looks: HouseLooks, wall: House) -> Look:
    """A wall's look, the same for all walls of a room that are of one material."""
    said = wall.get("material") or {"name": "PureWhite"}
    kind = "tiles" if _says(said, _TILED) else "bricks" if _says(said, _BRICKS) else "paint"
    look = _of_surface(looks, f"wall of {wall['roomId']}", said["name"], kind, is_wall=True)
    return look._replace(palette=_painted(look.palette, said.get("color")))


def of_floor(looks: HouseLooks, room: House) -> Look:
    """A floor's look, about the origin of the house."""
    said = room["floorMaterial"]
    kind = "tiles" if _says(said, _TILED) else "carpet" if _says(said, _CARPET) else "boards"
    look = _of_surface(looks, f"floor of {room['id']}", said["name"], kind, is_wall=False)
    return look._replace(palette=_painted(look.palette, said.get("color")))


def ceiling(looks: HouseLooks, said: House) -> palettes.Rgb:
    """The colour of the ceilings, of the material that the house says."""
    if said.get("color"):
        return palettes.rgb(said["color"])
    rng = _rng(looks.seed, "ceiling", said["name"])
    if looks.materials == UNSEEN:
        palette = palettes.held_out(rng, saturation=(0.20, 0.35), value=(0.75, 0.92))
    else:
        palette = palettes.of_surface(rng, palettes.CEILING)
    return palette[MAIN]


@functools.lru_cache(maxsize=64)  # a room has many walls
def _of_surface(looks: HouseLooks, place: str, name: str, kind: str, is_wall: bool) -> Look:
    rng, made_of = _rng(looks.seed, place, name), materials.WALLS if is_wall else materials.FLOORS
    if looks.materials == UNSEEN:
        material = materials.row(made_of[_unseen(made_of, rng)], rng)
        palette = palettes.held_out(rng, saturation=(0.22, 0.42), value=(0.58, 0.85))
    else:
        material, palette = materials.row(made_of[kind], rng), palettes.of_surface(rng, palettes.SURFACES[kind])
    return Look(palette, material)


def _rng(seed: int, *names: str) -> random.Random:
    return random.Random(zlib.crc32("|".join((str(seed), *names)).encode()))


def _says(material: House, words: tuple[str, ...]) -> bool:
    return any(word in material["name"].lower() for word in words)


def _unseen(made_of: dict[str, materials.Material], rng: random.Random) -> str:
    return rng.choice(materials.names(made_of, held_out=True))


def _weighted(shares: dict[str, float], rng: random.Random) -> str:
    return rng.choices(tuple(shares), tuple(shares.values()))[0]


def _painted(palette: palettes.Palette, colour: House | None) -> palettes.Palette:
    """The palette with another main colour, where one is given."""
    return (palettes.rgb(colour), *palette[1:]) if colour else palette
