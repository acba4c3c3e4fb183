"""Egg: upright, blunt below and more pointed above."""

import math
import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    belly = r.uniform(0.38, 0.44) * h
    p.ball((0, belly, 0), (w, 2 * belly, d), MAIN, top=0.0)
    p.ball((0, belly, 0), (w, 2 * (h - belly), d), MAIN, bottom=0.0)
    if r.random() < 0.4:  # speckles
        for _ in range(4):
            angle, up = r.uniform(0, 2 * math.pi), r.uniform(-0.2, 0.7)
            out = 0.47 * math.sqrt(1 - up * up)
            at = (out * w * math.cos(angle), belly + up * (h - belly), out * d * math.sin(angle))
            p.ball(at, (0.08 * w, 0.09 * h, 0.08 * d), SECOND)
