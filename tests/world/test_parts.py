"""Parts: what the builder adds is where it says, and extents are exact."""

import numpy as np
import pytest

from safevla.world.parts import (
    AXES,
    BOX,
    CENTRE,
    DARK,
    ENDS,
    HALF,
    KIND,
    LIGHT,
    MAIN,
    N_COLUMNS,
    QUADRIC,
    ROUND,
    SECOND,
    SIDES,
    TEXTURED,
    Parts,
    extents,
    turned,
)  # fmt: skip
from tests.ray_caster import cast


def _surface(part: np.ndarray, count: int) -> np.ndarray:
    """Points all over a part's surface, in the object's frame."""
    y, angle = np.meshgrid(-np.cos(np.linspace(0, np.pi, count)), np.linspace(0, 2 * np.pi, count))
    if part[KIND] == BOX:
        local = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    else:
        a, b, c = part[QUADRIC : QUADRIC + 3]
        radius = np.sqrt(np.maximum(a + b * y + c * y * y, 0))
        local = np.stack([radius * np.cos(angle), y, radius * np.sin(angle)], -1).reshape(-1, 3)
    return part[CENTRE : CENTRE + 3] + (local * part[HALF : HALF + 3]) @ part[AXES : AXES + 9].reshape(3, 3)


def _drawn(size=(1.0, 1.0, 1.0)) -> Parts:
    return Parts(size)


def _low_high(p: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Extents about the middle of the base, as the builder's coordinates are."""
    low, high = extents(p.array())
    lift = np.array([0, p.height / 2, 0])
    return low + lift, high + lift


@pytest.mark.parametrize("seed", range(5))
def test_extents_are_those_of_points_all_over_the_surface(seed):
    rng = np.random.default_rng(seed)
    p = _drawn()
    for _ in range(8):
        turn = dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), rng.uniform(-180, 180, 3), strict=True))
        start, end, size = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3), rng.uniform(0.05, 1, 3)
        bottom = rng.uniform(-1, 0.7)
        p.box(start, size, **turn)
        p.ball(start, size, bottom=bottom, top=rng.uniform(bottom + 0.1, 1), **turn)
        p.lying(start, end, *rng.uniform(0, 0.5, 2), flat=rng.uniform(0.2, 2))
        p.leaf(start, end, 0.4, 0.2)
    low, high = extents(p.array())
    for part, part_low, part_high in zip(p.array().astype(np.float64), low, high, strict=True):
        points = _surface(part, 150)
        np.testing.assert_allclose(points.min(0), part_low, atol=5e-4)
        np.testing.assert_allclose(points.max(0), part_high, atol=5e-4)
        assert (points >= part_low - 1e-9).all() and (points <= part_high + 1e-9).all()


def test_turns_go_as_their_names_say():
    np.testing.assert_allclose(turned(0, 0, 90)[0], [0, 1, 0], atol=1e-12)  # roll lifts +x
    np.testing.assert_allclose(turned(0, 90, 0)[2], [0, -1, 0], atol=1e-12)  # pitch lowers +z
    np.testing.assert_allclose(turned(90, 0, 0)[2], [1, 0, 0], atol=1e-12)  # yaw turns +z towards +x
    axes = np.array(turned(33, -20, 70))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_an_array_is_about_the_middle_of_the_box():
    p = _drawn((0.4, 2.0, 0.6))
    p.box((0, 1.0, 0), p.size)
    parts = p.array()
    assert parts.shape == (1, N_COLUMNS) and parts.dtype == np.float32
    low, high = extents(parts)
    np.testing.assert_allclose([low[0], high[0]], [[-0.2, -1, -0.3], [0.2, 1, 0.3]], atol=1e-6)


def test_columns_hold_colours_and_where_a_material_shows():
    p = _drawn()
    p.box((0, 0.5, 0), (1, 1, 1), SECOND)
    p.round((0, 0, 0), 1, 0.5, colour=DARK, ends=LIGHT)
    p.box((0, 0.5, 0), (1, 1, 1), textured=False)
    p.textured = ()
    p.ball((0, 0.5, 0), (1, 1, 1))
    found = p.array()[:, [KIND, SIDES, ENDS, TEXTURED]]
    assert found.tolist() == [[BOX, SECOND, SECOND, 1], [ROUND, DARK, LIGHT, 0], [BOX, MAIN, MAIN, 0], [ROUND, MAIN, MAIN, 0]]


