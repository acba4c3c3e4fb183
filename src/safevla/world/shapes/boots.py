"""Boots: a pair, side by side: a shaft over a foot with a dark sole, open above."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    wide, sole = 0.46 * w, r.uniform(0.05, 0.08) * h
    ankle, shaft = r.uniform(0.24, 0.3) * h, r.uniform(0.5, 0.58) * d
    top = h - 0.004
    for sign in (-1, 1):
        x, back = sign * 0.26 * w, -d / 2 + shaft / 2
        p.box((x, sole / 2, 0), (wide, sole, d), DARK)
        p.ball((x, sole - 0.003, 0.04 * d), (0.98 * wide, 2 * (ankle - sole), 0.9 * d), MAIN, bottom=0.0)
        p.round((x, sole - 0.003, back), top - sole, 0.42 * wide, 0.49 * wide, MAIN, flat=shaft / wide)
        p.round((x, top - 0.006, back), 0.009, 0.4 * wide, colour=DARK, flat=shaft / wide)
        p.round((x, 0.86 * h, back), 0.08 * h, 0.5 * wide, colour=SECOND, textured=False, flat=shaft / wide)
        if r.random() < 0.7:
            p.round((x, 1.1 * ankle, back), 0.05 * h, 0.47 * wide, colour=ACCENT, flat=shaft / wide)
