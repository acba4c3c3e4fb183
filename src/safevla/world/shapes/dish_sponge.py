"""Dish sponge: a soft block on a rough darker pad."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    pad, below = r.uniform(0.24, 0.34) * h, r.random() < 0.3
    waist = r.uniform(0.82, 1.0)
    body, rough = (pad + h) / 2 if below else (h - pad) / 2, pad / 2 if below else h - pad / 2
    p.box((0, body, 0), (waist * w, h - pad, d), MAIN)
    for sign in (-1, 1):
        p.box((0, body, sign * 0.36 * d), (w, 0.98 * (h - pad), 0.26 * d), MAIN)
    p.box((0, rough, 0), (0.97 * w, pad, 0.98 * d), r.choice((SECOND, DARK)))
    for _ in range(4):  # holes
        at = (r.uniform(-0.34, 0.34) * w, body + 0.5 * (h - pad) - 0.002, r.uniform(-0.4, 0.4) * d)
        if not below:
            at = (waist * w / 2, body, at[2])
        p.ball(at, (0.1 * w, 0.02 * h, 0.1 * w) if below else (0.03 * w, 0.1 * w, 0.1 * w), LIGHT)
