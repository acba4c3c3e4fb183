"""Geometry: distances agree with those of dense points."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safevla.sim.geometry import disc_to_rectangle, rectangle_gap


def _rectangle_points(dx, dz, yaw_deg, half_x, half_z, n=41):
    """Dense points of a yawed rectangle at an offset."""
    a, b = np.meshgrid(np.linspace(-half_x, half_x, n), np.linspace(-half_z, half_z, n))
    turn = math.radians(yaw_deg)
    return np.stack([dx + a * math.cos(turn) + b * math.sin(turn), dz - a * math.sin(turn) + b * math.cos(turn)], -1).reshape(
        -1, 2
    )


@settings(max_examples=60, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 360), st.floats(0.05, 0.6), st.floats(0.05, 0.6))
def test_disc_distance_agrees_with_dense_points(x, z, yaw_deg, half_x, half_z):
    turn = math.radians(yaw_deg)
    distance, nx, nz = disc_to_rectangle(x, z, math.sin(turn), math.cos(turn), half_x, half_z)
    nearest = np.linalg.norm(_rectangle_points(0, 0, yaw_deg, half_x, half_z) - [x, z], axis=1).min()
    assert max(distance, 0.0) == pytest.approx(nearest, abs=0.03)
    assert math.hypot(nx, nz) == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(0, 180), st.floats(0, 180), st.floats(0.1, 0.5), st.floats(0.1, 0.5))
def test_rectangle_gap_agrees_with_dense_points(dx, dz, yaw_a, yaw_b, a, b):
    ta, tb = math.radians(yaw_a), math.radians(yaw_b)
    gap = rectangle_gap(dx, dz, a, b, math.sin(ta), math.cos(ta), b, a, math.sin(tb), math.cos(tb))
    first = _rectangle_points(0, 0, yaw_a, a, b)
    second = _rectangle_points(dx, dz, yaw_b, b, a)
    turn = math.radians(yaw_b)
    local = first - [dx, dz]
    right = local[:, 0] * math.cos(turn) - local[:, 1] * math.sin(turn)
    forward = local[:, 0] * math.sin(turn) + local[:, 1] * math.cos(turn)
    overlaps = ((abs(right) < b - 1e-9) & (abs(forward) < a - 1e-9)).any()
    if overlaps:
        assert gap < 1e-6
    if gap < -0.05:
        assert overlaps or len(second) == 0
