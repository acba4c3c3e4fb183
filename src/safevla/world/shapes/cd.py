"""CD: a thin light disc with a dark hole and a coloured ring."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    flat, radius = d / w, w / 2
    p.round((0, 0, 0), 0.4 * h, radius, colour=r.choice((LIGHT, MAIN)), flat=flat)
    p.round((0, 0, 0), 0.6 * h, r.uniform(0.7, 0.9) * radius, colour=r.choice((SECOND, MAIN)), flat=flat)
    p.round((0, 0, 0), 0.8 * h, r.uniform(0.34, 0.42) * radius, colour=r.choice((LIGHT, ACCENT)), flat=flat)
    p.round((0, 0, 0), h, 0.16 * radius, colour=DARK, flat=flat)
    for x in (-1, 1):  # a streak of light across it
        p.box((x * 0.62 * radius, 0.35 * h, 0), (0.4 * radius, 0.7 * h, 0.12 * radius), LIGHT, yaw_deg=r.uniform(-30, 30))
