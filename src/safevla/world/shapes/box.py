"""Box: a carton with tape over its flaps, or one with a lid. Closed, for things are put on it."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    if r.random() < 0.5:
        p.box((0, h / 2 - 0.001, 0), (w, h - 0.002, d), MAIN)
        along_x = r.random() < 0.5
        tape = r.uniform(0.12, 0.2) * min(w, d)
        down = r.uniform(0.25, 0.45) * h
        size = (w + 0.003, down, tape) if along_x else (tape, down, d + 0.003)
        p.box((0, h - down / 2, 0), size, LIGHT)
        if r.random() < 0.7:
            at = r.choice((-0.25, 0.25)) * w
            p.box((at, 0.42 * h, d / 2 - 0.002), (0.3 * w, 0.3 * h, 0.006), r.choice((LIGHT, SECOND, ACCENT)), textured=False)
            p.box((at, 0.45 * h, d / 2 - 0.001), (0.2 * w, 0.04 * h, 0.005), DARK)
        return
    lid, wall = r.uniform(0.22, 0.4) * h, 0.01
    p.box((0, h - lid / 2, 0), (w, lid, d), SECOND)
    p.box((0, (h - lid) / 2 + 0.002, 0), (w - 2 * wall, h - lid + 0.004, d - 2 * wall), MAIN)
    for sign in (-1, 1):  # holes to hold it by
        p.box((sign * (w / 2 - wall), 0.62 * (h - lid), 0), (0.006, 0.03, 0.28 * d), DARK)
    if r.random() < 0.5:
        p.box((0, 0.5 * (h - lid), d / 2 - wall), (0.35 * w, 0.3 * (h - lid), 0.006), LIGHT, textured=False)
