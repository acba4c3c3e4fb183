"""Plate: a wide flat disc with a rim and a sunken middle."""

import random

from safevla.world.parts import ACCENT, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, flat, step = w / 2, d / w, min(0.002, 0.12 * h)
    edge, well = h - 2 * step, r.uniform(0.6, 0.7)
    has_ring = r.random() < 0.5
    p.round((0, 0, 0), edge, r.uniform(0.5, 0.62) * radius, radius, MAIN, ACCENT if has_ring else MAIN, flat=flat)
    if has_ring:  # its edge alone is painted
        p.round((0, edge - step, 0), 1.5 * step, 0.88 * radius, colour=MAIN, flat=flat)
    p.round((0, edge - step, 0), 2.25 * step, well * radius, colour=SECOND, flat=flat)
    p.round((0, edge - step, 0), 3 * step, (well - 0.08) * radius, colour=r.choice((LIGHT, MAIN)), flat=flat)
