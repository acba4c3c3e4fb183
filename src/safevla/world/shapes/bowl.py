"""Bowl: round, wide and open above, on a small foot."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    radius, flat = w / 2, d / w
    foot, rim = r.uniform(0.08, 0.16) * h, r.uniform(0.88, 0.93)
    p.round((0, 0, 0), foot + 0.02 * h, r.uniform(0.4, 0.55) * radius, colour=MAIN, textured=False, flat=flat)
    edge = h - 0.0035
    style = r.choice(("ball", "ball", "cone", "steps"))
    if style == "ball":
        p.ball((0, edge, 0), (w, 2 * (edge - foot), d), MAIN, top=0.0)
    elif style == "cone":
        p.round((0, foot, 0), edge - foot, r.uniform(0.4, 0.5) * radius, radius, MAIN, flat=flat)
    else:
        belly = foot + 0.5 * (edge - foot)
        p.lathe([(foot, 0.55 * radius), (belly, 0.92 * radius), (edge, radius)], MAIN, flat=flat)
    if r.random() < 0.5:  # a painted band below the rim
        p.round((0, 0.74 * edge, 0), 0.14 * h, 0.965 * radius, radius, ACCENT, flat=flat)
    # its inside: the far wall light, the near one in shade, the bottom dark
    p.round((0, edge - 0.003, 0), 0.0045, rim * radius, colour=r.choice((SECOND, LIGHT)), textured=False, flat=flat)
    p.round((0, edge - 0.003, 0), 0.0065, r.uniform(0.42, 0.56) * radius, colour=DARK, flat=flat)
