"""Tomato: a flat ribbed ball with a star of leaves about its stalk."""

import math
import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    body, lobes = 0.9 * h, r.choice((3, 4))
    for i in range(lobes):
        angle = 2 * math.pi * i / lobes + 0.4
        p.ball((0.1 * w * math.cos(angle), body / 2, 0.1 * d * math.sin(angle)), (0.78 * w, body, 0.78 * d), MAIN)
    p.ball((0, 0.48 * body, 0), (0.98 * w, 0.84 * body, 0.98 * d), MAIN)
    colour, turn, reach = r.choice((SECOND, ACCENT)), r.uniform(0, 1), r.uniform(0.28, 0.4)
    for i in range(5):
        angle = 2 * math.pi * i / 5 + turn
        tip = (reach * w * math.cos(angle), (0.96 if i % 2 else 0.9) * h, reach * d * math.sin(angle))
        p.leaf((0, 0.95 * h, 0), tip, 0.15 * w, 0.06 * h, colour)
    p.lying((0, 0.9 * body, 0), (0.05 * w, h - 0.005, 0), 0.035 * w, colour=DARK)
