"""Tennis racket: an oval frame strung with light strings, and a grip, lying."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    head, y = r.uniform(0.5, 0.54) * d, h / 2
    z, thick = d / 2 - head / 2, 0.07 * w
    rim_x, rim_z, corners = w / 2 - thick / 2, head / 2 - thick / 2, 12
    angles = [2 * math.pi * (i + 0.5) / corners for i in range(corners + 1)]
    stretch = 1.02
    p.path([(stretch * rim_x * math.sin(a), y, z + stretch * rim_z * math.cos(a)) for a in angles], 0.6 * h, MAIN, wide=thick)
    for i in (-2, -1, 0, 1, 2):
        half = rim_z * math.sqrt(1 - (0.36 * i) ** 2)
        p.box((0.36 * i * rim_x, y, z), (0.012 * w + 0.001, 0.12 * h, 2 * half), LIGHT)
        half = rim_x * math.sqrt(1 - (0.36 * i) ** 2)
        p.box((0, y, z + 0.36 * i * rim_z), (2 * half, 0.11 * h, 0.012 * w + 0.001), LIGHT)
    neck = z - head / 2
    for sign in (-1, 1):
        p.bar(
            (sign * 0.24 * w, y, neck + 0.08 * head),
            (sign * 0.02 * w, y, neck - 0.14 * d),
            0.5 * h,
            r.choice((MAIN, SECOND)),
            0.05 * w,
        )
    grip = neck - 0.13 * d
    p.box((0, y, (grip - d / 2) / 2), (0.13 * w, 0.9 * h, grip + d / 2), r.choice((DARK, ACCENT)))
    p.box((0, y, -d / 2 + 0.015 * d), (0.16 * w, h, 0.03 * d), DARK)
