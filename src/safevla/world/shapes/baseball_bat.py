"""Baseball bat: upright, a thin grip with a knob that widens to a barrel."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    flat, radius = d / w, w / 2
    grip, thin = r.uniform(0.26, 0.36) * h, r.uniform(0.36, 0.46) * radius
    lathe = [
        (0.02 * h, 0.8 * radius),
        (0.05 * h, 0.96 * radius),
        (r.uniform(0.24, 0.3) * h, 0.93 * radius),
        (h - grip, 0.55 * radius),
    ]
    p.lathe([(0.0, 0.6 * radius), *lathe], MAIN, flat=flat)
    p.lathe(
        [(h - grip, 0.55 * radius), (h - 0.4 * grip, thin), (h - 0.02 * h, thin)],
        r.choice((DARK, SECOND)),
        textured=False,
        flat=flat,
    )
    p.round((0, h - 0.022 * h, 0), 0.022 * h, 0.68 * radius, colour=MAIN, textured=False, flat=flat)
    if r.random() < 0.6:
        p.round((0, 0.14 * h, 0), 0.05 * h, 1.0 * radius, colour=SECOND, textured=False, flat=flat)
