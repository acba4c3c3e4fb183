"""Potato: a lump of uneven balls with dark eyes."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    p.ball((0, h / 2, 0), (0.92 * w, 0.98 * h, 0.9 * d), MAIN)
    side = r.choice((-1, 1))
    p.ball((side * 0.06 * w, 0.47 * h, 0.16 * d), (0.86 * w, 0.88 * h, 0.66 * d), MAIN)
    p.ball((-side * 0.09 * w, 0.46 * h, -0.18 * d), (0.8 * w, 0.84 * h, 0.62 * d), MAIN)
    p.ball((side * 0.14 * w, 0.52 * h, -0.1 * d), (0.7 * w, 0.7 * h, 0.5 * d), MAIN)
    for _ in range(r.choice((3, 4, 5))):
        x, z = r.uniform(-0.24, 0.24), r.uniform(-0.3, 0.3)
        y = 0.5 + 0.49 * max(0.05, 1 - (x / 0.46) ** 2 - (z / 0.45) ** 2) ** 0.5
        p.ball((x * w, 0.98 * y * h, z * d), (0.1 * w, 0.06 * h, 0.08 * d), r.choice((DARK, SECOND)))
