"""Pan: round, flat and dark inside, with one long handle."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    if d > w:
        radius, z = w / 2, d / 2 - w / 2
        root, end = z - 0.92 * radius, -d / 2 + 0.004
    else:
        radius, z = 0.36 * d, 0.14 * d
        root, end = z - 0.92 * radius, -d / 2 + 0.004
    wide = w / 2
    edge = min(0.8 * h, h - 0.012)
    flat = radius / wide
    p.round((0, 0, z), edge, r.uniform(0.74, 0.86) * wide, wide, MAIN, LIGHT, flat=flat)
    p.round((0, edge - 0.003, z), 0.0055, 0.92 * wide, colour=DARK, flat=flat)
    p.round((0, edge - 0.003, z), 0.008, r.uniform(0.6, 0.74) * wide, colour=SECOND, flat=flat)
    handle, thick = r.choice((DARK, ACCENT)), max(0.14 * h, 0.01)
    p.bar((0, 0.75 * edge, root), (0, h - thick, 0.6 * root + 0.4 * end), thick, LIGHT, 0.08 * w)
    p.bar((0, h - thick, 0.7 * root + 0.3 * end), (0, h - 0.7 * thick, end), 1.3 * thick, handle, r.uniform(0.1, 0.13) * w)
    if r.random() < 0.3:  # an egg in it
        p.round((0.1 * w, edge, z), 0.006, 0.34 * wide, colour=LIGHT, flat=flat)
        p.ball((0.1 * w, edge + 0.006, z), (0.3 * wide, min(0.02, 2 * (h - edge - 0.006)), 0.3 * wide * flat), ACCENT)
