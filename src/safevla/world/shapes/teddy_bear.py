"""Teddy bear: sitting, with a round head, ears, a light snout and belly, arms and legs held out."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    head, belly = r.uniform(0.4, 0.46) * h, r.choice((LIGHT, SECOND))
    body = h - 0.8 * head
    z = -0.12 * d
    p.ball((0, 0.5 * body, z), (0.56 * w, 1.0 * body, 0.62 * d), MAIN)
    p.ball((0, 0.46 * body, z + 0.14 * d), (0.38 * w, 0.66 * body, 0.42 * d), belly, textured=False)
    y = h - 0.54 * head
    p.ball((0, y, z), (0.54 * w, 0.9 * head, 0.66 * d), MAIN)
    p.ball((0, y - 0.12 * head, z + 0.32 * d), (0.24 * w, 0.32 * head, 0.24 * d), belly, textured=False)
    p.ball((0, y - 0.05 * head, z + 0.42 * d), (0.09 * w, 0.1 * head, 0.08 * d), DARK)
    for sign in (-1, 1):
        p.ball((sign * 0.21 * w, h - 0.16 * head, z), (0.19 * w, 0.32 * head, 0.2 * d), MAIN)
        p.ball((sign * 0.1 * w, y + 0.08 * head, z + 0.29 * d), (0.055 * w, 0.08 * head, 0.06 * d), DARK)
        p.leaf(
            (sign * 0.2 * w, 0.86 * body, z),
            (sign * 0.49 * w, r.uniform(0.35, 0.6) * body, z + r.uniform(0.1, 0.3) * d),
            0.17 * w,
            0.18 * w,
            MAIN,
        )
        p.leaf((sign * 0.12 * w, 0.17 * body, z), (sign * 0.3 * w, 0.19 * body, d / 2 - 0.01 * d), 0.2 * w, 0.34 * body, MAIN)
    if r.random() < 0.4:  # a bow at its neck
        for sign in (-1, 1):
            p.leaf((0, 0.95 * body, z + 0.3 * d), (sign * 0.17 * w, 0.97 * body, z + 0.3 * d), 0.08 * d, 0.16 * body, ACCENT)
