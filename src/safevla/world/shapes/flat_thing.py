"""Flat thing: what is drawn for an unknown type that is low: a slab with a smaller one on it."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    low = r.uniform(0.55, 0.75) * h
    p.box((0, low / 2, 0), (w, low, d), MAIN)
    p.box((0, h / 2, 0), (r.uniform(0.6, 0.85) * w, h, r.uniform(0.6, 0.85) * d), SECOND)
