"""Dresser: a chest of drawers."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    low, top = r.choice((0.0, 0.06, 0.12)), r.uniform(0.025, 0.045)
    columns = 1 if w < 0.75 else 2 if w < 1.9 else 3
    rows = min(max(round((h - low) / r.uniform(0.19, 0.26)), 2), 5 if columns < 3 else 3)
    face = d / 2 - PROUD_M
    p.box((0, (low + h - top) / 2, -PROUD_M / 2), (0.97 * w, h - top - low, d - PROUD_M), MAIN)
    p.box((0, h - top / 2, 0), (w, top, d), r.choice((MAIN, ACCENT)))
    if low > 0.1:
        p.legs(low + 0.01, 0.05, DARK, inset=0.03)
    elif low:
        p.box((0, low / 2, -0.02), (0.9 * w, low + 0.01, 0.86 * d), DARK)
    fronts, side = Fronts(p, r, face), 0.455 * w
    bottom, high = low + 0.02, h - top - 0.01
    fronts.gap((-side, side), (bottom, high))
    if columns > 1 and r.random() < 0.5:  # a row of small ones above wide ones
        wide = 2 * side / columns
        for i in range(columns):
            fronts.drawer((i * wide - side, (i + 1) * wide - side), (high - 0.7 * (high - bottom) / rows, high))
        high -= 0.7 * (high - bottom) / rows
        rows, columns = min(rows, 4) - 1 or 1, columns if columns == 3 else r.choice((1, 2))
    for i in range(columns):
        wide = 2 * side / columns
        fronts.rows((i * wide - side, (i + 1) * wide - side), (bottom, high), rows)
