"""Shower head: a pipe up the wall, and a head that looks down from its bend."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    pipe, back = 0.014, -d / 2 + 0.02
    p.lying((0, 0.1 * h, back), (0, 0.95 * h, back), pipe, colour=MAIN)
    front = d / 2 - min(0.42 * w, 0.3 * d)
    p.path([(0, 0.94 * h, back), (0, h - 0.016, back + 0.04), (0, h - 0.016, front - 0.03), (0, 0.94 * h, front)], 0.026, MAIN)
    radius, y = min(0.48 * w, 0.42 * d), 0.92 * h
    p.round((0, y, d / 2 - radius), 0.03, radius, 0.6 * radius, MAIN)
    p.round((0, y - 0.008, d / 2 - radius), 0.01, 0.88 * radius, colour=r.choice((LIGHT, DARK)))
    p.box((0, 0.06 * h, back + 0.02), (w, 0.05, 0.05), SECOND)
    for sign in (-1, 1):
        p.lying((sign * 0.44 * w, 0.0, back + 0.03), (sign * 0.44 * w, 0.1 * h, back + 0.03), 0.05 * w, colour=MAIN)
    p.box((0, 0.55 * h, back - 0.004), (0.06, 0.04, 0.03), SECOND)
