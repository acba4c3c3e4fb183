"""Desktop computer: a screen on a foot, a tower beside it and a keyboard in front."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    side = r.choice((-1, 1))
    tower, high = 0.24 * w, r.uniform(0.8, 0.95) * h
    x = side * (w - tower) / 2
    p.box((x, high / 2, 0), (tower, high, d), MAIN)
    p.box((x, 0.84 * high, d / 2 - 0.002), (0.7 * tower, 0.08 * high, 0.008), DARK)
    p.box((x, 0.66 * high, d / 2 - 0.002), (0.7 * tower, 0.04 * high, 0.008), DARK)
    p.box((x, 0.4 * high, d / 2 - 0.004), (0.14 * tower, 0.14 * tower, 0.012), LIGHT)
    wide, at = 0.7 * w, -side * 0.15 * w
    low = r.uniform(0.18, 0.26) * h
    p.box((at, (low + h) / 2, -0.2 * d), (wide, h - low, 0.045), SECOND)
    p.box((at, (low + h) / 2 + 0.01, -0.2 * d + 0.022), (0.94 * wide, h - low - 0.06, 0.008), DARK)
    p.box((at, low / 2 + 0.02, -0.24 * d), (0.09 * w, low + 0.04, 0.04), SECOND)
    p.box((at, 0.008, -0.2 * d), (0.4 * wide, 0.016, 0.5 * d), SECOND)
    p.box((at - 0.04 * w, 0.014, 0.3 * d), (0.52 * w, 0.024, 0.34 * d), MAIN)
    p.box((at - 0.04 * w, 0.022, 0.3 * d), (0.49 * w, 0.014, 0.26 * d), DARK)
    p.ball((at + 0.3 * w, 0.0, 0.3 * d), (0.07 * w, 0.06, 0.3 * d), ACCENT, bottom=0.0)
