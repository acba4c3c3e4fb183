"""Materials: wood, cloth, bricks, tiles and the like, which are all rows of one formula.

A point of an object, x, y and z metres from the middle of its bounding box along the box's own axes, has

    u = UX·x + UY·y + UZ·z + OFFSET_U,    v likewise                      (cells)
    level = (((⌊u⌋·A + ⌊v⌋·B)·C) >> SHIFT) & MASK                         (int32, 0 to 3)
    tone = TONES[level]

A tone up to 1 darkens the colour, which is multiplied by it; one above 1 mixes in the palette's second colour, by the share
tone − 1. The formula repeats after 512 cells, so that adding 512 to u or v changes nothing. All levels under the mask are
equally frequent in the large: the mean over them is what a material looks like from far away.
"""

import random
from typing import NamedTuple

import numpy as np

# columns of a row of N_COLUMNS numbers
U, V = 0, 3  # three each: cells per metre along x, y and z
A, B, C, SHIFT, MASK = range(6, 11)  # whole numbers
TONES = 11  # four
OFFSET = 15  # two: cells, of u and of v
N_COLUMNS = 17
PERIOD = 512  # cells
Row = tuple[float, ...]

_OBJECT_M = 0.5  # the longest side of an object that has cells of the size in the tables
_SCALE = (0.8, 1.25)  # of cells, from instance to instance


class Material(NamedTuple):
    """A material as instances are drawn from it."""

    u: tuple[float, float, float]  # cells per metre along x, y and z
    v: tuple[float, float, float]
    a: int
    b: int
    c: int
    shift: int
    mask: int
    tones: tuple[tuple[float, float, float, float], ...]  # an instance has one of these
    turns: tuple[str, ...] = ("xyz",)  # the axes of an instance that are the x, y and z above: one of these
    held_out: bool = False  # kept for houses whose materials are "unseen"


_PLAIN = Material((0, 0, 0), (0, 0, 0), 0, 0, 0, 0, 0, ((1, 1, 1, 1),))
PLAIN: Row = (*[0.0] * TONES, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)  # an instance
_LEVEL = ("xyz", "zyx")
_UPRIGHT_OR_LEVEL = ("yxz", "xyz", "xyz")

OBJECTS = {
    "plain": _PLAIN,
    # two cells of four, or one
    "stripes": Material(
        (28, 0, 0), (0, 0, 0), 1, 0, 1, 0, 3, ((1, 1, 0.72, 0.72), (1, 1, 2, 2), (1, 1, 1, 1.8), (1, 0.8, 1, 1.6)), _LEVEL
    ),
    "bands": Material((0, 16, 0), (0, 0, 0), 1, 0, 1, 0, 3, ((1, 1, 1, 1.9), (1, 0.7, 1, 1), (1, 1, 1.7, 1.7))),
    "cloth": Material((55, 0, 25), (0, 55, 25), 1, 1, 1, 0, 3, ((1, 0.93, 0.84, 0.93), (1, 1, 1.5, 1.5), (1, 0.9, 1, 0.8))),
    "speckle": Material((83, 23, 41), (-31, 77, 55), 129, 97, 3, 7, 3, ((1, 1, 0.84, 1.3), (1, 0.92, 1, 0.82), (1, 1, 1, 1.7))),
    "dots": Material((26, 0, 13), (0, 26, 13), 1, 2, 1, 0, 3, ((1, 1, 1, 1.8), (1, 1, 1, 0.6))),
    "patchwork": Material((15, 0, 7), (0, 15, 7), 129, 97, 3, 7, 3, ((1, 0.75, 0.9, 1.6), (1, 1.7, 0.8, 1), (1, 1, 0.7, 0.7))),
    # streaks of a cell's width, whose tones change here and there along the grain
    "grain": Material(
        (3, 29, 37), (0, 41, 52), 97, 129, 3, 7, 3, ((1, 0.92, 0.97, 0.84), (1, 0.96, 0.88, 0.78)), _UPRIGHT_OR_LEVEL
    ),
    "checkers": Material((13, 0, 0), (0, 13, 13), 1, 1, 1, 0, 1, ((1, 0.58, 1, 1), (1, 2, 1, 1), (1, 1.6, 1, 1)), held_out=True),
    "diagonal": Material(
        (20, 20, 20), (0, 0, 0), 1, 0, 1, 0, 3, ((1, 1, 0.66, 0.66), (1, 1, 2, 2), (1, 0.75, 1.5, 1.5)), held_out=True
    ),
    # planks of eight cells, each row moved on by three of them
    "planks": Material(
        (18, 0, 0), (0, 11, 11), 1, 11, 1, 3, 3, ((1, 0.80, 0.9, 0.68), (1, 0.9, 0.74, 0.84)), _UPRIGHT_OR_LEVEL, held_out=True
    ),
    "wicker": Material((30, 0, 9), (0, 26, 26), 1, 3, 1, 1, 1, ((1, 0.6, 1, 1), (1, 1.7, 1, 1)), held_out=True),
}
# what is held out of floors and walls is a pattern: its tones are those of one that training uses
FLOORS = {
    "boards": Material((6.8, 0, 0), (0, 0, 7.5), 1, 11, 1, 3, 3, ((1, 0.89, 0.95, 0.82), (1, 0.94, 0.97, 0.90)), _LEVEL),
    "tiles": Material((2.6, 0, 0), (0, 0, 2.6), 1, 1, 1, 0, 1, ((1, 0.84, 1, 1), (1, 1.7, 1, 1), (1, 0.93, 1, 1))),
    "carpet": Material((17, 0, 5), (-5, 0, 17), 129, 97, 3, 7, 3, ((1, 0.92, 0.96, 0.87), (1, 0.95, 1, 0.9))),
    "diamonds": Material(
        (1.7, 0, 1.7), (1.7, 0, -1.7), 1, 1, 1, 0, 1, ((1, 0.84, 1, 1), (1, 1.7, 1, 1), (1, 0.93, 1, 1)), held_out=True
    ),
    "mosaic": Material((8, 0, 0), (0, 0, 8), 129, 97, 3, 7, 3, ((1, 0.92, 0.96, 0.87), (1, 0.95, 1, 0.9)), held_out=True),
}
WALLS = {
    "paint": _PLAIN,
    # bricks of two cells, each row moved on by half of one
    "bricks": Material((6.2, 0, 0), (0, 9, 0), 1, 5, 1, 1, 3, ((1, 0.90, 0.95, 0.85), (1, 0.93, 0.88, 0.97))),
    "tiles": Material((4.5, 0, 0), (0, 4.5, 0), 1, 1, 1, 0, 1, ((1, 0.93, 1, 1), (1, 0.88, 1, 1), (1, 1.4, 1, 1))),
    "wallpaper": Material(
        (9, 0, 0), (0, 0, 0), 1, 0, 1, 0, 3, ((1, 1, 0.93, 0.93), (1, 1, 0.88, 0.88), (1, 1, 1.4, 1.4)), held_out=True
    ),
    "panels": Material((0, 2.2, 0), (6.5, 0, 0), 1, 11, 1, 3, 3, ((1, 0.90, 0.95, 0.85), (1, 0.93, 0.88, 0.97)), held_out=True),
}


