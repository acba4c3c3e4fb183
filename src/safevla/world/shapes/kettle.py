"""Kettle: a round body with a lid, a spout at one side, and a handle over it or behind."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    over = r.random() < 0.6
    radius = (0.46 if over else 0.36) * min(w, d)
    body = r.uniform(0.6, 0.7) * h if over else r.uniform(0.76, 0.84) * h
    z = -0.06 * d if over else -0.02 * d
    style = r.choice(("bell", "belly", "jug"))
    if style == "belly":
        p.ball((0, 0.5 * body, z), (2 * radius, 1.1 * body, 2 * radius), MAIN, bottom=-0.9, top=0.86)
    else:
        top = 0.62 if style == "bell" else 0.86
        p.lathe([(0, radius), (0.2 * body, 0.98 * radius), (0.94 * body, top * radius)], MAIN, at=(0, z))
    lid = (0.94 if style != "belly" else 0.97) * body
    p.round((0, lid - 0.004, z), 0.06 * h, 0.56 * radius, 0.4 * radius, SECOND, textured=False)
    p.ball((0, lid + 0.07 * h, z), (0.24 * radius, 0.08 * h, 0.24 * radius), DARK)
    p.lying(
        (0, 0.42 * body, z + 0.7 * radius), (0, 0.92 * body, d / 2 - 0.06 * d), 0.24 * radius, 0.12 * radius, MAIN, textured=False
    )
    thick = 0.07 * h
    if over:
        x = w / 2 - thick / 2
        points = [
            (-x, 0.5 * body, z),
            (-0.92 * x, 0.9 * h, z),
            (-0.5 * x, h - thick / 2, z),
            (0.5 * x, h - thick / 2, z),
            (0.92 * x, 0.9 * h, z),
            (x, 0.5 * body, z),
        ]
        p.path(points, thick, DARK, wide=1.2 * thick)
    else:
        back = -d / 2 + thick / 2
        p.path(
            [
                (0, 0.86 * body, z - 0.7 * radius),
                (0, h - thick / 2, z - 0.8 * radius),
                (0, h - thick, back),
                (0, 0.3 * h, back),
                (0, 0.24 * h, z - 0.8 * radius),
            ],
            thick,
            DARK,
            wide=1.3 * thick,
        )
        p.round((0, 0, z), 0.07 * h, 0.47 * w, 0.44 * w, ACCENT, flat=min(1.0, 0.44 * d / (0.47 * w)))
