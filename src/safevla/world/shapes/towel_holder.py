"""Towel holder: a rod between two arms from the wall."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    rod = 0.3 * h
    for sign in (-1, 1):
        x = sign * (w / 2 - 0.5 * h)
        p.box((x, h / 2, -d / 2 + 0.08 * d), (h, h, 0.16 * d), SECOND)
        p.lying((x, h / 2, -d / 2), (x, h / 2, d / 2 - 0.2 * rod), 0.7 * rod, colour=MAIN)
    p.lying((-w / 2 + 0.3 * h, h / 2, d / 2 - rod), (w / 2 - 0.3 * h, h / 2, d / 2 - rod), rod * r.uniform(0.7, 1.0), colour=MAIN)
