"""View: rays of a camera, what may be seen of a sphere, and the eye as an upright or toppled object has it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safevla.sim.boxes import Boxes
from safevla.sim.contact import topple_where_free
from safevla.sim.view import EYE, FORWARD, RIGHT, UP, is_in_view, look_into, upright, view_of
from tests.sim.test_solids import ray

_angles = st.floats(-180, 180)


def test_the_middle_of_a_picture_lies_straight_ahead():
    view = view_of(1.0, 2.0, 3.0, 90.0, 0.0, 60.0, 3, 3)
    assert ray(view, 1, 1) == pytest.approx([1.0, 0.0, 0.0])
    assert ray(view, 0, 1)[1] > 0 > ray(view, 2, 1)[1]  # the first row is the highest
    assert ray(view, 1, 0)[2] > 0 > ray(view, 1, 2)[2]  # facing +x, the left is +z
    down = view_of(0.0, 0.0, 0.0, 0.0, 30.0, 60.0, 3, 3)
    assert ray(down, 1, 1) == pytest.approx([0.0, -0.5, math.cos(math.radians(30))])


@settings(deadline=None)
@given(*[st.floats(-4, 4)] * 3, st.floats(0.01, 1.0), _angles, st.floats(-60, 60))
def test_a_sphere_that_a_ray_meets_is_in_view(x, y, z, radius, yaw_deg, pitch_deg):
    view = view_of(0.3, 1.0, -0.2, yaw_deg, pitch_deg, 60.0, 16, 9)
    is_seen, begins_m = is_in_view(x, y, z, radius, view)
    centre = np.array([x, y, z]) - view[:3]
    axis = ray(view_of(0, 0, 0, yaw_deg, pitch_deg, 60.0, 1, 1), 0, 0)
    for row in range(9):
        for column in range(16):
            along = ray(view, row, column)
            away = max(0.0, centre @ along / (along @ along))
            if np.linalg.norm(away * along - centre) < radius:
                assert is_seen and begins_m <= away + 1e-9
    assert begins_m == pytest.approx(centre @ axis - radius)


@settings(deadline=None)
@given(_angles, _angles, st.floats(-60, 60), st.booleans(), st.booleans())
def test_an_object_sees_the_camera_where_it_is(object_yaw_deg, yaw_deg, pitch_deg, is_wide, lies):
    """The frame is orthonormal, and leads from the object's coordinates back to the eye's place in the world."""
    view = view_of(1.0, 2.0, 3.0, yaw_deg, pitch_deg, 60.0, 16, 9)
    frame = np.zeros((4, 3))
    look_into(np.array([0.5, 0.4, -0.3, object_yaw_deg, 90.0 if lies else 0.0]), is_wide, view, frame)
    axes = frame[[RIGHT, UP, FORWARD]]
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1.0)  # nothing is mirrored
    assert np.linalg.norm(frame[EYE]) == pytest.approx(np.linalg.norm([0.5, 1.6, 3.3]))


@pytest.mark.parametrize(("half", "is_wide"), [((0.06, 0.3, 0.04), True), ((0.04, 0.3, 0.06), False)])
def test_a_toppled_object_lies_in_its_toppled_box(half, is_wide):
    """What stood at the top of the object's box lies ahead, where its box now is long."""
    boxes = Boxes(np.array([[0, 0.3, 0, 0, 0]], np.float32), np.array([half], np.float32), np.full(1, 3, np.int8), 1)
    assert topple_where_free(0, 1.0, 0.0, boxes, -1)
    lying = np.array([boxes.half[0, 0], boxes.half[0, 1], boxes.half[0, 2]])
    assert upright(0.0, 0.0, lying[2], is_wide) == pytest.approx((0.0, half[1], 0.0))
    corner = np.abs(upright(*lying, is_wide))
    assert corner == pytest.approx(half)
