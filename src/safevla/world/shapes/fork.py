"""Fork: four tines on a thin handle, lying."""

import random

from safevla.world.parts import LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    metal, thick = r.choice((LIGHT, MAIN)), 0.2 * h
    root = r.uniform(0.12, 0.2) * d
    tine, y = 0.14 * w, 0.4 * h
    for i in range(4):
        x = (i - 1.5) * (w - tine) / 3
        p.bar((x, y, root), (x, h - thick / 2, d / 2 - 0.003), thick, metal, tine)
    p.box((0, y, root - 0.03 * d), (w, thick, 0.1 * d), metal)
    neck, end = (0, 0.3 * h, root - 0.06 * d), (0, 0.5 * h, -0.1 * d)
    p.bar(neck, end, thick, metal, 0.26 * w)
    handle = r.choice((metal, metal, SECOND))
    p.bar((0, 0.5 * h, -0.08 * d), (0, thick / 2, -d / 2 + 0.003), thick, handle, r.uniform(0.36, 0.55) * w)
