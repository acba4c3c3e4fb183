"""Shower curtain: cloth in folds, on rings under a rod."""

import random

from safevla.world.parts import DARK, MAIN, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    rod = 0.018
    p.lying((-w / 2, h - rod, 0), (w / 2, h - rod, 0), rod, colour=DARK)
    folds = r.choice((4, 5, 6, 7))
    top = h - 0.07
    for i in range(folds):
        x = ((i + 0.5) / folds - 0.5) * w
        deep = r.uniform(0.5, 0.6) * d
        z = (d - deep) / 2 * (1 if i % 2 else -1)
        p.round((x, 0, z), top, 0.52 * w / folds, 0.5 * w / folds, MAIN, flat=deep / (1.04 * w / folds))
        p.box((x, h - 0.035, 0), (0.012, 0.07, 0.05), DARK)
    p.box((0, top / 2, 0), (0.9 * w, top - 0.02, 0.4 * d), MAIN)
