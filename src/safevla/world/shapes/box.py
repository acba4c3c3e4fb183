"""Box: a carton with tape over its lid, or an open one with its flaps out."""

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
    wall, body = 0.012, r.uniform(0.8, 0.9) * h
    inner_w, inner_d = 0.8 * w, 0.8 * d
    p.tub(0, body, (inner_w, inner_d), (inner_w, inner_d), wall, MAIN)
    for sign in (-1, 1):  # flaps
        up = r.uniform(0.1, 0.9)
        p.bar(
            (sign * inner_w / 2, body - 0.004, 0),
            (sign * (w / 2 - 0.006), body + up * (h - body) - 0.008, 0),
            wall,
            SECOND,
            0.97 * inner_d,
        )
        p.bar((0, body - 0.004, sign * inner_d / 2), (0, h - 0.006, sign * (d / 2 - 0.006)), wall, SECOND, 0.97 * inner_w)
