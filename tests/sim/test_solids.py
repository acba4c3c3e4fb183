"""Solids: where rays meet boxes and round parts at any turn, and which pixels these may cover, against a slow intersection."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from safevla.sim import solids
from safevla.sim.view import View, look_into, view_of
from safevla.world.parts import AXES, BOX, CENTRE, HALF, KIND, QUADRIC, Parts

_WIDTH, _HEIGHT = 16, 9


def ray(view: View, row: int, x: int) -> np.ndarray:
    """The ray through a pixel's middle, 1 m long along the optical axis, in the world."""
    forward = np.array([view.sin_yaw * view.cos_pitch, -view.sin_pitch, view.cos_yaw * view.cos_pitch])
    right = np.array([view.cos_yaw, 0.0, -view.sin_yaw])
    up = np.array([view.sin_yaw * view.sin_pitch, view.cos_pitch, view.cos_yaw * view.sin_pitch])
    return forward + (view.u_at + view.u_by * x) * right + (view.v_at + view.v_by * row) * up


@np.errstate(invalid="ignore", over="ignore")
def _met(part: np.ndarray, eye: np.ndarray, direction: np.ndarray) -> tuple[float, int]:
    """(how far along the ray a part is met, infinite if it is not; the axis across whose plane, −1 for the round side).

    All points where the ray crosses a plane or the quadric are tried: the first that lies on the part counts.
    """
    part = part.astype(float)
    axes = part[AXES : AXES + 9].reshape(3, 3)
    e, d = axes @ (eye - part[CENTRE : CENTRE + 3]) / part[HALF : HALF + 3], axes @ direction / part[HALF : HALF + 3]
    a, b, c = part[QUADRIC : QUADRIC + 3]
    is_round, tried = part[KIND] != BOX, []
    for axis in (1,) if is_round else (0, 1, 2):
        for plane in (-1.0, 1.0):
            t = (plane - e[axis]) / d[axis] if d[axis] else math.inf
            point = e + t * d
            others = [other for other in range(3) if other != axis]
            inside = point[0] ** 2 + point[2] ** 2 <= a + b * plane + c if is_round else (abs(point[others]) <= 1).all()
            tried.append((t, axis, inside))
    if is_round:
        two = d[0] ** 2 + d[2] ** 2 - c * d[1] ** 2
        one = 2 * (e[0] * d[0] + e[2] * d[2]) - b * d[1] - 2 * c * e[1] * d[1]
        none = e[0] ** 2 + e[2] ** 2 - a - b * e[1] - c * e[1] ** 2
        if one * one - 4 * two * none >= 0 and two:
            root = math.sqrt(one * one - 4 * two * none)
            for t in ((-one + root) / (2 * two), (-one - root) / (2 * two)):
                tried.append((t, -1, abs(e[1] + t * d[1]) <= 1))
    return min(((t, axis) for t, axis, inside in tried if inside and t > 0), default=(math.inf, -1))


def _built(kind: str, centre, size, bottom: float, top: float, angles) -> np.ndarray:
    p = Parts((1.0, 0.0, 1.0))
    yaw_deg, pitch_deg, roll_deg = angles
    if kind == "box":
        p.box(centre, size, yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)
    elif kind == "ball":
        low = -1.0 + 1.2 * bottom
        p.ball(centre, size, bottom=low, top=low + 0.2 + 0.6 * top, yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)
    else:
        reach = [math.sin(math.radians(yaw_deg)) * size[1], math.cos(math.radians(yaw_deg)) * size[1], 0.3 * pitch_deg / 90]
        p.lying(centre, [centre[i] + reach[i] for i in range(3)], 0.01 + bottom * size[0], 0.01 + top * size[0])
    return p.array()[0]


_angles = st.integers(-180, 180)  # whole ones: a part that is turned by less than 0.02° counts as not turned
_parts = st.builds(
    _built, st.sampled_from(("box", "ball", "cone")), st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(0.03, 2.0)] * 3),
    st.floats(0, 1), st.floats(0, 1), st.tuples(*[_angles] * 3),
)  # fmt: skip


