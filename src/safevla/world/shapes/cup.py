"""Cup: a tumbler without a handle, a goblet on a stem, or a beaker with a sleeve, open above."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    radius, flat, edge = w / 2, d / w, h - 0.003
    style = r.choice(("tumbler", "tumbler", "goblet", "beaker", "tea")) if h > w else r.choice(("tumbler", "tea"))
    rim = radius
    if style == "goblet":
        p.lathe(
            [(0, 0.7 * radius), (0.05 * h, 0.62 * radius), (0.1 * h, 0.12 * radius), (0.42 * h, 0.12 * radius)],
            MAIN,
            textured=False,
            flat=flat,
        )
        p.lathe([(0.4 * h, 0.3 * radius), (0.6 * h, radius), (edge, 0.86 * radius)], MAIN, LIGHT, flat=flat)
        rim = 0.86 * radius
    elif style == "tea":
        p.round((0, 0, 0), 0.1 * h, 0.5 * radius, colour=MAIN, textured=False, flat=flat)
        p.ball((0, edge, 0), (w, 1.9 * edge, d), MAIN, LIGHT, top=0.0)
    else:
        foot = r.uniform(0.66, 0.8) * radius
        p.round((0, 0, 0), edge, foot, radius, MAIN, LIGHT, textured=style == "tumbler", flat=flat)
        if style == "beaker":  # a sleeve
            radii = [foot + (radius - foot) * share + 0.0015 for share in (0.3, 0.72)]
            p.round((0, 0.3 * edge, 0), 0.42 * edge, *radii, r.choice((SECOND, ACCENT)), textured=False, flat=flat)
        elif r.random() < 0.6:
            for share in (0.78, 0.88):
                p.round(
                    (0, share * edge, 0),
                    0.05 * edge,
                    foot + (radius - foot) * (share + 0.06),
                    colour=SECOND,
                    textured=False,
                    flat=flat,
                )
    p.round((0, edge - 0.004, 0), 0.007, 0.87 * rim, colour=DARK, flat=flat)
