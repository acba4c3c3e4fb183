"""Aluminum foil: a long carton out of which a light sheet hangs."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    p.box((0, h / 2 - 0.001, -0.08 * d), (w, h - 0.002, 0.84 * d), MAIN)
    p.box((0, 0.48 * h, -0.02 * d), (0.96 * w, 0.8 * h, 0.84 * d), r.choice((SECOND, MAIN)))
    p.box((0, 0.78 * h, 0.36 * d), (0.94 * w, 0.05 * h, 0.26 * d), LIGHT, pitch_deg=r.uniform(10, 25))
    p.box((r.uniform(-0.2, 0.2) * w, h - 0.002, -0.08 * d), (0.4 * w, 0.004, 0.5 * d), ACCENT)
    p.box((0, 0.5 * h, 0.402 * d), (0.9 * w, 0.06 * h, 0.01 * d), DARK)
