"""Hand towel holder: a ring that hangs from a plate on the wall."""

import math
import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    p.box((0, 0.88 * h, -0.36 * d), (0.28 * w, 0.24 * h, 0.28 * d), SECOND)
    p.lying((0, 0.88 * h, -0.4 * d), (0, 0.88 * h, d / 2), 0.06 * w, colour=SECOND)
    thick, corners = 0.06 * w, r.choice((4, 8, 10))
    turn, x, y = math.pi / corners, w / 2 - 0.8 * thick, 0.44 * h - 0.8 * thick
    stretch = 1 / math.cos(turn)
    points = [
        (stretch * x * math.sin(turn + 2 * turn * i), 0.44 * h - stretch * y * math.cos(turn + 2 * turn * i), 0.3 * d)
        for i in range(corners + 1)
    ]
    if corners > 4:
        points = [(px / stretch, 0.44 * h + (py - 0.44 * h) / stretch, pz) for px, py, pz in points]
    p.path(points, thick, MAIN, wide=0.3 * d)
