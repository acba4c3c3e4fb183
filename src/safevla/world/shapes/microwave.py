"""Microwave: a box with a wide dark window, an upright handle and a panel of keys at its right."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    handle = 0.06 * d
    face, panel = d / 2 - handle, r.uniform(0.2, 0.26) * w
    p.box((0, 0.51 * h, -handle / 2), (w, 0.98 * h, d - handle), MAIN)
    p.legs(0.04 * h, 0.05, DARK, inset=0.02)
    door = w - panel
    x = -w / 2 + door / 2
    p.box((x, 0.51 * h, face), (door - 0.02, 0.9 * h, 0.012), r.choice((MAIN, SECOND)))
    p.box((x - 0.02 * w, 0.51 * h, face + 0.003), (0.78 * door, 0.62 * h, 0.012), DARK)
    p.box((w / 2 - panel / 2, 0.51 * h, face), (panel - 0.01, 0.9 * h, 0.01), r.choice((DARK, SECOND)))
    p.box((w / 2 - panel / 2, 0.82 * h, face + 0.003), (0.7 * panel, 0.12 * h, 0.012), r.choice((LIGHT, ACCENT)))
    if r.random() < 0.6:
        for row in range(3):
            at = (w / 2 - panel / 2, (0.6 - 0.15 * row) * h, face + 0.003)
            p.box(at, (0.66 * panel, 0.07 * h, 0.012), LIGHT)
    else:
        for y in (0.6, 0.3):
            at = w / 2 - panel / 2
            p.lying((at, y * h, face), (at, y * h, d / 2), 0.24 * panel, colour=ACCENT)
    if r.random() < 0.75:
        p.box((w / 2 - panel - 0.03, 0.51 * h, face + handle / 2), (0.025, 0.7 * h, handle), LIGHT)
