"""Shaker: for salt or pepper: a small body, waisted or square, with a light or dark cap full of holes; or a mill."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, flat = w / 2, d / w
    cap = r.choice((LIGHT, DARK, SECOND))
    if h > 2.2 * w:  # a mill
        p.lathe([(0, radius), (0.16 * h, 0.92 * radius), (0.4 * h, 0.55 * radius), (0.64 * h, 0.85 * radius)], MAIN, flat=flat)
        p.round((0, 0.65 * h, 0), 0.015 * h, 0.7 * radius, colour=DARK, flat=flat)
        p.ball((0, 0.8 * h, 0), (1.7 * radius, 0.3 * h, 1.7 * radius * flat), MAIN)
        p.ball((0, 0.96 * h, 0), (0.5 * radius, 0.08 * h, 0.5 * radius * flat), cap)
        return
    body = r.uniform(0.66, 0.74) * h
    style = r.choice(("waist", "cone", "square"))
    if style == "square":
        p.box((0, body / 2, 0), (w, body, d), MAIN)
    elif style == "cone":
        p.round((0, 0, 0), body, radius, 0.7 * radius, MAIN, flat=flat)
    else:
        p.lathe([(0, radius), (0.5 * body, 0.66 * radius), (body, 0.8 * radius)], MAIN, flat=flat)
    wide = {"square": 0.9, "cone": 0.74, "waist": 0.86}[style] * radius
    p.round((0, body - 0.002, 0), 0.5 * (h - body), wide, 0.95 * wide, cap, flat=flat)
    p.ball((0, body + 0.45 * (h - body), 0), (1.9 * wide, 1.06 * (h - body), 1.9 * wide * flat), cap, bottom=0.0)
    for x, z in ((0, 0), (0.4, 0), (-0.4, 0), (0, 0.4), (0, -0.4)):
        y = h - 0.03 * h - (0.09 * (h - body) if x or z else 0.0)
        p.round((x * wide, y, z * wide * flat), 0.02 * h + 0.001, 0.11 * wide, colour=ACCENT if cap == DARK else DARK)
    if style == "square" and r.random() < 0.5:
        p.box((0, 0.45 * body, 0.46 * d), (0.34 * w, 0.34 * body, 0.07 * d), SECOND)
