"""Vacuum cleaner: upright: a wide foot, a canister on its stem and a handle."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    foot = r.uniform(0.09, 0.12) * h
    p.box((0, 0.55 * foot, 0.17 * d), (w, 0.7 * foot, 0.6 * d), MAIN)
    p.box((0, 0.45 * foot, 0.46 * d), (0.96 * w, 0.6 * foot, 0.08 * d), DARK)
    for sign in (-1, 1):
        p.lying((sign * 0.28 * w, 0.1 * d, -0.3 * d), (sign * 0.36 * w, 0.1 * d, -0.3 * d), 0.1 * d, colour=DARK)
    start, end = (0, 0.6 * foot, -0.1 * d), (0, 0.62 * h, -0.3 * d)
    p.lying(start, end, 0.2 * w, 0.16 * w, SECOND)
    along = [[a + share * (b - a) for a, b in zip(start, end, strict=True)] for share in (0.35, 0.85)]
    p.lying(
        [along[0][0], along[0][1], along[0][2] + 0.14 * d],
        [along[1][0], along[1][1], along[1][2] + 0.14 * d],
        0.15 * w,
        colour=r.choice((ACCENT, LIGHT)),
    )
    grip = (0, h - 0.03, -d / 2 + 0.05)
    p.lying(end, grip, 0.045 * w, colour=DARK)
    p.path(
        [(0, h - 0.14 * h, -d / 2 + 0.08), grip, (0, h - 0.03 * h, -d / 2 + 0.17), (0, h - 0.15 * h, -d / 2 + 0.15)], 0.03, MAIN
    )
