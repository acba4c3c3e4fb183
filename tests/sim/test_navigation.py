"""Navigation: distances along the floor agree with a slow relaxation."""

import math

import numpy as np

from safevla.sim import navigation


def test_geodesic_distance_agrees_with_a_slow_relaxation():
    rng = np.random.default_rng(0)
    weight = np.where(rng.random((14, 11)) < 0.25, navigation.UNREACHABLE, 1 + rng.random((14, 11))).astype(np.float32)
    weight[7, 5] = 1.0
    field = navigation.distance_field(weight, np.array([[7, 5]]))
    slow = np.full(weight.shape, np.inf)
    slow[7, 5] = 0
    for _ in range(200):
        for z in range(14):
            for x in range(11):
                for dz in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        a, b = z + dz, x + dx
                        if not (0 <= a < 14 and 0 <= b < 11) or (dz, dx) == (0, 0) or weight[z, x] >= 1e9 or weight[a, b] >= 1e9:
                            continue
                        if dz and dx and (weight[z, b] >= 1e9 or weight[a, x] >= 1e9):
                            continue
                        length = 0.15 * math.hypot(dz, dx) * 0.5 * (float(weight[z, x]) + float(weight[a, b]))
                        slow[z, x] = min(slow[z, x], slow[a, b] + length)
    reached = np.isfinite(slow)
    np.testing.assert_allclose(field[reached], slow[reached], rtol=1e-4)
    assert (field[~reached] >= navigation.UNREACHABLE).all()
