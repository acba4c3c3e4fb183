"""Safe: a heavy box with a thick door, a dial or keys, a handle and hinges."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, proud = r.choice((0.0, 0.03)), 0.06 * d
    face = d / 2 - proud
    p.box((0, h - 0.015, 0), (w, 0.03, d), MAIN)
    p.box((0, (foot + h) / 2 - 0.01, -proud / 2), (w, h - foot - 0.02, d - proud), MAIN)
    if foot:
        p.legs(foot + 0.005, 0.05, DARK, inset=0.02)
    low, high = foot + 0.07 * h, 0.91 * h
    p.box((0, (low + high) / 2, face), (0.88 * w, high - low, 0.008), DARK)
    p.box((0, (low + high) / 2, face + 0.25 * proud), (0.82 * w, 0.92 * (high - low), 0.5 * proud), r.choice((MAIN, SECOND)))
    side, z, y = r.choice((-1, 1)), face + 0.5 * proud, (low + high) / 2
    for at in (0.25, 0.75):  # hinges
        p.box((-side * 0.43 * w, low + at * (high - low), face + 0.3 * proud), (0.06 * w, 0.1 * h, 0.6 * proud), DARK)
    if r.random() < 0.5:
        p.lying((side * 0.12 * w, y, z - 0.01), (side * 0.12 * w, y, z + 0.4 * proud), 0.1 * w, colour=DARK)
        p.lying((side * 0.12 * w, y, z), (side * 0.12 * w, y, d / 2 - 0.004), 0.04 * w, colour=LIGHT)
    else:
        p.box((side * 0.18 * w, y + 0.1 * h, z), (0.22 * w, 0.26 * h, 0.01), DARK)
        for row in range(3):
            p.box((side * 0.18 * w, y + (0.03 + 0.07 * row) * h, z + 0.003), (0.16 * w, 0.03 * h, 0.01), LIGHT)
    x, y = -side * 0.16 * w, y - 0.02 * h
    for turn in range(3):  # a wheel with three spokes
        angle = math.radians(60 * turn + 20)
        across = (0.11 * w * math.cos(angle), 0.11 * w * math.sin(angle))
        p.lying(
            (x - across[0], y - across[1], z + 0.3 * proud),
            (x + across[0], y + across[1], z + 0.3 * proud),
            0.014 * w,
            colour=ACCENT,
        )
    p.lying((x, y, z - 0.005), (x, y, d / 2), 0.035 * w, colour=ACCENT)
