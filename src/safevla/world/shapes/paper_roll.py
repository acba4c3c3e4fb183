"""Roll: of paper towels, toilet paper or tape: a short cylinder about a dark hole."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    flat, radius, is_towel = d / w, w / 2, h > 2 * w
    paper = r.choice((LIGHT, LIGHT, MAIN))
    hole = r.uniform(0.3, 0.42) * radius
    edge = h - 0.003
    if is_towel and r.random() < 0.5:  # on a stand
        p.round((0, 0, 0), 0.03 * h, radius, colour=SECOND, textured=False, flat=flat)
        p.round((0, 0.02 * h, 0), 0.86 * h, r.uniform(0.86, 0.96) * radius, colour=paper, flat=flat)
        p.round((0, 0.86 * h, 0), 0.1 * h, 0.1 * w, colour=SECOND, textured=False, flat=flat)
        p.ball((0, 0.96 * h, 0), (0.26 * w, 0.08 * h, 0.26 * d), SECOND, textured=False)
        return
    p.round((0, 0, 0), edge, radius, colour=paper, flat=flat)
    p.round((0, edge - 0.004, 0), 0.0055, 1.25 * hole, colour=SECOND, textured=False, flat=flat)
    p.round((0, edge - 0.004, 0), 0.007, hole, colour=DARK, flat=flat)
    side = r.choice((-1, 1))  # a sheet hangs from it
    p.box((side * 0.47 * w, (0.3 if is_towel else 0.4) * h, 0.2 * d), (0.05 * w, 0.6 * h, 0.5 * d), paper)
    for share in (0.33, 0.67) if r.random() < 0.5 else ():
        p.round((0, share * h, 0), 0.012 * h + 0.001, 1.015 * radius, colour=SECOND, textured=False, flat=flat)
