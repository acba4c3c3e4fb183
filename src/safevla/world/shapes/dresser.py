"""Dresser: a chest of drawers."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    low, top = r.choice((0.0, 0.06, 0.12)), r.uniform(0.025, 0.045)
    columns = 1 if w < 0.75 else 2 if w < 1.7 else 3
    rows = min(max(round((h - low) / r.uniform(0.19, 0.28)), 2), 5 if columns < 2 else 4 if columns < 3 else 3)
    p.box((0, (low + h - top) / 2, -PROUD_M / 2), (0.97 * w, h - top - low, d - PROUD_M), MAIN)
    p.box((0, h - top / 2, 0), (w, top, d), r.choice((MAIN, ACCENT)))
    if low > 0.1:
        p.legs(low + 0.01, 0.05, DARK, inset=0.03)
    elif low:
        p.box((0, low / 2 + 0.005, -0.02), (0.9 * w, low + 0.01, 0.86 * d), DARK)
    fronts, side = Fronts(p, r, d / 2 - PROUD_M), 0.455 * w
    bottom, high = low + 0.02, h - top - 0.01
    fronts.board((-side, side), (bottom, high))
    if columns > 1 and r.random() < 0.5:  # a row of small ones above wide ones
        under = high - 0.75 * (high - bottom) / rows
        fronts.drawers((-side, side), (under, high), columns, 1)
        fronts.split((-side, side), under)
        fronts.drawers((-side, side), (bottom, under), max(columns - 1, 1), max(rows - 1, 2))
    else:
        fronts.drawers((-side, side), (bottom, high), columns, rows)
