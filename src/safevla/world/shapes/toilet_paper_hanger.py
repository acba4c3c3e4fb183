"""Toilet paper hanger: a rod before the wall, held at one end or both."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    rod = min(0.14 * d, 0.3 * h)
    p.box((0, h / 2, -0.45 * d), (w, h, 0.1 * d), SECOND)
    both = r.random() < 0.6
    y = r.uniform(0.35, 0.6) * h
    for sign in (-1, 1) if both else (r.choice((-1, 1)),):
        x = sign * (w / 2 - rod)
        p.box((x, y, 0), (1.6 * rod, 2 * rod, d), MAIN)
    p.lying((-w / 2 + rod, y, d / 2 - rod), (w / 2 - rod, y, d / 2 - rod), 0.8 * rod, colour=MAIN)
    if both and r.random() < 0.4:
        p.box((0, h - 0.05 * h, 0), (0.98 * w, 0.1 * h, 0.9 * d), SECOND)
