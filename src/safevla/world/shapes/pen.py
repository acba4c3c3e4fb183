"""Pen: a thin barrel with a cap and a clip, lying."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, y, cap, flat = w / 2, h / 2, r.uniform(0.28, 0.42) * d, 0.96 * h / w
    p.lying((0, y, -d / 2), (0, y, -d / 2 + cap), radius, colour=r.choice((SECOND, ACCENT)), flat=flat)
    p.lying((0, y, -d / 2 + cap), (0, y, 0.38 * d), 0.8 * radius, colour=MAIN, flat=flat)
    p.lying((0, y, 0.38 * d), (0, y, d / 2), 0.7 * radius, 0.16 * radius, r.choice((DARK, LIGHT)), flat=flat)
    p.box((0, h - 0.06 * h, -d / 2 + 0.5 * cap), (0.4 * w, 0.12 * h, 0.9 * cap), LIGHT)
