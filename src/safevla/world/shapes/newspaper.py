"""Newspaper: folded or rolled up, with a headline, columns and a picture."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    if d < 0.45 * w and r.random() < 0.35:  # rolled up, with a band
        flat = h / d
        p.lying((-w / 2, h / 2, 0), (w / 2, h / 2, 0), d / 2, colour=LIGHT, flat=flat)
        p.lying((-0.505 * w, h / 2, 0), (0.505 * w, h / 2, 0), 0.28 * d, colour=DARK, flat=flat)
        p.lying((-0.08 * w, h / 2, 0), (0.08 * w, h / 2, 0), 0.505 * d, colour=ACCENT, flat=flat)
        edge = r.uniform(0.26, 0.36)
        for x in (-edge, edge):
            p.lying((x * w - 0.01, h / 2, 0), (x * w + 0.01, h / 2, 0), 0.504 * d, colour=SECOND, flat=flat)
        return
    fold, top = r.choice((-1, 1)), h - 0.002
    p.box((0, 0.5 * top, 0), (w, top, 0.98 * d), LIGHT)
    for share in (0.33, 0.66):  # its leaves
        p.box((0, share * top, 0), (1.012 * w, 0.06 * h, 0.985 * d), SECOND)
    p.lying((-w / 2, top / 2, fold * (d / 2 - top / 2)), (w / 2, top / 2, fold * (d / 2 - top / 2)), 0.49 * top, colour=LIGHT)
    p.box((0, top, -0.34 * d), (0.86 * w, 0.004, 0.14 * d), DARK)
    side = r.choice((-1, 1))
    p.box((side * 0.22 * w, top, 0.1 * d), (0.42 * w, 0.004, r.uniform(0.4, 0.56) * d), r.choice((MAIN, ACCENT)))
    for i in range(4):
        p.box((-side * 0.22 * w, top, (-0.12 + 0.14 * i) * d), (0.36 * w, 0.004, 0.05 * d), DARK)
