"""Table top decor: a dish of balls, or a tray with a bowl and candles."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    flat = d / w
    if r.random() < 0.6:
        p.round((0, 0, 0), 0.42 * h, 0.3 * w, 0.5 * w, MAIN, textured=False, flat=flat)
        p.round((0, 0.41 * h, 0), 0.03 * h, 0.46 * w, colour=DARK, flat=flat)
        size = 0.56 * h
        for i in range(6):
            angle = math.pi / 3 * i + r.uniform(-0.1, 0.1)
            at = (0.29 * w * math.cos(angle), 0.6 * h, 0.29 * d * math.sin(angle))
            p.ball(at, (size, size, size), (SECOND, ACCENT, LIGHT)[i % 3])
        p.ball((0, h - size / 2, 0), (size, size, size), SECOND)
        return
    p.box((0, 0.06 * h, 0), (w, 0.12 * h, d), MAIN)
    p.round((-0.2 * w, 0.1 * h, 0), 0.5 * h, 0.12 * w, 0.2 * w, SECOND, DARK)
    for x, z, top in ((0.16, -0.2, 1.0), (0.34, 0.12, 0.72), (0.14, 0.24, 0.5)):
        p.round((x * w, 0.1 * h, z * d), (top - 0.2) * h, 0.07 * w, colour=LIGHT)
        p.leaf((x * w, (top - 0.12) * h, z * d), (x * w, top * h, z * d), 0.03 * w, 0.03 * w, ACCENT)
