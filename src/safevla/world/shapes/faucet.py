"""Faucet: a spout that bends forward over its foot, with one lever or two taps."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    is_wide = w > 0.7 * d
    thick = min(0.1 * d, 0.2 * h, 0.4 * w)
    back, front = -d / 2 + thick, d / 2 - thick / 2
    top = h - 0.75 * thick - (0.0 if is_wide or r.random() < 0.5 else 0.12 * h)
    p.round((0, 0, back), 0.06 * h, 0.9 * thick, colour=MAIN)
    if r.random() < 0.5:
        points = [(0, 0.04 * h, back), (0, top, back), (0, top, front), (0, top - 0.22 * h, front)]
    else:
        points = [(0, 0.04 * h, back), (0, 0.7 * top, back), (0, top, back + 0.22 * d), (0, top, 0.2 * d), (0, 0.62 * top, front)]
    p.path(points, thick, MAIN)
    p.round((points[-1][0], points[-1][1] - 0.03 * h, points[-1][2] - 0.1 * thick), 0.05 * h, 0.35 * thick, colour=DARK)
    if is_wide:
        x = w / 2 - min(0.12 * w, 0.1)
        for sign in (-1, 1):
            p.round((sign * x, 0, back), 0.3 * h, 0.6 * thick, 0.45 * thick, MAIN)
            p.box((sign * x, 0.33 * h, back), (2 * (w / 2 - x), 0.08 * h, 0.5 * thick), ACCENT)
        p.box((0, 0.03 * h, back), (2 * x, 0.05 * h, 1.2 * thick), MAIN)
    else:
        p.bar((0, top, back), (0, h - 0.25 * thick, back + 0.3 * d), 0.4 * thick, ACCENT, 0.6 * thick)
        p.box((0, 0.3 * h, back), (w, 0.06 * h, 0.8 * thick), ACCENT)
