"""Shape: the parts of one object, as the grammar of its type draws them, and where on it other things rest.

A grammar is a file of `world.shapes`. It draws an asset in sixteen variants, which differ in style and proportions and never in
where things rest. Half of them are drawn in training, the others are held out.
"""

import functools
import random
import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from safevla.config.registry import SHAPES
from safevla.world import catalogue
from safevla.world.parts import Parts

N_VARIANTS = 16
HELD_OUT = range(8, N_VARIANTS)  # variants that are never drawn in training

Size = tuple[float, float, float]  # full extents of a bounding box, metres


class Stand(NamedTuple):
    """The level rectangle on which things rest, metres: its height above the base, and its x and z from the base's middle."""

    height_m: float
    x0: float
    x1: float
    z0: float
    z1: float


class Shape(NamedTuple):
    """What one variant of an asset looks like, in the object's frame: x to its right, y up, z ahead."""

    parts: np.ndarray  # (P, parts.N_COLUMNS) float32, read-only; about the middle of the bounding box
    stand: Stand


def shape_of(type_name: str | None, size_m: Size, asset_id: str, variant: int) -> Shape:
    """The shape of an asset of that size. It follows from the arguments alone, and from nothing drawn before it.

    type_name: None where nobody knows it. variant: 0 to N_VARIANTS − 1.
    """
    name = shape_name(type_name, size_m)
    return _built(name, str(SHAPES.path(name)), type_name or "", size_m, asset_id, variant)


def variant_of(object_id: str, seed: int, held_out: bool) -> int:
    """Which variant an object is drawn in: one of those that training draws, or one of the held-out ones."""
    hashed = zlib.crc32(f"{seed}|{object_id}".encode()) % len(HELD_OUT)
    return hashed + (HELD_OUT.start if held_out else 0)


def stand_of(type_name: str | None, size_m: Size) -> Stand:
    """Where things rest on an object of that type and size: on its box's whole top, unless its shape's file says otherwise."""
    module = SHAPES.load(shape_name(type_name, size_m))
    stand: Callable[[Size], tuple[float, float, float, float, float]] | None = getattr(module, "stand", None)
    if stand is None:
        return Stand(size_m[1], -size_m[0] / 2, size_m[0] / 2, -size_m[2] / 2, size_m[2] / 2)
    return Stand(*stand(size_m))


def shape_name(type_name: str | None, size_m: Size) -> str:
    """The file that draws a type: one that has its name in snake case, else the catalogue's, else one by its size."""
    name = snake_case(type_name or "")
    if name in SHAPES.names():
        return name
    row = catalogue.TYPES.get(type_name or "")
    return row.shape if row and row.shape else _by_size(size_m)


@functools.cache
def snake_case(type_name: str) -> str:
    """RemoteControl → remote_control, TVStand → tv_stand."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type_name).lower()


def _by_size(size_m: Size) -> str:
    w, h, d = size_m
    if h < 0.4 * max(w, d):
        return "flat_thing"
    return "tall_thing" if h > 2 * max(w, d) else "boxy_thing"


@functools.lru_cache(maxsize=32768)
def _built(name: str, path: str, type_name: str, size_m: Size, asset_id: str, variant: int) -> Shape:
    """path: the file of that name, since extensions may differ."""
    parts = Parts(size_m)
    SHAPES.load(name).build(parts, random.Random(zlib.crc32(f"{type_name}|{asset_id}|{variant}".encode())))
    array = parts.array()
    array.flags.writeable = False
    return Shape(array, stand_of(type_name or None, size_m))
