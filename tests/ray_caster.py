"""A slow ray caster over parts, in double precision: what the fast renderer is measured by, and a way to look at shapes.

It goes by what a part is (`world.parts`), not by how a renderer finds it: a ray goes in where it first fulfils all of the
part's conditions, and a part that holds the eye is not seen.
"""

from typing import NamedTuple

import numpy as np

from safevla.world.parts import AXES, CENTRE, HALF, KIND, QUADRIC, ROUND

ACROSS_X, ACROSS_Y, ACROSS_Z, ROUND_SIDE = range(4)  # faces: the two across one of the part's axes, and the round side
NOTHING = -1
_PARALLEL = 1e-300


class Hits(NamedTuple):
    """What rays meet first, for R of them."""

    distance: np.ndarray  # (R,) in lengths of the ray's direction; inf where it meets nothing
    part: np.ndarray  # (R,) int, NOTHING where it meets nothing
    face: np.ndarray  # (R,) int, ACROSS_X to ROUND_SIDE
    point: np.ndarray  # (R, 3) in the frame of the parts


def cast(parts: np.ndarray, eye: np.ndarray, directions: np.ndarray) -> Hits:
    """What the rays from an eye (3,) in directions (R, 3) meet first of parts (P, N_COLUMNS), all in one frame."""
    parts, eye, directions = (np.asarray(given, np.float64) for given in (parts, eye, directions))
    distance = np.full(len(directions), np.inf)
    which, face = np.full(len(directions), NOTHING), np.full(len(directions), NOTHING)
    for number, part in enumerate(parts):
        axes, half = part[AXES : AXES + 9].reshape(3, 3), part[HALF : HALF + 3]
        start, along = axes @ (eye - part[CENTRE : CENTRE + 3]) / half, directions @ axes.T / half  # in half extents
        if part[KIND] == ROUND:
            entry, entered = _enter_round(start, along, part[QUADRIC : QUADRIC + 3])
        else:
            entry, entered = _enter_box(start, along)
        nearer = entry < distance
        distance[nearer], which[nearer], face[nearer] = entry[nearer], number, entered[nearer]
    with np.errstate(invalid="ignore"):
        point = eye + distance[:, None] * directions
    return Hits(distance, which, face, point)


def normals(parts: np.ndarray, hits: Hits) -> np.ndarray:
    """(R, 3) the outward normal of a box's or a round part's surface where each ray meets it, either way across its faces."""
    part = np.asarray(parts, np.float64)[hits.part]
    axes, half = part[:, AXES : AXES + 9].reshape(-1, 3, 3), part[:, HALF : HALF + 3]
    b, c = part[:, QUADRIC + 1], part[:, QUADRIC + 2]
    inside = np.einsum("rij,rj->ri", axes, np.where(np.isfinite(hits.point), hits.point, 0) - part[:, CENTRE : CENTRE + 3]) / half
    slope = np.stack([2 * inside[:, 0], -(b + 2 * c * inside[:, 1]), 2 * inside[:, 2]], axis=1)
    across = np.eye(4)[np.maximum(hits.face, 0)][:, :3]
    local = np.where((hits.face == ROUND_SIDE)[:, None], slope, across) / half
    normal = np.einsum("rij,ri->rj", axes, local)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _slab(start: float, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(in, out): where each ray lies within ±1 along an axis; empty, inf to −inf, where it never does."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-1.0 - start) / along, (1.0 - start) / along])
    parallel = np.abs(along) < _PARALLEL
    begins = np.where(parallel, -np.inf if abs(start) <= 1 else np.inf, ends.min(0))
    finishes = np.where(parallel, np.inf if abs(start) <= 1 else -np.inf, ends.max(0))
    return begins, finishes


def _enter_box(start: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where rays go in, inf if they do not; the face)."""
    begins, finishes = zip(*(_slab(start[axis], along[:, axis]) for axis in range(3)), strict=True)
    entry, face = np.max(begins, axis=0), np.argmax(begins, axis=0)
    return np.where((entry > 0) & (entry <= np.min(finishes, axis=0)), entry, np.inf), face


def _enter_round(start: np.ndarray, along: np.ndarray, quadric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where rays go in, inf if they do not; the face): the first point within ±1 along y that lies inside the quadric.

    Between its ends a part is convex: a ray that is outside the quadric where it reaches the ends goes in at the next root.
    """
    a, b, c = quadric
    begins, finishes = _slab(start[1], along[:, 1])
    first = np.maximum(begins, 0.0)
    # x² + z² − a − b·y − c·y² along the ray is square·t² + 2·linear·t + constant
    square = along[:, 0] ** 2 + along[:, 2] ** 2 - c * along[:, 1] ** 2
    linear = start[0] * along[:, 0] + start[2] * along[:, 2] - (b / 2 + c * start[1]) * along[:, 1]
    constant = start[0] ** 2 + start[2] ** 2 - a - b * start[1] - c * start[1] ** 2
    reached = np.where(np.isfinite(first), first, 0.0)
    outside = square * reached**2 + 2 * linear * reached + constant > 0
    discriminant = linear**2 - square * constant
    larger = -(linear + np.copysign(np.sqrt(np.maximum(discriminant, 0.0)), linear))
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = np.stack([larger / square, constant / larger])
    roots = np.where(np.isfinite(roots) & (roots > first) & (discriminant >= 0), roots, np.inf)
    by_side = roots.min(0)
    entry = np.where(outside, np.where(by_side <= finishes, by_side, np.inf), np.where(begins > 0, begins, np.inf))
    entry = np.where(first <= finishes, entry, np.inf)
    return entry, np.where(outside, ROUND_SIDE, ACROSS_Y)
