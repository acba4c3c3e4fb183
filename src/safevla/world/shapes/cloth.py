"""Cloth: folded in two, its layers askew, with a stripe."""

import random

from safevla.world.parts import ACCENT, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    layers = r.choice((2, 3))
    for i in range(layers):
        share = 1 - 0.12 * i
        at = (r.uniform(-0.04, 0.04) * w * i, (i + 0.5) * 0.92 * h / layers, r.uniform(-0.04, 0.04) * d * i)
        size = (0.93 * share * w, 0.92 * h / layers, 0.93 * share * d)
        p.box(at, size, MAIN if i % 2 == 0 else SECOND, yaw_deg=r.uniform(-4, 4) if i else 0.0)
    p.lying(
        (-0.46 * w, 0.45 * h, -0.43 * d),
        (0.46 * w, 0.45 * h, -0.43 * d),
        0.07 * d,
        colour=MAIN,
        flat=min(1.0, 0.9 * h / (0.14 * d)),
    )
    for x in r.choice(((0.3,), (-0.3, 0.3), (0.2, 0.34))):
        p.box((x * w, 0.92 * h, 0), (0.07 * w, 0.1 * h, 0.7 * d), r.choice((ACCENT, LIGHT)))
