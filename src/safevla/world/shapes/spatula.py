"""Spatula: a flat blade with slots on a long handle, lying."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    blade, thick, metal = r.uniform(0.28, 0.36) * d, 0.2 * h, r.choice((LIGHT, MAIN))
    front = d / 2
    p.box((0, thick / 2 + 0.001, front - blade / 2), (w, thick, blade), metal)
    for x in (-0.26, 0.0, 0.26):
        p.box((x * w, thick / 2 + 0.0008, front - 0.52 * blade), (0.1 * w, thick + 0.001, 0.6 * blade), DARK)
    neck = (0, 0.7 * h, front - blade - 0.12 * d)
    p.bar((0, thick, front - 0.95 * blade), neck, thick, metal, 0.22 * w)
    end = (0, h - 0.18 * h, -d / 2 + 0.003)
    p.bar((neck[0], neck[1], neck[2] + 0.01), (0, 0.78 * h, -0.1 * d), thick, metal, 0.16 * w)
    p.bar((0, 0.78 * h, 0.02 * d), end, 0.34 * h, r.choice((SECOND, DARK)), r.uniform(0.26, 0.36) * w)
