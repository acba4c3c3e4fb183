"""Watch: a round or square face with hands, in a strap that stands up in an oval."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    thick = 0.1 * d
    x, z, corners = w / 2 - 0.7 * thick, 0.36 * d, 6
    points = []
    for i in range(corners + 1):
        angle = 2 * math.pi * (i + 0.5) / corners
        points.append((x * math.sin(angle), h / 2, -0.08 * d + z * math.cos(angle)))
    p.path(points, 0.56 * h, r.choice((MAIN, DARK)), wide=thick)
    front, radius = d / 2, h / 2
    if r.random() < 0.6:
        p.lying((0, h / 2, front - 0.2 * d), (0, h / 2, front - 0.03 * d), radius, colour=SECOND)
        p.lying((0, h / 2, front - 0.1 * d), (0, h / 2, front - 0.01 * d), 0.8 * radius, colour=LIGHT)
    else:
        p.box((0, h / 2, front - 0.11 * d), (0.9 * h, h, 0.17 * d), SECOND)
        p.box((0, h / 2, front - 0.06 * d), (0.7 * h, 0.8 * h, 0.11 * d), DARK if r.random() < 0.5 else LIGHT)
    p.box((0, 0.64 * h, front - 0.02 * d), (0.07 * h, 0.32 * h, 0.03 * d), ACCENT)
    p.box((0.12 * h, h / 2, front - 0.02 * d), (0.28 * h, 0.07 * h, 0.03 * d), ACCENT)
