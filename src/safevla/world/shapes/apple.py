"""Apple: a ball that narrows a little below, with a dimple, a stem and a leaf."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    body, taper = r.uniform(0.78, 0.86) * h, r.uniform(0.8, 0.94)
    middle = 0.58 * body
    p.ball((0, middle, 0), (w, 0.84 * body, d), MAIN)
    p.ball((0, 0.44 * body, 0), (taper * w, 0.88 * body, taper * d), MAIN)
    if r.random() < 0.5:  # a blush on one side
        x, z = r.choice((-1, 1)) * r.uniform(0.06, 0.09) * w, r.choice((-1, 1)) * r.uniform(0.06, 0.09) * d
        p.ball((x, middle, z), (0.8 * w, 0.76 * body, 0.8 * d), SECOND)
    p.ball((0, 0.985 * body, 0), (0.36 * w, 0.12 * body, 0.36 * d), DARK)
    lean = r.choice((-1, 1)) * r.uniform(0.02, 0.12) * w
    tip = (lean, h - 0.02 * w, r.uniform(-0.04, 0.04) * d)
    p.lying((0, 0.9 * body, 0), tip, 0.03 * w, 0.045 * w, colour=DARK)
    for _ in range(r.choice((1, 1, 2))):
        side, ahead = -lean / abs(lean) * r.uniform(0.34, 0.46) * w, r.uniform(-0.3, 0.3) * d
        root = (0.5 * lean, 0.9 * body + 0.5 * (h - 0.9 * body), 0)
        p.leaf(root, (side, r.uniform(0.88, 0.96) * h, ahead), r.uniform(0.24, 0.3) * w, 0.05 * w, ACCENT)
        lean = -lean
