"""Light switch: a plate with one rocker or two."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    count = max(1, round(w / 0.1))
    p.box((0, h / 2, -0.2 * d), (w, h, 0.6 * d), MAIN)
    for i in range(count):
        x, wide = ((i + 0.5) / count - 0.5) * 0.9 * w, 0.45 * w / count
        p.box((x, h / 2, 0.0), (1.25 * wide, 0.6 * h, 0.34 * d), DARK)
        p.box((x, h / 2, 0.12 * d), (wide, 0.5 * h, 0.42 * d), r.choice((LIGHT, SECOND)), pitch_deg=r.choice((-3, 3)))
    for sign in (-1, 1):
        p.box((0, h / 2 + sign * 0.42 * h, 0.1 * d), (0.06 * w, 0.03 * h, 0.06 * d), DARK)
