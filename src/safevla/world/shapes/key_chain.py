"""Key chain: keys spread out from a ring, with a tag."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    thick, ring = 0.4 * h, min(0.17 * w, 0.4 * d)
    x = -w / 2 + ring
    corners = [(x - 0.94 * ring * math.cos(math.pi / 2 * i), h / 2, 0.94 * ring * math.sin(math.pi / 2 * i)) for i in range(6)]
    p.path(corners, thick, DARK, wide=0.2 * ring)
    side = r.choice((-1, 1))
    for i, (z, colour) in enumerate(((0.38, LIGHT), (-0.04, MAIN), (-0.38, SECOND))[: r.choice((2, 3, 3))]):
        start, y = (x + 0.8 * ring, 0.3 * side * z * d), (0.3 + 0.2 * i) * h
        end = (w / 2 - (0.0 if i == 1 else 0.12 * w), side * z * d)
        bow = [a + 0.24 * (b - a) for a, b in zip(start, end, strict=True)]
        p.round((bow[0], y - 0.2 * h, bow[1]), 0.4 * h, 0.17 * d, colour=colour)
        p.bar((bow[0], y, bow[1]), (end[0], y, end[1]), 0.34 * h, colour, 0.14 * d)
    p.box((x + 0.4 * ring, 0.5 * h, -side * 0.3 * d), (0.22 * w, h, 0.22 * d), ACCENT, yaw_deg=side * r.uniform(4, 14))
