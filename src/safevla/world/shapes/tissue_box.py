"""Tissue box: a box with a dark slit above, out of which a light tissue stands."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    body = r.uniform(0.58, 0.68) * h
    p.box((0, body / 2, 0), (w, body, d), MAIN)
    p.round((0, body - 0.003, 0), 0.006, 0.34 * w, colour=DARK, flat=0.55 * d / (0.68 * w))
    style, top = r.choice(("band", "flower", "edge")), body
    if style == "band":
        p.box((0, 0.34 * body, 0), (w + 0.003, 0.24 * body, d + 0.0018), SECOND, textured=False)
    elif style == "flower":
        p.lying((0.22 * w, 0.5 * body, d / 2 - 0.01), (0.22 * w, 0.5 * body, d / 2 + 0.0009), 0.26 * body, colour=ACCENT)
        p.lying(
            (-0.2 * w, 0.5 * body, d / 2 - 0.01),
            (-0.2 * w, 0.5 * body, d / 2 + 0.0009),
            0.26 * body,
            colour=SECOND,
            textured=False,
        )
    else:
        p.box((0, 0.05 * body, 0), (w + 0.003, 0.1 * body, d + 0.0018), SECOND, textured=False)
        p.box((0, 0.93 * body, 0), (w + 0.003, 0.1 * body, d + 0.0018), SECOND, textured=False)
    lean = r.choice((-1, 1)) * r.uniform(0.04, 0.12)
    p.leaf((0.02 * w, top - 0.15 * h, 0), (lean * w, h, 0.06 * d), 0.34 * w, 0.14 * d, LIGHT)
    p.leaf((-0.06 * w, top - 0.12 * h, 0), (-2 * lean * w, 0.92 * h, -0.16 * d), 0.24 * w, 0.12 * d, LIGHT)
    p.leaf((0.08 * w, top - 0.12 * h, 0), (2.2 * lean * w, 0.9 * h, 0.14 * d), 0.2 * w, 0.12 * d, LIGHT)