def test_a_cut_ball_is_the_part_of_the_whole_between_two_heights():
    p = _drawn()
    p.ball((0.1, 0.5, 0), (0.6, 0.8, 0.4), bottom=-0.5, top=0.25)
    low, high = _low_high(p)
    np.testing.assert_allclose([low[0], high[0]], [[-0.2, 0.3, -0.2], [0.4, 0.6, 0.2]], atol=1e-6)
    points = _surface(p.array()[0].astype(np.float64), 50) - [0.1, 0.0, 0.0]
    np.testing.assert_allclose((points**2 / np.array([0.3, 0.4, 0.2]) ** 2).sum(1), 1, atol=1e-5)


def test_bars_cones_and_leaves_reach_from_point_to_point():
    for add in (lambda p, a, b: p.bar(a, b, 1e-3), lambda p, a, b: p.lying(a, b, 1e-3), lambda p, a, b: p.leaf(a, b, 1e-3, 1e-3)):
        p = _drawn()
        add(p, (-0.3, 0.2, 0.1), (0.4, 0.9, -0.2))
        low, high = _low_high(p)
        np.testing.assert_allclose([low[0], high[0]], [[-0.3, 0.2, -0.2], [0.4, 0.9, 0.1]], atol=2e-3)


def test_what_is_wide_is_so_along_the_level():
    p = _drawn()
    p.bar((0, 0, 0), (0, 0.5, 0.5), 0.02, wide=0.6)
    p.leaf((0, 0, 0), (0, 0.5, 0.5), 0.6, 0.02)
    low, high = _low_high(p)
    np.testing.assert_allclose(high[:, 0] - low[:, 0], 0.6, atol=1e-6)


def test_a_post_keeps_its_sides_however_it_leans():
    p = _drawn()
    p.post((0, 0, 0), (0.1, 1, 0.1), 0.05)
    axes = p.array()[0, AXES : AXES + 9].reshape(3, 3)
    assert axes[0, 0] > 0.99 and axes[2, 2] > 0.99
    np.testing.assert_allclose(axes[1], np.array([0.1, 1, 0.1]) / np.linalg.norm([0.1, 1, 0.1]), atol=1e-6)


@pytest.mark.parametrize("is_round", [False, True])
def test_legs_stand_on_the_floor_within_the_box(is_round):
    p = _drawn((0.6, 0.8, 0.4))
    p.legs(0.7, 0.05, is_round=is_round, splay=0.08)
    low, high = _low_high(p)
    assert len(p) == 4 and (low > [-0.302, -2e-3, -0.202]).all() and (high < [0.302, 0.72, 0.202]).all()
    np.testing.assert_allclose(low[:, 1], 0, atol=5e-3)


def test_a_path_has_no_gaps_at_its_corners():
    p = _drawn()
    p.path([(-0.4, 0.2, 0), (-0.4, 0.8, 0), (0.4, 0.8, 0)], 0.1)
    corner = cast(p.array(), np.array([-0.43, 0.33, 2.0]), np.array([[0.0, 0.0, -1.0]]))
    assert len(p) == 2 and np.isfinite(corner.distance[0])


def test_a_lathes_cones_meet():
    p = _drawn()
    p.lathe([(0, 0.5), (0.3, 0.2), (1, 0.4)], flat=0.5)
    _, high = _low_high(p)
    np.testing.assert_allclose(high[:, 1], [0.3, 1.0], atol=1e-6)
    np.testing.assert_allclose(high[:, 0], [0.5, 0.4], atol=1e-6)
    np.testing.assert_allclose(high[:, 2], [0.25, 0.2], atol=1e-6)


def test_a_tub_is_open_above_and_dark_on_its_floor():
    p = _drawn()
    p.tub(0, 0.6, (0.6, 0.5), (1.0, 0.8), 0.02)
    low, high = _low_high(p)
    np.testing.assert_allclose(low.min(0), [-0.5, 0, -0.4], atol=0.01)
    np.testing.assert_allclose(high.max(0), [0.5, 0.6, 0.4], atol=0.01)
    parts = p.array()
    down = cast(parts, np.array([0.0, 2.0, 0.0]), np.array([[0.0, -1.0, 0.0]]))
    assert down.point[0, 1] + 0.5 < 0.1 and parts[down.part[0], SIDES] == DARK
    aside = cast(parts, np.array([2.0, -0.2, 0.0]), np.array([[-1.0, 0.0, 0.0]]))  # 0.3 up
    assert aside.point[0, 0] == pytest.approx(0.4, abs=0.01) and parts[aside.part[0], SIDES] == MAIN
