"""Cart: trays between four posts on wheels, with a bar to push it by."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    wheel, post = r.uniform(0.09, 0.13), r.uniform(0.025, 0.04)
    p.box((0, h - 0.02, 0), (w, 0.04, d), MAIN)
    for x in (-1, 1):
        for z in (-1, 1):
            at = (x * (0.46 * w - post), z * (d / 2 - post))
            p.box((at[0], (wheel + h) / 2 - 0.01, at[1]), (post, h - wheel, post), DARK)
            p.lying((at[0], wheel / 2, at[1] - 0.015), (at[0], wheel / 2, at[1] + 0.015), wheel / 2, colour=DARK)
    for share in r.choice(((0.12, 0.5), (0.12, 0.42, 0.7), (0.14, 0.6))):
        y, high = share * h, r.choice((0.03, 0.08))
        p.box((0, y, 0), (0.92 * w, high, 0.96 * d), MAIN)
        p.box((0, y + high / 2, 0), (0.84 * w, 0.006, 0.86 * d), DARK if high > 0.05 else SECOND, textured=high < 0.05)
    side = r.choice((-1, 1))
    p.lying(
        (side * (w / 2 - 0.016), 0.9 * h, -0.44 * d),
        (side * (w / 2 - 0.016), 0.9 * h, 0.44 * d),
        0.016,
        colour=SECOND,
        textured=False,
    )
