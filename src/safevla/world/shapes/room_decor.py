"""Room decor: a tall floor vase with twigs or grasses in it."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    body, flat = r.uniform(0.42, 0.52) * h, d / w
    shapes = ((0.5, 0.8, 0.6, 0.5), (0.45, 0.5, 0.85, 0.55), (0.7, 0.62, 0.56, 0.66))
    radii = [share * 0.5 * w for share in r.choice(shapes)]
    p.lathe([(i / 3 * body, radius) for i, radius in enumerate(radii)], MAIN, flat=flat)
    p.round((0, body - 0.004, 0), 0.008, 0.8 * radii[-1], colour=DARK, flat=flat)
    if r.random() < 0.5:
        p.round((0, 0.6 * body, 0), 0.06 * h, 0.44 * w, colour=SECOND, textured=False, flat=flat)
    colour, has_tufts = r.choice((DARK, SECOND)), r.random() < 0.6
    for i in range(8):
        angle = math.pi / 4 * i + r.uniform(-0.2, 0.2)
        x, z = 0.46 * w * math.cos(angle), 0.46 * d * math.sin(angle)
        tip = (x, r.uniform(0.82, 0.97) * h, z)
        p.lying((0.2 * x, 0.95 * body, 0.2 * z), tip, 0.008, 0.004, colour, textured=False)
        if has_tufts:
            root = tuple(a + 0.6 * (b - a) for a, b in zip((0.2 * x, 0.95 * body, 0.2 * z), tip, strict=True))
            p.leaf(root, (0.98 * x, tip[1] + 0.02 * h, 0.98 * z), 0.05, 0.05, r.choice((LIGHT, ACCENT)), textured=False)
    p.lying((0, 0.95 * body, 0), (0, h, 0), 0.008, 0.004, colour, textured=False)
