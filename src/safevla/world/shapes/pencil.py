"""Pencil: a thin shaft with a sharpened light point and a rubber, lying."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    y, flat, radius = h / 2, h / w, w / 2
    point = r.uniform(0.1, 0.15) * d
    p.lying((0, y, -0.42 * d), (0, y, d / 2 - point), radius, colour=MAIN, flat=flat)
    p.lying((0, y, d / 2 - point), (0, y, d / 2 - 0.3 * point), radius, 0.35 * radius, LIGHT, flat=flat)
    p.lying((0, y, d / 2 - 0.3 * point), (0, y, d / 2), 0.35 * radius, 0.04 * radius, DARK, flat=flat)
    p.lying((0, y, -d / 2), (0, y, -0.45 * d), 0.94 * radius, colour=ACCENT, flat=flat)
    p.lying((0, y, -0.46 * d), (0, y, -0.41 * d), 0.98 * radius, colour=r.choice((LIGHT, SECOND)), flat=flat)
