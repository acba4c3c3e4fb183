"""Stool: a small seat without a back on four legs with rungs."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    pad, leg = r.choice((0.03, 0.045, 0.08)), r.uniform(0.03, 0.042)
    p.box((0, h - pad / 2, 0), (w, pad, d), MAIN)
    if pad > 0.06:
        p.box((0, h - pad - 0.012, 0), (0.94 * w, 0.03, 0.94 * d), DARK)
    colour, is_round = r.choice((SECOND, DARK, MAIN)), r.random() < 0.5
    top, splay = h - pad + 0.004, r.choice((0.0, 0.03, 0.06))
    p.legs(top, leg, colour, 0.005, is_round, min(splay, 0.15 * min(w, d)))
    for y, axes in r.choice((((0.28, "xz"),), ((0.2, "x"), (0.36, "z")), ((0.3, "xz"), (0.62, "xz")))):
        x, z = (half / 2 - 0.005 - leg / 2 - y * min(splay, 0.15 * min(w, d)) for half in (w, d))
        for sign in (-1, 1):
            if "x" in axes:
                p.box(
                    (0, y * h, sign * z), (2 * x, 0.025, 0.02), r.choice((colour, LIGHT)) if y < 0.3 else colour, textured=False
                )
            if "z" in axes:
                p.box((sign * x, y * h, 0), (0.02, 0.025, 2 * z), colour, textured=False)
