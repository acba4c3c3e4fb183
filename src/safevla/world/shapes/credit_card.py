"""Credit card: a thin card with a chip, a dark stripe or a number."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    body = 0.6 * h
    p.box((0, body / 2, 0), (w, body, 0.94 * d), MAIN)
    p.box((0, body / 2, 0), (0.95 * w, 0.98 * body, d), MAIN)
    top, thin = body + 0.15 * h, 0.5 * h
    if r.random() < 0.4:
        p.box((0, top, -0.24 * d), (1.0 * w, thin, 0.22 * d), DARK)
        p.box((-0.1 * w, top, 0.1 * d), (0.66 * w, thin, 0.16 * d), LIGHT)
        return
    p.box((-0.28 * w, top, -0.06 * d), (0.16 * w, thin, 0.22 * d), r.choice((LIGHT, ACCENT)))
    p.box((0, top, 0.2 * d), (0.78 * w, thin, 0.09 * d), r.choice((DARK, LIGHT)))
    p.box((0.26 * w, top, -0.3 * d), (0.3 * w, thin, 0.2 * d), SECOND)
