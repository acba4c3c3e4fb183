"""Soap bar: a rounded slab with a mark pressed into it."""

import random

from safevla.world.parts import LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    top = h - 0.002
    if r.random() < 0.5:  # oval
        p.lathe([(0, 0.42 * w), (0.3 * top, w / 2), (0.7 * top, w / 2), (top, 0.42 * w)], MAIN, flat=d / w)
        p.round((0, top - 0.002, 0), 0.004, 0.26 * w, colour=r.choice((SECOND, LIGHT)), flat=d / w)
    else:
        p.box((0, h / 2, 0), (w, 0.6 * h, 0.9 * d), MAIN)
        p.box((0, top / 2, 0), (0.86 * w, top, 0.84 * d), MAIN)
        p.box((0, h / 2, 0), (0.9 * w, 0.58 * h, d), MAIN)
        p.box((0, top - 0.001, 0), (0.5 * w, 0.005, 0.56 * d), r.choice((SECOND, LIGHT)))
