"""Desk: a table top over drawers at one side or both, with a space for the knees; a tall one has shelves above."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    level = h if h < 1.0 else 0.74
    if level < h:
        _tower(p, r, level)
    top = r.uniform(0.025, 0.04)
    inset = 0.0 if level == h else 0.03
    p.box((0, level - top / 2, 0), (w - 2 * inset, top, d), r.choice((MAIN, SECOND)))
    under, wide = level - top, min(r.uniform(0.26, 0.32) * w, 0.5)
    sides = r.choice(((1,), (-1,), (-1, 1))) if w > 1.2 else r.choice(((1,), (-1,)))
    thick = r.uniform(0.03, 0.05)
    for sign in (-1, 1):
        if sign in sides:
            _drawers(p, r, sign, wide, under, inset)
        elif r.random() < 0.5 or level < h:
            p.box((sign * (w / 2 - inset - thick / 2), under / 2, 0), (thick, under + 0.004, 0.94 * d), MAIN)
        else:
            for z in (-1, 1):
                x = sign * (w / 2 - thick / 2)
                p.box((x, under / 2, z * (d - thick) / 2), (thick, under + 0.004, thick), r.choice((DARK, MAIN)), textured=False)
    p.box((0, 0.62 * under, -0.36 * d), (w - 2 * inset - thick, 0.6 * under, 0.02), MAIN)


def _drawers(p: Parts, r: random.Random, sign: int, wide: float, under: float, inset: float) -> None:
    w, _, d = p.size
    low = r.choice((0.0, 0.06, 0.12))
    x, deep = sign * (w / 2 - inset - wide / 2 - 0.005), 0.92 * d - PROUD_M
    p.box((x, (low + under) / 2, -PROUD_M / 2), (wide, under - low + 0.004, deep), MAIN)
    if low:
        p.box((x, low / 2 + 0.005, 0), (0.8 * wide, low + 0.01, 0.75 * d), DARK)
    fronts = Fronts(p, r, deep / 2 - PROUD_M / 2)
    span = (x - wide / 2 + 0.015, x + wide / 2 - 0.015)
    fronts.board(span, (low + 0.015, under - 0.012))
    fronts.drawers(span, (low + 0.015, under - 0.012), 1, r.choice((2, 3, 3)))


def _tower(p: Parts, r: random.Random, level: float) -> None:
    """Sides and a back up to the top of its box, with a shelf or two above the level where one works."""
    w, h, d = p.size
    thick = r.uniform(0.025, 0.04)
    for sign in (-1, 1):
        p.box((sign * (w - thick) / 2, (level + h) / 2 - 0.05, 0), (thick, h - level + 0.1, d), MAIN)
    p.box((0, (level + h) / 2, -d / 2 + 0.012), (w - thick, h - level, 0.02), SECOND)
    p.box((0, h - thick / 2, 0), (w, thick, d), MAIN)
    count = 1 if h < 1.5 else 2
    for i in range(count):
        y = level + 0.36 + (h - level - 0.36) * i / count
        if y < h - 0.15:
            p.box((0, y, -0.15 * d), (w - thick, 0.025, 0.66 * d), MAIN)