def names(materials: dict[str, Material], held_out: bool) -> tuple[str, ...]:
    """Those that are held out, or those that are not."""
    return tuple(name for name, material in materials.items() if material.held_out == held_out)


def row(material: Material, rng: random.Random, longest_m: float = _OBJECT_M) -> Row:
    """An instance. longest_m: an object's longest side; cells grow with its root.

    The middle of the object is the middle of a cell.
    """
    per_cell = (_OBJECT_M / longest_m) ** 0.5 * rng.uniform(*_SCALE)
    turn, tones = rng.choice(material.turns), rng.choice(material.tones)
    if material.mask == 0:
        return PLAIN
    i, j, k = turn.index("x"), turn.index("y"), turn.index("z")  # the material's axes that lie along the instance's
    u, v, (_, _, *numbers) = material.u, material.v, material[:7]
    return (
        per_cell * u[i], per_cell * u[j], per_cell * u[k], per_cell * v[i], per_cell * v[j], per_cell * v[k],
        *numbers, *tones, 0.5, 0.5,
    )  # fmt: skip


def moved(material: Row, x_m: float, y_m: float, z_m: float) -> Row:
    """A row for a box whose middle lies there from where the material's own middle is: neighbours show one pattern."""
    ux, uy, uz, vx, vy, vz, *numbers, at_u, at_v = material
    at_u, at_v = at_u + ux * x_m + uy * y_m + uz * z_m, at_v + vx * x_m + vy * y_m + vz * z_m
    return ux, uy, uz, vx, vy, vz, *numbers, at_u % PERIOD, at_v % PERIOD


def levels(material: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The level of a material (N_COLUMNS,) at points (…, 3), metres from the middle of the box, along its axes; (…) int32."""
    u = np.floor(points @ material[U : U + 3] + material[OFFSET]).astype(np.int32)
    v = np.floor(points @ material[V : V + 3] + material[OFFSET + 1]).astype(np.int32)
    a, b, c, shift, mask = material[A : MASK + 1].astype(np.int32)
    return ((u * a + v * b) * c >> shift) & mask


def shown(material: np.ndarray, colour: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What a colour (3,) looks like at each level, with a palette's second colour (3,): (4, 3) float32, 0 to 255."""
    tone = material[TONES : TONES + 4, None]
    return colour * np.minimum(tone, 1.0) + (second - colour.astype(np.float32)) * np.maximum(tone - 1.0, 0.0)
