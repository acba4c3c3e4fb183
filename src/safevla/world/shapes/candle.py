"""Candle: a column of wax with a dark wick and a flame, thick or on a stick or in a glass."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    radius, flat = w / 2, d / w
    flame = min(0.24 * h, 0.05)
    top, tall = h - flame, h / w
    style = r.choice(("stick", "plain") if tall > 4 else ("glass", "plain", "dripping", "plate"))
    low, thick = 0.0, r.uniform(0.9, 1.0) * radius
    if style == "stick":
        low, thick = r.uniform(0.2, 0.34) * h, r.uniform(0.5, 0.72) * radius
        foot = [(0, radius), (0.04 * h, 0.9 * radius), (0.1 * h, 0.4 * radius)]
        p.lathe([*foot, (low, 0.5 * radius), (low + 0.03 * h, 0.9 * radius)], SECOND, textured=False, flat=flat)
    elif style == "plate":
        low, thick = 0.06 * h, r.uniform(0.56, 0.76) * radius
        p.round((0, 0, 0), low + 0.002, 0.8 * radius, radius, SECOND, textured=False, flat=flat)
    elif style == "glass":
        p.round((0, 0, 0), 0.62 * top, radius, colour=SECOND, textured=False, flat=flat)
        thick = r.uniform(0.76, 0.9) * radius
    p.round((0, low, 0), top - low, thick, 0.96 * thick, MAIN, LIGHT, flat=flat)
    if style == "dripping":
        for x, z in ((0.68, 0.5), (-0.63, 0.54), (0.27, -0.8)):
            long = r.uniform(0.25, 0.5) * top
            p.leaf((x * thick, top - long, z * thick), (x * thick, top, z * thick), 0.3 * thick, 0.3 * thick, LIGHT)
    elif style == "plain" and r.random() < 0.5:
        p.round((0, 0.3 * h, 0), 0.12 * h, radius, colour=ACCENT, flat=flat)
    p.round((0, top - 0.002, 0), 0.5 * flame, 0.06 * radius + 0.001, colour=DARK)
    wide = min(0.5 * radius, 0.5 * flame)
    p.leaf((0, top + 0.25 * flame, 0), (0, h, 0), wide, wide, ACCENT)
