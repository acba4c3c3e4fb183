"""View: rays, covered pixels and lines that bound them, against a slow intersection of a ray with a box."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from safevla.sim.boxes import Boxes
from safevla.sim.view import View, covered, in_box, limits, meet, rows_between, slabs, view_of

_WIDTH, _HEIGHT = 16, 9


def _ray(view: View, row: int, x: int) -> np.ndarray:
    """The ray through a pixel's middle, 1 m long along the optical axis, in the world."""
    forward = np.array([view.sin_yaw * view.cos_pitch, -view.sin_pitch, view.cos_yaw * view.cos_pitch])
    right = np.array([view.cos_yaw, 0.0, -view.sin_yaw])
    up = np.array([view.sin_yaw * view.sin_pitch, view.cos_pitch, view.cos_yaw * view.sin_pitch])
    return forward + (view.u_at + view.u_by * x) * right + (view.v_at + view.v_by * row) * up


def _slow(view: View, boxes: Boxes, row: int, x: int) -> tuple[float, float]:
    """Where a pixel's ray enters and leaves box 0, in metres along the optical axis; it misses where it leaves first."""
    turn = math.radians(boxes.pose[0, 3])
    to_box = np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])
    origin, direction = to_box @ (np.array(view[:3]) - boxes.pose[0, :3]), to_box @ _ray(view, row, x)
    with np.errstate(divide="ignore", over="ignore"):
        a, b = (-boxes.half[0] - origin) / direction, (boxes.half[0] - origin) / direction
    return np.minimum(a, b).max(), np.maximum(a, b).min()


_angles = st.floats(-180, 180)
_boxes = st.builds(
    lambda x, y, z, yaw, a, b, c: Boxes(
        np.array([[x, y, z, yaw, 0]], np.float64), np.array([[a, b, c]], np.float64), np.zeros(1, np.int8), 1
    ),
    *[st.floats(-3, 3)] * 3, _angles, *[st.floats(0.02, 1.5)] * 3,
)  # fmt: skip


def test_the_middle_of_a_picture_lies_straight_ahead():
    view = view_of(1.0, 2.0, 3.0, 90.0, 0.0, 60.0, 3, 3)
    assert _ray(view, 1, 1) == pytest.approx([1.0, 0.0, 0.0])
    assert _ray(view, 0, 1)[1] > 0 > _ray(view, 2, 1)[1]  # the first row is the highest
    assert _ray(view, 1, 0)[2] > 0 > _ray(view, 1, 2)[2]  # facing +x, the left is +z
    down = view_of(0.0, 0.0, 0.0, 0.0, 30.0, 60.0, 3, 3)
    assert _ray(down, 1, 1) == pytest.approx([0.0, -0.5, math.cos(math.radians(30))])


@settings(max_examples=150, deadline=None)
@given(_boxes, _angles, st.floats(-60, 60))
def test_pixels_that_meet_a_box_are_those_of_a_slow_ray(boxes, yaw_deg, pitch_deg):
    view = view_of(0.0, 0.0, 0.0, yaw_deg, pitch_deg, 60.0, _WIDTH, _HEIGHT)
    slab, limit = np.zeros((3, 7)), np.zeros((18, 3))
    eye = in_box(0, boxes, view)
    assume(slabs(0, boxes, eye, view, slab))  # the eye is outside
    assume(np.abs(np.abs(eye[:3]) - boxes.half[0]).min() > 1e-3)  # and in no face's plane, of which a ray may lie within
    n_limits = limits(slab, limit)
    first_row, end_row, first_x, end_x, begins_m = covered(0, boxes, view)
    at, rest = slab[:, 0], slab[:, 1:]
    for row in range(_HEIGHT):
        for x in range(_WIDTH):
            enters_m, leaves_m = _slow(view, boxes, row, x)
            if abs(leaves_m - enters_m) < 1e-4 * max(1.0, abs(enters_m)) or abs(enters_m) < 1e-3:
                continue  # at a silhouette, or in front of the lens
            is_hit = 0 < enters_m < leaves_m
            # a hit has a positive inverse depth before any that was drawn, of which the sky's is 0
            inverse, seen, _ = meet(row, x, at[0], rest[0], at[1], rest[1], at[2], rest[2], 0.0)
            assert seen == is_hit
            if is_hit:
                assert 1.0 / inverse == pytest.approx(enters_m, rel=1e-4)
                assert first_row <= row < end_row and first_x <= x < end_x
                assert begins_m <= enters_m + 1e-6
                top, bottom = rows_between(limit, n_limits, x, x, first_row, end_row)
                assert top <= row < bottom
