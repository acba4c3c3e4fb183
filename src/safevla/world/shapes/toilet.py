"""Toilet: an oval bowl with a seat in front of a cistern, its lid up or down."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    tank, seat = r.uniform(0.22, 0.28) * d, r.uniform(0.4, 0.46) * h
    back = -d / 2 + tank
    _cistern(p, r, tank, seat)
    long = d / 2 - back + 0.12 * d  # the bowl goes back under the cistern
    z, wide = d / 2 - long / 2, r.uniform(0.74, 0.82) * w
    flat = long / wide
    if r.random() < 0.5:
        p.ball((0, seat - 0.03, z), (wide, 1.5 * seat, long), MAIN, top=0.0)
        p.box((0, 0.22 * h, back + 0.14 * d), (0.46 * wide, 0.42 * h, 0.5 * long), MAIN)
        p.round((0, 0, z - 0.1 * long), 0.05 * h, 0.36 * wide, colour=MAIN, flat=flat)
    else:
        p.round((0, 0, z - 0.06 * d), seat - 0.03, 0.32 * wide, 0.49 * wide, MAIN, flat=0.9 * flat)
    p.round((0, seat - 0.05, z), 0.035, 0.5 * wide, colour=MAIN, flat=flat)
    ring = r.choice((LIGHT, SECOND))
    p.round((0, seat - 0.015, z), 0.025, 0.5 * wide, colour=ring, flat=flat)
    if r.random() < 0.3:  # the lid is down
        p.round((0, seat + 0.01, z), 0.03, 0.5 * wide, 0.46 * wide, SECOND, flat=flat)
        return
    p.round((0, seat + 0.007, z + 0.04 * d), 0.006, 0.34 * wide, colour=DARK, flat=flat)
    lid = min(0.9 * long, 0.94 * (h - seat))
    y = seat + 0.035 + lid / 2
    p.lying((0, y, back + 0.004), (0, y, back + 0.034), 0.47 * wide, colour=ring, flat=lid / (0.94 * wide))


def _cistern(p: Parts, r: random.Random, tank: float, seat: float) -> None:
    w, h, d = p.size
    low, z = seat * r.uniform(0.75, 1.0), -d / 2 + tank / 2
    p.box((0, (low + h) / 2 - 0.02, z), (r.uniform(0.88, 0.98) * w, h - low - 0.05, 0.92 * tank), MAIN)
    p.box((0, h - 0.035, z), (w, 0.05, tank), MAIN)
    if r.random() < 0.5:
        p.round((0, h - 0.02, z), 0.02, 0.05 * w, colour=DARK)
    else:
        p.box((-0.32 * w, h - 0.12 * h, -d / 2 + 0.97 * tank), (0.2 * w, 0.03, 0.03), DARK)
        p.box((0, h - 0.008, z), (0.5 * w, 0.012, 0.5 * tank), MAIN)
