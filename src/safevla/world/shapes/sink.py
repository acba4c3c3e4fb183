"""Sink: a basin with a rim, hollow, with a drain and a tap; a high one stands on a column or a cupboard."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    if h < 0.4:
        _basin(p, r, 0.0, h)
        return
    low = h - r.uniform(0.14, 0.2)
    if r.random() < 0.5:
        p.lathe([(0, 0.2 * w), (0.1, 0.15 * w), (low, 0.2 * w)], MAIN)
    else:
        p.box((0, low / 2, -PROUD_M / 2), (0.92 * w, low + 0.004, 0.92 * d - PROUD_M), SECOND)
        fronts = Fronts(p, r, 0.46 * d - PROUD_M)
        fronts.board((-0.44 * w, 0.44 * w), (0.06, low - 0.02))
        fronts.doors((-0.44 * w, 0.44 * w), (0.06, low - 0.02), 2)
    _basin(p, r, low, h)


def _basin(p: Parts, r: random.Random, low: float, high: float) -> None:
    w, _, d = p.size
    tap = r.random() < 0.5
    rim = high - (0.25 * (high - low) if tap else 0.0)
    wall, lip = 0.05 * w, 0.03
    p.tub(low + 0.002, rim - 0.005, (0.84 * w, 0.84 * d), (0.96 * w, 0.96 * d), wall, MAIN, LIGHT, False)
    wide = 0.11 * w
    for sign in (-1, 1):
        p.box((0, rim - lip / 2, sign * (d - 0.11 * d) / 2), (w, lip, 0.11 * d), MAIN)
        p.box((sign * (w - wide) / 2, rim - lip / 2, 0), (wide, 0.98 * lip, 0.8 * d), MAIN)
    floor = low + min(3 * wall, (rim - low) / 4)
    p.round((0, floor, 0), 0.008, 0.05 * w, colour=DARK)
    if tap:
        top = high - 0.01
        p.path([(0, rim - 0.01, -0.44 * d), (0, top, -0.44 * d), (0, top, -0.2 * d)], 0.02, ACCENT, wide=0.03)
    else:
        p.box((0, rim - 0.02, -0.3 * d), (0.05 * w, 0.02, 0.2 * d), ACCENT)
