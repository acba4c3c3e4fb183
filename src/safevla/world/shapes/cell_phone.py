"""Cell phone: a thin slab whose upper face is a dark screen, or its back with a camera."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    body, edge = h - 0.0024, r.uniform(0.04, 0.08) * w
    p.box((0, body / 2, 0), (w, body, d - 0.12 * w), MAIN)
    p.box((0, body / 2, 0), (0.88 * w, 0.98 * body, d), MAIN)  # as its corners are round
    if r.random() < 0.8:
        chin = r.choice((0.05, 0.14)) * d
        p.box((0, body, 0), (w - 2 * edge, 0.0024, d - 2 * chin), DARK)
        if chin > 0.1 * d:
            p.round((0, body - 0.001, d / 2 - 0.5 * chin), 0.0026, 0.36 * chin, colour=SECOND)
        else:
            p.box((0, body, -d / 2 + 0.4 * chin + 0.02 * d), (0.3 * w, 0.0034, 0.02 * d), LIGHT)
        if r.random() < 0.4:
            p.box((0, body + 0.0003, -0.1 * d), (0.7 * w, 0.0034, 0.36 * d), r.choice((ACCENT, LIGHT)))
    else:
        camera = r.uniform(-0.36, -0.3) * d
        p.box((-0.22 * w, body, camera), (0.42 * w, 0.0024, 0.22 * d), DARK)
        for z in (-0.05, 0.04):
            p.round((-0.22 * w, body, camera + z * d), 0.0024, 0.11 * w, colour=LIGHT)
        p.round((0, body - 0.001, 0), 0.002, 0.12 * w, colour=ACCENT)
