"""Towel: cloth that hangs in two layers, with bands across."""

import random

from safevla.world.parts import ACCENT, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    front, back = r.uniform(0.75, 0.95), 1.0
    if r.random() < 0.5:
        front, back = back, front
    p.box((0, h - front * h / 2, 0.26 * d), (w, front * h, 0.46 * d), MAIN)
    p.box((0, h - back * h / 2, -0.26 * d), (0.98 * w, back * h, 0.46 * d), MAIN)
    p.lying((-0.49 * w, h - 0.36 * d, 0), (0.49 * w, h - 0.36 * d, 0), 0.36 * d, colour=MAIN)
    for share in r.choice(((0.12,), (0.1, 0.2), (0.14, 0.86))):
        y = h - front * h * (1 - share)
        p.box((0, y, 0.26 * d), (1.005 * w, r.uniform(0.03, 0.06) * h, 0.48 * d), r.choice((SECOND, ACCENT)), textured=False)
    p.box((0, h - front * h + 0.012 * h, 0.26 * d), (0.99 * w, 0.025 * h, 0.4 * d), LIGHT)
