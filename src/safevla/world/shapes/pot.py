"""Pot: a deep cylinder with a lid and a knob, and a handle at either side."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    along_z = d >= w  # where the handles are
    long, across = (d, w) if along_z else (w, d)
    wide = min(across, 0.8 * long) if across < 0.95 * long else 0.84 * long
    radius_x, radius_z = (across / 2, wide / 2) if along_z else (wide / 2, across / 2)
    flat, has_lid = radius_z / radius_x, r.random() < 0.6
    body = 0.72 * h if has_lid else h - 0.006
    p.round((0, 0, 0), body, r.uniform(0.84, 0.98) * radius_x, radius_x, MAIN, LIGHT, flat=flat)
    if has_lid:
        p.ball((0, body, 0), (1.94 * radius_x, 2 * 0.16 * h, 1.94 * radius_z), SECOND, textured=False, bottom=0.0)
        p.round((0, body - 0.006, 0), 0.014, radius_x, colour=LIGHT, flat=flat)
        p.round((0, body + 0.13 * h, 0), h - body - 0.13 * h, 0.1 * radius_x, 0.18 * radius_x, DARK)
    else:
        p.round((0, body - 0.003, 0), 0.0055, 0.9 * radius_x, colour=DARK, flat=flat)
        p.round((0, body - 0.003, 0), 0.008, 0.8 * radius_x, colour=r.choice((ACCENT, DARK)), flat=flat)
    y, thick = 0.8 * body, 0.06 * h + 0.006
    inner, outer = 0.94 * (radius_z if along_z else radius_x), long / 2 - thick / 2
    grip = r.uniform(0.28, 0.4) * across / 2
    for sign in (-1, 1):
        points = [(-grip, y, sign * inner), (-grip, y, sign * outer), (grip, y, sign * outer), (grip, y, sign * inner)]
        if not along_z:
            points = [(z, level, x) for x, level, z in points]
        p.path(points, thick, DARK)
