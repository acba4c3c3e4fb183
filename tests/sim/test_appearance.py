"""Appearance: the sphere that a box is culled by holds all that is drawn of it."""

import numpy as np

from safevla.sim.appearance import radii
from safevla.world import generation, layout, parts


def test_spheres_hold_what_is_drawn_above_what_is_solid():
    for seed in range(20):
        plan = layout.compile_house(generation.generate(seed))
        low, high = parts.extents(plan.parts)
        furthest = np.maximum.reduceat(np.maximum(np.abs(low), np.abs(high)).max(1), plan.first_part[:-1])
        assert (radii(plan.parts, plan.first_part) >= furthest - 1e-5).all()
