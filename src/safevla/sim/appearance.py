"""Appearance: what the boxes of one house look like, as the kernels take it."""

import math
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import lean_kernel
from safevla.sim.light import AVERAGED, DRAWN, PLAIN
from safevla.world.materials import MASK, A, B
from safevla.world.parts import CENTRE, HALF

_CLOSEST_M = 0.3  # an object that begins nearer than this is drawn as finely as at this distance


class Appearance(NamedTuple):
    """The shapes and looks of M boxes. Box m has the parts first_part[m] up to last_part[m] − 1 of the P parts."""

    parts: np.ndarray  # (P, N_COLUMNS) float32, `world.parts`, about the middle of their box, metres
    part_box: np.ndarray  # (P,) int16: the box that each belongs to
    first_part: np.ndarray  # (M,) int32
    last_part: np.ndarray  # (M,) int32: one after the box's last; those of box m + 1 follow
    radius: np.ndarray  # (M,) float32: of the sphere about the box's middle that holds its parts, metres
    is_wide: np.ndarray  # (M,) bool: upright, it is at least as wide as deep
    palette: np.ndarray  # (M, N_COLOURS, 3) uint8
    material: np.ndarray  # (M, N_MATERIAL) float32, `world.materials`
    lit: np.ndarray  # (M, N_LIT) float32: the light on each box, `sim.light`


@lean_kernel
def seen_texture(material, begins_m, view):
    """Whether an object's material is DRAWN at that distance, or AVERAGED, because it is finer than a pixel; PLAIN is neither."""
    if material[MASK] == 0.0:
        return PLAIN
    pixel_m = 2.0 * view.tan_v / view.height * max(_CLOSEST_M, begins_m)
    for k in range(2):
        per_m = math.sqrt(material[3 * k] ** 2 + material[3 * k + 1] ** 2 + material[3 * k + 2] ** 2)
        if material[A if k == 0 else B] != 0.0 and per_m * pixel_m > 1.0:
            return AVERAGED
    return DRAWN


def radii(parts: np.ndarray, first_part: np.ndarray) -> np.ndarray:
    """The radius of the sphere about each box's middle that holds its parts, (M,) float32 metres.

    parts (P, N_COLUMNS); first_part (M + 1,): where each box's begin, and where the last one's end.
    """
    reach = np.linalg.norm(parts[:, CENTRE : CENTRE + 3], axis=1) + np.linalg.norm(parts[:, HALF : HALF + 3], axis=1)
    return np.maximum.reduceat(reach, first_part[:-1]).astype(np.float32)
