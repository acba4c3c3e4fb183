"""Window: a frame with bars across a pane, and a sill."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    frame = r.uniform(0.05, 0.09)
    p.box((0, h / 2, 0), (w - frame, h - frame, min(0.02, 0.3 * d)), r.choice((LIGHT, DARK)))
    deep = 0.9 * d
    for sign in (-1, 1):
        p.box((sign * (w - frame) / 2, h / 2, 0), (frame, h, deep), MAIN)
        p.box((0, h / 2 + sign * (h - frame) / 2, 0), (w, frame, 0.99 * deep), MAIN)
    bars = r.choice(((1, 0), (1, 1), (2, 1), (0, 1)))
    for count, upright in zip(bars, (True, False), strict=True):
        for i in range(count):
            at = (i + 1) / (count + 1)
            place, size = ((at - 0.5) * w, h / 2, 0), (0.04, h - frame, 0.5 * deep)
            if not upright:
                place, size = (0, at * h, 0), (w - frame, 0.04, 0.48 * deep)
            p.box(place, size, MAIN)
    p.box((0, 0.02, 0), (w, 0.04, d), SECOND)
