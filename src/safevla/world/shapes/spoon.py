"""Spoon: an oval bowl on a thin handle, lying."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    bowl, metal = r.uniform(0.26, 0.32) * d, r.choice((LIGHT, MAIN))
    z, top = d / 2 - bowl / 2, 0.72 * h
    p.ball((0, top, z), (w, 2 * top, bowl), metal, top=0.0)
    p.round((0, top - 0.002, z), 0.003, 0.4 * w, colour=DARK, flat=0.82 * bowl / (0.8 * w))
    arch = (0, h - 0.1 * h, -0.05 * d)
    p.bar((0, top, z - 0.46 * bowl), arch, 0.2 * h, metal, 0.2 * w)
    p.bar(arch, (0, 0.3 * h, -d / 2 + 0.002), 0.2 * h, r.choice((metal, SECOND)), r.uniform(0.24, 0.4) * w)
