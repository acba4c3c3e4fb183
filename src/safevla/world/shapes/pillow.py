"""Pillow: soft and plump in the middle, thin and square at its edges."""

import random

from safevla.world.parts import ACCENT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    y, edge = 0.46 * h, r.choice((MAIN, MAIN, SECOND))
    p.ball((0, h / 2, 0), (0.96 * w, h, 0.96 * d), MAIN)
    p.box((0, y, 0), (0.84 * w, 0.42 * h, 0.84 * d), MAIN)
    p.box((0, y, 0), (0.9 * w, 0.28 * h, 0.9 * d), MAIN)
    p.box((0, y, 0), (w, r.uniform(0.06, 0.12) * h, d), edge, textured=edge == MAIN)
    style = r.choice(("plain", "band", "button", "cross"))
    if style in ("band", "cross"):
        p.ball((0, h / 2, 0), (0.3 * w, 1.015 * h, 0.97 * d), ACCENT)
    if style == "cross":
        p.ball((0, h / 2, 0), (0.97 * w, 1.015 * h, 0.3 * d), ACCENT)
    elif style == "button":
        p.ball((0, h - 0.02 * h, 0), (0.12 * w, 0.05 * h, 0.12 * w), ACCENT)
