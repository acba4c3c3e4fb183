"""Tall thing: what is drawn for an unknown type that is slender: a foot, a column and a head."""

import random

from safevla.world.parts import ACCENT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, head = r.uniform(0.06, 0.12) * h, r.uniform(0.12, 0.25) * h
    p.box((0, foot / 2, 0), (w, foot, d), SECOND)
    p.round((0, foot - 0.001, 0), h - foot - 0.5 * head, 0.3 * w, 0.24 * w, MAIN, flat=d / w)
    p.ball((0, h - head / 2, 0), (0.8 * w, head, 0.8 * d), ACCENT)
