"""Boxy thing: what is drawn for any other unknown type: a body with a lid, a band and feet."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, lid = 0.06 * h, r.uniform(0.12, 0.2) * h
    p.legs(foot + 0.001, 0.14 * min(w, d), DARK)
    p.box((0, (foot + h - lid) / 2, 0), (0.94 * w, h - lid - foot, 0.94 * d), MAIN)
    p.box((0, h - lid / 2, 0), (w, lid, d), SECOND)
    if r.random() < 0.5:
        p.box((0, (foot + h - lid) / 2, 0), (0.96 * w, 0.12 * h, 0.96 * d), SECOND)
