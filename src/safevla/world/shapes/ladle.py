"""Ladle: a deep round bowl at the end of a long handle, lying."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    z, metal = d / 2 - w / 2, r.choice((LIGHT, MAIN))
    p.ball((0, h - 0.002, z), (w, 1.9 * h, w), metal, top=0.0)
    p.round((0, h - 0.004, z), 0.003, 0.42 * w, colour=DARK)
    start, end = (0, 0.8 * h, z - 0.44 * w), (0, 0.5 * h, -d / 2 + 0.004)
    p.bar(start, end, 0.1 * h, metal, 0.12 * w)
    grip = [a + 0.45 * (b - a) for a, b in zip(start, end, strict=True)]
    p.bar(grip, end, 0.2 * h, r.choice((SECOND, DARK)), r.uniform(0.2, 0.3) * w)
