"""Lettuce: a head of leaves that open out from a light stalk."""

import math
import random

from safevla.world.parts import ACCENT, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    p.ball((0, h / 2, 0.04 * d), (0.82 * w, 0.82 * h, 0.8 * d), MAIN)
    p.lying((0, h / 2, -d / 2), (0, h / 2, -0.24 * d), 0.13 * w, 0.26 * w, LIGHT)
    start, count, other = r.uniform(0, 60), r.choice((6, 7, 8)), r.choice((SECOND, ACCENT, MAIN))
    for i in range(count):
        angle = math.radians(start + 360 / count * i)
        x, y = math.cos(angle), math.sin(angle)
        root = (0.16 * w * x, 0.5 * h + 0.16 * h * y, -0.36 * d)
        tip = (0.43 * w * x, h / 2 + 0.43 * h * y, r.uniform(0.32, 0.46) * d)
        across = (0.56 * w, 0.26 * h) if abs(y) > abs(x) else (0.26 * w, 0.56 * h)
        p.leaf(root, tip, *across, MAIN if i % 3 else other, False)
