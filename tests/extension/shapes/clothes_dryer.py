"""Clothes dryer: a rack of two crossed frames, instead of the package's machine."""

import random

from safevla.world.parts import MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    for x in (-1, 1):
        for z in (-1, 1):
            p.bar((x * 0.48 * w, 0.01, z * 0.48 * d), (x * 0.48 * w, h - 0.01, -z * 0.48 * d), 0.03, MAIN)
    rods = r.choice((3, 4, 5))
    for i in range(rods):
        z = (i / (rods - 1) - 0.5) * 0.9 * d
        p.lying((-w / 2, h - 0.02, z), (w / 2, h - 0.02, z), 0.01, colour=SECOND)


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the rods."""
    w, h, d = size_m
    return h - 0.01, -0.4 * w, 0.4 * w, -0.4 * d, 0.4 * d
