"""Toaster: a rounded box with two dark slots above and a lever at its end."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    lever = 0.05 * d
    long, z = d - lever, -lever / 2
    toast = r.random() < 0.5
    top = (0.84 if toast else 0.99) * h
    foot, bend = 0.06 * h, min(r.uniform(0.1, 0.24) * w, 0.4 * h)
    p.box((0, foot / 2 + 0.002, z), (0.9 * w, foot + 0.004, 0.94 * long), DARK)
    p.box((0, (foot + top - bend) / 2, z), (w, top - bend - foot, long), MAIN)
    p.box((0, (foot + top) / 2, z), (w - 2 * bend, top - foot, 0.99 * long), MAIN)
    for sign in (-1, 1):
        x = sign * (w / 2 - bend)
        p.lying((x, top - bend, z - 0.495 * long), (x, top - bend, z + 0.495 * long), bend, colour=MAIN)
        slot = (sign * 0.16 * w, top, z)
        p.box(slot, (0.15 * w, 0.006, 0.72 * long), DARK)
        if toast:
            p.box((slot[0], 0.92 * h, z), (0.09 * w, 0.15 * h, 0.62 * long), LIGHT if sign > 0 else SECOND)
    face = d / 2 - lever
    p.box((0, 0.5 * top, face), (0.08 * w, 0.6 * top, 0.008), DARK)
    p.box((0, r.choice((0.34, 0.72)) * top, face + 0.4 * lever), (0.3 * w, 0.08 * h, 1.2 * lever), ACCENT)
    p.lying((0.28 * w, 0.25 * top, face - 0.004), (0.28 * w, 0.25 * top, face + 0.5 * lever), 0.09 * w, colour=ACCENT)
    if r.random() < 0.5:
        p.box((0, 0.2 * h, z), (w + 0.003, 0.12 * h, 0.97 * long), SECOND)
