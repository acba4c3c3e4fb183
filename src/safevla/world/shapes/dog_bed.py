"""Dog bed: a soft rim about a cushion, lower in front."""

import random

from safevla.world.parts import ACCENT, LIGHT, MAIN, SECOND, Parts


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the cushion, within the rim."""
    w, h, d = size_m
    return 0.55 * h, -0.34 * w, 0.34 * w, -0.33 * d, 0.33 * d


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    level, rim = stand(p.size)[0], min(r.uniform(0.1, 0.14) * min(w, d), h)
    thick = min(0.5 * rim, 0.5 * h)
    colour = r.choice((LIGHT, SECOND))
    p.box((0, 0.25 * h, 0), (w - 0.8 * rim, 0.5 * h, d - 0.8 * rim), MAIN)
    p.box((0, level - 0.2 * h, 0), (w - rim, 0.4 * h, d - rim), colour)
    is_round = r.random() < 0.5
    x, z, y = w / 2 - thick, d / 2 - thick, h - thick
    for sign in (-1, 1):
        if is_round:
            p.lying((sign * x, y, -z), (sign * x, y, z), thick, colour=MAIN)
            p.box((sign * x, y / 2, 0), (1.8 * thick, y, 2 * z), MAIN)
        else:
            p.box((sign * x, h / 2, 0), (2 * thick, h, 2 * z), MAIN)
    p.lying((-x, y, -z), (x, y, -z), thick, colour=MAIN)
    p.box((0, y / 2, -z), (2 * x, y, 1.8 * thick), MAIN)
    for sx in (-1, 1):
        p.ball((sx * x, y, -z), (2 * thick, 2 * thick, 2 * thick), MAIN)
        p.box((sx * 0.35 * w, 0.42 * h, z), (0.26 * w, 0.84 * h, 2 * thick), MAIN)
    p.box((0, 0.36 * h, z), (0.6 * w, 0.66 * h, 2 * thick), MAIN)
    if r.random() < 0.5:  # a bone
        for sign in (-1, 1):
            p.ball((sign * 0.08, level + 0.01, 0.05), (0.06, 0.03, 0.09), ACCENT)
        p.lying((-0.08, level + 0.008, 0.05), (0.08, level + 0.008, 0.05), 0.014, colour=ACCENT)
