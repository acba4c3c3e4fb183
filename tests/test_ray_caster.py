"""The ray caster agrees with walking along rays and asking of every point whether it lies in a part."""

import numpy as np
import pytest

from safevla.world.parts import AXES, CENTRE, HALF, KIND, QUADRIC, ROUND, Parts
from tests import ray_caster
from tests.ray_caster import ACROSS_X, ACROSS_Y, NOTHING, ROUND_SIDE, cast, normals

STEP_M = 0.001
FARTHEST_M = 3.0


def _is_in(part: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points (..., 3) lie in a part, by the conditions that `world.parts` states."""
    x, y, z = np.moveaxis(
        (points - part[CENTRE : CENTRE + 3]) @ part[AXES : AXES + 9].reshape(3, 3).T / part[HALF : HALF + 3], -1, 0
    )
    if part[KIND] != ROUND:
        return (abs(x) <= 1) & (abs(y) <= 1) & (abs(z) <= 1)
    a, b, c = part[QUADRIC : QUADRIC + 3]
    return (abs(y) <= 1) & (x * x + z * z <= a + b * y + c * y * y)


def _some_parts(rng: np.random.Generator, count: int) -> np.ndarray:
    p = Parts((2.0, 2.0, 2.0))
    for _ in range(count):
        start, end, size = (rng.uniform(low, high, 3) for low, high in ((-0.6, 0.6), (-0.6, 0.6), (0.1, 0.8)))
        turn = dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), rng.uniform(-180, 180, 3), strict=True))
        kind = rng.integers(5)
        if kind == 0:
            p.box(start, size, **turn)
        elif kind == 1:
            p.bar(start, end, 0.2, wide=0.5)
        elif kind == 2:
            bottom = rng.uniform(-1, 0.5)
            p.ball(start, size, bottom=bottom, top=rng.uniform(bottom + 0.2, 1), **turn)
        elif kind == 3:
            p.lying(start, end, *rng.uniform(0.0, 0.4, 2), flat=rng.uniform(0.3, 1))
        else:
            p.leaf(start, end, 0.3, 0.1)
    parts = p.array()
    parts[:, CENTRE + 1] += 1.0  # about the base again, among the eyes
    return parts.astype(np.float64)


@pytest.mark.parametrize("seed", range(4))
def test_rays_end_where_walking_along_them_first_meets_a_part(seed):
    rng = np.random.default_rng(seed)
    for _ in range(4):
        parts = _some_parts(rng, 6)
        eye = rng.uniform(-1.2, 1.2, 3)  # often within the endless cone of a part
        directions = rng.normal(size=(40, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        parts = parts[[not _is_in(part, eye) for part in parts]]
        hits = cast(parts, eye, directions)
        along = np.arange(STEP_M, FARTHEST_M, STEP_M)
        walked = eye + along[:, None, None] * directions  # (S, R, 3)
        inside = np.stack([_is_in(part, walked) for part in parts], axis=-1)  # (S, R, P)
        first = np.where(inside.any((0, 2)), along[inside.any(2).argmax(0)], np.inf)
        # a ray may pass through a corner between two steps; else what is met lies within the step before
        met = np.isfinite(first)
        assert (hits.distance[met] <= first[met] + 1e-9).all()
        late = np.zeros(len(met), bool)
        late[met] = first[met] - hits.distance[met] > 1.01 * STEP_M
        assert late.mean() < 0.1 and (np.isfinite(hits.distance) & ~met & (hits.distance < FARTHEST_M)).mean() < 0.1
        for ray in np.flatnonzero(np.isfinite(hits.distance)):
            part = parts[hits.part[ray]]
            nearer, farther = (eye + (hits.distance[ray] + step) * directions[ray] for step in (-1e-6, 1e-6))
            assert not _is_in(part, nearer) and (_is_in(part, farther) or not late[ray])
            np.testing.assert_allclose(hits.point[ray], eye + hits.distance[ray] * directions[ray])
        assert ((hits.part == NOTHING) == np.isinf(hits.distance)).all()


def test_an_eye_in_the_endless_cone_of_a_part_sees_its_end_and_not_the_cone():
    p = Parts((1, 1, 1))
    p.round((0, 0, 0), 1.0, 0.5, 0.1)  # above its upper end the cone goes on, to its tip and beyond
    parts = p.array()
    for eye in ((0.0, 0.6, 0.0), (0.0, 1.2, 0.0)):
        hits = cast(parts, np.array(eye), np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
        np.testing.assert_allclose(hits.distance, [eye[1] - 0.5, np.inf, np.inf])
        assert hits.face[0] == ACROSS_Y and (hits.part[1:] == NOTHING).all()


def test_a_part_that_holds_the_eye_is_not_seen_and_hides_nothing():
    p = Parts((1, 1, 1))
    p.box((0, 0.5, 0), (0.4, 0.4, 0.4))
    p.ball((0, 0.5, 0), (0.4, 0.4, 0.4))
    p.box((0.5, 0.5, 0), (0.1, 0.4, 0.4))
    hits = cast(p.array(), np.zeros(3), np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(hits.distance, [0.45, np.inf])
    assert hits.part[0] == 2 and hits.face[0] == ACROSS_X


def test_distances_are_in_lengths_of_the_direction():
    p = Parts((1, 1, 1))
    p.box((0, 0.5, 0), (1, 1, 1))
    assert cast(p.array(), np.array([2.0, 0, 0]), np.array([[-0.5, 0, 0]])).distance == pytest.approx(3.0)


@pytest.mark.parametrize("seed", range(3))
def test_normals_point_across_the_surface(seed):
    """Beside the point met, the surface lies in the plane across the normal."""
    rng = np.random.default_rng(seed)
    parts = _some_parts(rng, 5)
    eye, directions = np.array([0.0, 0.0, 3.0]), rng.normal(0, 0.15, (60, 3)) - [0, 0, 1]
    hits, beside = cast(parts, eye, directions), cast(parts, eye, directions + rng.normal(0, 1e-5, (60, 3)))
    same = np.isfinite(hits.distance) & (hits.part == beside.part) & (hits.face == beside.face)
    met = ray_caster.Hits(*(column[same] for column in hits))
    step = beside.point[same] - met.point
    assert same.sum() > 10 and (met.face == ROUND_SIDE).any()
    away = abs((step * normals(parts, met)).sum(1)) / np.maximum(np.linalg.norm(step, axis=1), 1e-12)
    assert np.quantile(away, 0.9) < 2e-3
