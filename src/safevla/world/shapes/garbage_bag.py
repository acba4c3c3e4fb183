"""Garbage bag: a slack round sack, tied at its top."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    body = r.uniform(0.74, 0.8) * h
    p.ball((0, 0.42 * body, 0), (w, 1.16 * body, d), MAIN, bottom=-0.72)
    for _ in range(4):  # bulges
        x, z = r.uniform(-0.2, 0.2) * w, r.uniform(-0.2, 0.2) * d
        size = r.uniform(0.44, 0.58)
        p.ball((x, r.uniform(0.28, 0.44) * body, z), (size * w, size * body, size * d), MAIN)
    p.round((0, 0.84 * body, 0), 0.98 * body - 0.84 * body, 0.3 * w, 0.08 * w, MAIN, flat=d / w)
    p.round((0, 0.96 * body, 0), 0.05 * h, 0.085 * w, colour=r.choice((DARK, SECOND)))
    for sign in (-1, 1):
        p.leaf((0, body, 0), (sign * r.uniform(0.16, 0.24) * w, h, r.uniform(-0.1, 0.1) * d), 0.14 * w, 0.04 * w, MAIN)
    p.leaf((0, body, 0), (0, 0.96 * h, r.choice((-0.16, 0.16)) * d), 0.16 * w, 0.04 * w, MAIN)
