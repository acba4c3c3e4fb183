"""Plunger: a long stick in a rubber cup."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    flat, cup = d / w, r.uniform(0.16, 0.22) * h
    rubber = r.choice((MAIN, DARK))
    p.round((0, 0, 0), 0.2 * cup, 0.5 * w, 0.47 * w, rubber, flat=flat)
    if r.random() < 0.5:
        p.ball((0, 0.18 * cup, 0), (0.92 * w, 1.5 * cup, 0.92 * d), rubber, bottom=0.0)
    else:
        p.round((0, 0.18 * cup, 0), 0.8 * cup, 0.45 * w, 0.16 * w, rubber, flat=flat)
    p.round((0, 0.85 * cup, 0), 0.3 * cup, 0.16 * w, 0.12 * w, rubber)
    p.round((0, cup, 0), h - cup - 0.02 * h, 0.075 * w, colour=r.choice((SECOND, LIGHT)))
    p.ball((0, h - 0.025 * h, 0), (0.2 * w, 0.05 * h, 0.2 * w), SECOND)
