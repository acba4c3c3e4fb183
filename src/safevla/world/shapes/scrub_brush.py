"""Scrub brush: a toilet brush: a handle that stands in a pot."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    flat, pot = d / w, r.uniform(0.26, 0.36) * h
    style = r.choice(("cone", "drum", "ball"))
    if style == "ball":
        p.ball((0, 0.5 * pot, 0), (w, 1.15 * pot, d), MAIN, bottom=-0.86, top=0.86)
    else:
        p.round((0, 0, 0), pot, w / 2, 0.36 * w if style == "cone" else 0.48 * w, MAIN, flat=flat)
    p.round((0, pot - 0.004, 0), 0.008, 0.3 * w, colour=DARK, flat=flat)
    p.round((0, 0.9 * pot, 0), 0.24 * pot, 0.2 * w, 0.14 * w, LIGHT)
    p.round((0, pot, 0), h - pot - 0.02 * h, 0.05 * w, colour=SECOND)
    p.leaf((0, 0.74 * h, 0), (0, h, 0), 0.17 * w, 0.17 * w, SECOND)
