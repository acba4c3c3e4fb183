"""Counter: kitchen cupboards and drawers under a worktop, over a dark plinth."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    top, plinth = r.uniform(0.03, 0.05), r.uniform(0.08, 0.11)
    under = h - top
    p.box((0, (h + under) / 2 - 0.001, 0), (w, top - 0.002, d), SECOND)
    p.box((0, (plinth + under) / 2, -0.01), (0.98 * w, under - plinth + 0.004, d - 0.05 - PROUD_M), MAIN)
    p.box((0, plinth / 2, -0.02), (0.95 * w, plinth + 0.004, 0.9 * d), DARK)
    _hob(p, r)
    fronts = Fronts(p, r, d / 2 - 0.035 - PROUD_M / 2)
    side, span = 0.485 * w, (plinth + 0.01, under - 0.02)
    fronts.gap((-side, side), span)
    split = span[1] - r.choice((0.16, 0.2))
    has_drawers = r.random() < 0.6
    count = min(max(round(w / 0.55), 1), 3 if has_drawers else 4)
    stack = r.randrange(count) if r.random() < 0.7 else -1  # where there are drawers alone
    for i in range(count):
        x = ((2 * i / count - 1) * side, (2 * (i + 1) / count - 1) * side)
        if i == stack:
            fronts.rows(x, span, 3)
        else:
            fronts.door(x, (span[0], split if has_drawers else span[1]), 1 if i % 2 == 0 else -1)
            if has_drawers:
                fronts.drawer(x, (split, span[1]))


def _hob(p: Parts, r: random.Random) -> None:
    """A dark hob with rings, let into the worktop."""
    w, h, d = p.size
    if w < 0.8 or r.random() < 0.3:
        return
    x, z = r.choice((-1, 1)) * r.uniform(0.1, 0.3) * (w - 0.7), 0.5 * d - 0.3
    p.box((x, h - 0.006, z), (0.56, 0.011, 0.46), DARK)
    for i in (-1, 1):
        for k in (-1, 1):
            p.round((x + 0.14 * i, h - 0.006, z + 0.11 * k), 0.006, 0.08 if i == k else 0.065, colour=ACCENT)
