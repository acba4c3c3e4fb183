"""Doorway: two posts and a lintel, that one walks through."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    post = r.uniform(0.07, 0.12)
    for sign in (-1, 1):
        p.box((sign * (w - post) / 2, h / 2, 0), (post, h, d), MAIN)
        p.box((sign * (w / 2 - post - 0.01), h / 2 - post / 2, 0), (0.03, h - post, 0.5 * d), SECOND)
    p.box((0, h - post / 2, 0), (w - 1.99 * post, post, 0.99 * d), MAIN)
    p.box((0, h - post - 0.01, 0), (w - 2 * post, 0.03, 0.5 * d), SECOND)
