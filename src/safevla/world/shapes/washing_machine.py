"""Washing machine or dryer: a white box with a round dark window, a drawer and knobs above it."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    panel, proud = r.uniform(0.13, 0.18) * h, 0.06 * d
    face = d / 2 - proud
    p.box((0, h / 2, -proud / 2), (w, h, d - proud), MAIN)
    p.box((0, 0.05 * h, face), (0.9 * w, 0.07 * h, 0.008), DARK)
    p.box((0, h - panel / 2 - 0.01, face), (0.96 * w, panel - 0.02, 0.016), SECOND)
    y, radius = 0.47 * (h - panel) + 0.03 * h, r.uniform(0.3, 0.36) * w
    p.lying((0, y, face - 0.01), (0, y, face + 0.7 * proud), radius, colour=LIGHT)
    p.lying((0, y, face), (0, y, face + 0.7 * proud + 0.004), 0.78 * radius, colour=DARK)
    p.ball((0, y, face + 0.6 * proud), (1.2 * radius, 1.2 * radius, 0.7 * proud), DARK)
    side = r.choice((-1, 1))
    p.box((side * 0.88 * radius, y, face + 0.8 * proud), (0.05, 0.14, 0.3 * proud), ACCENT)
    p.box((-0.3 * w, h - panel / 2, face + 0.008), (0.28 * w, 0.6 * panel, 0.012), MAIN)
    for i in range(r.choice((1, 2, 3))):
        x = (0.36 - 0.17 * i) * w
        p.lying((x, h - panel / 2, face), (x, h - panel / 2, face + 0.5 * proud), 0.05 * w, colour=ACCENT)
    if r.random() < 0.6:
        p.box((0, h - panel / 2, face + 0.008), (0.16 * w, 0.4 * panel, 0.012), DARK)
