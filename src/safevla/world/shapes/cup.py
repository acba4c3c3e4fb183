"""Cup: a tumbler without a handle, a goblet on a stem, a bowl on a foot, or a beaker with a sleeve, open above."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    p.textured = (MAIN,)
    radius, flat, edge = w / 2, d / w, h - 0.003
    style, rim = r.choice(("tumbler", "tumbler", "goblet", "beaker", "tea") if h > w else ("tumbler", "tea")), radius
    if style == "goblet":
        stem, rim = r.uniform(0.3, 0.45) * h, r.uniform(0.8, 1.0) * radius
        foot = [(0, 0.7 * radius), (0.05 * h, 0.62 * radius), (0.1 * h, 0.12 * radius), (stem, 0.12 * radius)]
        p.lathe(foot, MAIN, textured=False, flat=flat)
        p.lathe([(stem - 0.02 * h, 0.3 * radius), (stem + 0.2 * h, radius), (edge, rim)], MAIN, LIGHT, textured=False, flat=flat)
    elif style == "tea":
        foot = r.uniform(0.06, 0.16) * h
        p.round((0, 0, 0), foot + 0.04 * h, r.uniform(0.4, 0.56) * radius, colour=MAIN, flat=flat)
        p.ball((0, edge, 0), (w, 2 * (edge - foot), d), MAIN, LIGHT, top=0.0)
    else:
        foot = r.uniform(0.66, 0.86) * radius
        p.round((0, 0, 0), edge, foot, radius, MAIN, LIGHT, flat=flat)
        bands = ((0.3, 0.72),) if style == "beaker" else r.choice(((), ((0.78, 0.83), (0.88, 0.93)), ((0.1, 0.3),)))
        for low, high in bands:  # a sleeve, or rings
            below, above = (foot + (radius - foot) * share + 0.0008 for share in (low, high))
            p.round((0, low * edge, 0), (high - low) * edge, below, above, r.choice((SECOND, ACCENT)), flat=flat)
    p.round((0, edge - 0.004, 0), 0.007, 0.87 * rim, colour=DARK, flat=flat)
