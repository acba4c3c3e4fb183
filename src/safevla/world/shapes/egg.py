"""Egg: upright, blunt below and more pointed above."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    belly = r.uniform(0.38, 0.44) * h
    p.ball((0, belly, 0), (w, 2 * belly, d), MAIN, top=0.0)
    p.ball((0, belly, 0), (w, 2 * (h - belly), d), MAIN, bottom=0.0)
    if r.random() < 0.4:  # speckles
        for _ in range(3):
            x, z = r.choice((-1, 1)) * r.uniform(0.2, 0.36) * w, r.choice((-1, 1)) * r.uniform(0.2, 0.36) * d
            p.ball((x, belly + r.uniform(0.0, 0.2) * h, z), (0.14 * w, 0.1 * h, 0.14 * d), SECOND)