def _seen_from(part: np.ndarray, pose: tuple[float, ...], view: View) -> tuple[np.ndarray, np.ndarray, bool]:
    """Where the part is aimed at, its numbers, and whether the eye is outside of it."""
    frame, aimed, solid = np.zeros((4, 3)), np.zeros((4, 3)), np.zeros(solids.N_SOLID)
    look_into(np.array(pose), True, view, frame)
    solids.aim(part, frame, aimed)
    return aimed, solid, solids.enter(part, aimed, view, solid, np.zeros((4, 3)))


def _hit(part: np.ndarray, solid: np.ndarray, row: int, x: int) -> tuple[float, bool, int]:
    """What a pixel's loop finds: (inverse depth, whether it is hit, the axis across whose plane or −1)."""
    three = [tuple(solid[at : at + 3]) for at in range(0, 22, 3)]
    if part[KIND] == BOX:
        n_near, faces = int(solid[solids.N_NEAR]), solid[solids.FACES : solids.FACES + 3]
        near = [three[i] if i < n_near else None for i in range(3)]
        far = [*three[3:6], *three[n_near:3], None, None][:5]
        near_and_faces = [each for pair in zip(near, faces, strict=True) for each in pair]
        w, seen, face = solids.meet_box(row, x, *near_and_faces, *far, 0.0)
        return w, bool(seen), (2, 0, 1)[int(face) // 4]
    side = (*solid[solids.NEAR_B : solids.NEAR_B + 4], *solid[solids.NEAR_Q : solids.MISSED_FAR + 1])
    ends = [tuple(solid[at : at + 3]) for at in range(solids.ENDS_AT, solids.ENDS_AT + 9, 3)]
    w, seen, is_end = solids.meet_round(row, x, tuple(solid[:3]), tuple(solid[3:9]), side, *ends, 0.0)
    return w, bool(seen), 1 if is_end else -1


@settings(max_examples=300, deadline=None)
@given(_parts, _angles, st.floats(-60, 60), st.floats(-20, 20))
def test_pixels_that_meet_a_part_are_those_of_a_slow_ray(part, yaw_deg, pitch_deg, turn):
    view = view_of(0.0, 0.0, 0.0, yaw_deg, pitch_deg, 60.0, _WIDTH, _HEIGHT)
    pose = (0.0, 0.0, 0.0, turn, 0.0)
    apart = np.abs(part[AXES : AXES + 9].reshape(3, 3) @ part[CENTRE : CENTRE + 3]) - part[HALF : HALF + 3]
    assume(apart.max() > 0.02)  # metres, from the part's box to the eye
    aimed, solid, is_outside = _seen_from(part, pose, view)
    assert is_outside
    limit = np.zeros((9, 3))
    n_limits = solids.limits(solid, limit) if part[KIND] == BOX else 0
    first_row, end_row, first_x, end_x, is_clipped = solids.bounds(part, aimed, view)
    sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    to_object = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    for row in range(_HEIGHT):
        for x in range(_WIDTH):
            direction = to_object @ ray(view, row, x)
            away_m, across = _met(part, np.zeros(3), direction)
            inverse, seen, found = _hit(part, solid, row, x)
            if seen != (away_m < math.inf):  # at a silhouette: a ray beside it must agree
                beside = [_met(part, np.zeros(3), direction + to_object @ step)[0] for step in 3e-5 * np.eye(3)]
                beside += [_met(part, np.zeros(3), direction - to_object @ step)[0] for step in 3e-5 * np.eye(3)]
                assert any((away < math.inf) == seen for away in beside)
                continue
            if not seen or away_m < 2e-3:
                continue
            assert 1.0 / inverse == pytest.approx(away_m, rel=2e-4, abs=1e-4)
            if found != across:  # at an edge, both surfaces are met there
                continue
            assert first_row <= row < end_row and first_x <= x < end_x
            if n_limits and not is_clipped:
                top, bottom = solids.rows_between(limit, n_limits, x, x, first_row, end_row)
                assert top <= row < bottom


def test_an_eye_inside_an_endless_cone_sees_the_part_and_not_its_mirror_image():
    p = Parts((1.0, 0.0, 1.0))
    p.lying((0, 0, 2), (0, 0, 3), 0.2, 0.4)  # its tip would be at z = 1
    part = p.array()[0]
    for z, expected in ((0.0, 2.0), (1.5, 0.5), (2.5, None)):
        view = view_of(0.0, 0.0, z, 0.0, 0.0, 40.0, 3, 3)
        _, solid, is_outside = _seen_from(part, (0.0, 0.0, 0.0, 0.0, 0.0), view)
        assert is_outside == (expected is not None)
        if expected:
            inverse, seen, across = _hit(part, solid, 1, 1)
            assert seen and across == 1 and 1 / inverse == pytest.approx(expected, rel=1e-5)
    behind = view_of(0.0, 0.0, 5.0, 180.0, 0.0, 40.0, 3, 3)
    _, solid, _ = _seen_from(part, (0.0, 0.0, 0.0, 0.0, 0.0), behind)
    assert _hit(part, solid, 1, 1)[:2] == (pytest.approx(0.5), True)
    away = view_of(0.0, 0.0, 0.5, 180.0, 0.0, 40.0, 3, 3)  # within the mirror image, looking along it
    _, solid, _ = _seen_from(part, (0.0, 0.0, 0.0, 0.0, 0.0), away)
    assert not _hit(part, solid, 1, 1)[1]


def test_a_round_side_is_lightest_towards_the_light():
    p = Parts((1.0, 0.0, 1.0))
    p.ball((0, 0, 2), (1, 1, 1))
    part = p.array()[0]
    view = view_of(0.0, 0.0, 0.0, 0.0, 0.0, 30.0, 31, 31)
    frame, aimed, solid, rays = np.zeros((4, 3)), np.zeros((4, 3)), np.zeros(solids.N_SOLID), np.zeros((4, 3))
    look_into(np.zeros(5), True, view, frame)
    solids.aim(part, frame, aimed)
    solids.enter(part, aimed, view, solid, rays)
    solids.enter_shade(part, rays, np.array([1.0, 0.0, 0.0]), solid)
    shades = []
    for x in range(31):
        inverse, seen, _ = _hit(part, solid, 15, x)
        if seen:
            shades.append(int(solids.shade_at(15, x, 1 / inverse, tuple(solid[solids.SHADE : solids.SHADE + 4]))))
    assert shades == sorted(shades) and shades[0] <= 1 and shades[-1] >= 5 and shades[len(shades) // 2] == 3


def test_levels_follow_their_formula():
    for u, v in ((1024.2, 1030.9), (1025.0, 1024.0)):
        for a, b, c, shift, mask in ((1, 1, 1, 0, 1), (3, 5, 40503, 7, 3), (1, 0, 1, 1, 1), (1, 7, 9973, 14, 3)):
            row = np.array([*[0] * 6, a, b, c, shift, mask, *[1] * 4], np.float32)
            expected = ((int(u) * a + int(v) * b) * c >> shift) & mask
            found = solids.level(u, v, *solids.entered_levels(row, False))
            assert found == expected or shift > 12
            on_round = solids.level(u, v, *solids.entered_levels(row, True))
            assert on_round == (found >> 1 if mask == 3 else found) or shift >= 12


def test_an_inverse_by_newtons_steps_is_one():
    w = np.float32(10.0) ** np.arange(-3, 5, 0.01, dtype=np.float32)
    np.testing.assert_allclose([solids.inverse_of(one) for one in w], 1 / w, rtol=3e-7)
