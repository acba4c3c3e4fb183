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
    for i in range(1, round(d / 0.6)):  # seams down its sides, where it is deep
        z = (i / round(d / 0.6) - 0.5) * (d - 0.1)
        p.box((0, (plinth + under) / 2, z), (0.984 * w, under - plinth - 0.04, 0.012), DARK)
    fronts = Fronts(p, r, d / 2 - 0.035 - PROUD_M / 2)
    side, span = 0.485 * w, (plinth + 0.01, under - 0.02)
    fronts.board((-side, side), span)
    has_drawers = r.random() < 0.6
    count = min(max(round(w / 0.55), 1), 3 if has_drawers else 4)
    low_edge = span[1] - r.choice((0.16, 0.2)) if has_drawers else span[1]
    stack = -side + 2 * side / count if count > 1 and r.random() < 0.6 else -side  # left of this are drawers alone
    if stack > -side:
        fronts.drawers((-side, stack), span, 1, 3)
    fronts.doors((stack, side), (span[0], low_edge), count - (stack > -side))
    if has_drawers:
        fronts.split((stack, side), low_edge)
        fronts.drawers((stack, side), (low_edge, span[1]), count - (stack > -side), 1)


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
