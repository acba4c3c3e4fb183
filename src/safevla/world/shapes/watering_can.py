"""Watering can: a round body with a long spout to a rose, and a bow for a handle."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius = min(w / 2, 0.3 * d)
    flat, back, body = radius / (w / 2), -d / 2 + radius + 0.12 * d, r.uniform(0.56, 0.66) * h
    p.round((0, 0, back), body, 0.48 * w, r.uniform(0.4, 0.48) * w, MAIN, flat=flat)
    p.round((0, body - 0.003, back), 0.005, 0.36 * w, colour=DARK, flat=flat)
    if r.random() < 0.5:
        p.round((0, 0.14 * body, back), 0.1 * body, 0.5 * w, colour=SECOND, flat=flat)
    rose, tip = 0.15 * w, (0, 0.8 * h, d / 2 - 0.12 * d)
    p.lying((0, 0.2 * body, back + 0.8 * radius), tip, 0.11 * w, 0.07 * w, MAIN)
    p.lying(tip, (0, 0.88 * h, d / 2 - 0.07 * d), 0.07 * w, rose, ACCENT, DARK)
    thick, rear = 0.08 * w, -d / 2 + 0.06 * w
    if r.random() < 0.5:
        points = [
            (0, 0.9 * body, back + 0.7 * radius),
            (0, h - thick / 2, back + 0.3 * radius),
            (0, h - thick / 2, back - 0.5 * radius),
            (0, 0.8 * h, rear),
            (0, 0.3 * body, rear),
            (0, 0.22 * body, back - 0.8 * radius),
        ]
    else:
        points = [
            (0, 0.95 * body, back + 0.6 * radius),
            (0, h - thick / 2, back + 0.2 * radius),
            (0, h - thick / 2, rear + 0.1 * d),
            (0, 0.9 * body, rear),
            (0, 0.75 * body, back - 0.8 * radius),
        ]
    p.path(points, thick, r.choice((MAIN, SECOND)))
