"""Trash can: an open basket, one with a bag in it, a swing lid, a bin with a pedal, or a can with a lid."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    r.choice((_basket, _bag, _swing, _pedal, _can))(p, r)


def _basket(p: Parts, r: random.Random) -> None:
    """Square, hollow, wider above, with a rim."""
    w, h, d = p.size
    narrow, wall = r.uniform(0.7, 0.85), 0.018
    p.tub(0, h - 0.01, (narrow * w, narrow * d), (0.97 * w, 0.97 * d), wall, MAIN)
    rim, thick = r.uniform(0.03, 0.05), 0.028
    for sign in (-1, 1):
        p.box((0, h - rim / 2, sign * (d - thick) / 2), (w, rim, thick), SECOND, textured=False)
        p.box((sign * (w - thick) / 2, h - rim / 2, 0), (thick, rim, d), SECOND, textured=False)
    for i in range(r.choice((2, 3))):  # crumpled paper on its floor
        x, z = r.uniform(-0.25, 0.25) * w, r.uniform(-0.25, 0.25) * d
        p.ball((x, r.uniform(0.3, 0.5) * h, z), (0.26 * w, 0.24 * w, 0.26 * d), LIGHT if i else ACCENT)


def _bag(p: Parts, r: random.Random) -> None:
    """Round, with a bag turned over its rim."""
    w, h, d = p.size
    radius, flat, narrow = w / 2, d / w, r.uniform(0.66, 0.82)
    over, bag = r.uniform(0.14, 0.22) * h, r.choice((LIGHT, SECOND))
    p.round((0, 0, 0), h - 0.02, narrow * radius, 0.93 * radius, MAIN, flat=flat)
    p.round((0, h - over, 0), over - 0.004, 0.93 * radius, radius, bag, textured=False, flat=flat)
    p.round((0, h - over - 0.03, 0), 0.05, 0.9 * radius, 0.95 * radius, bag, textured=False, flat=flat)
    p.round((0, h - 0.01, 0), 0.01, 0.87 * radius, colour=DARK, flat=flat)


def _swing(p: Parts, r: random.Random) -> None:
    """Square, with a lid like a roof whose front swings."""
    w, h, d = p.size
    body, narrow = r.uniform(0.68, 0.76) * h, 0.92
    p.tub(0, body, (narrow * w, narrow * d), (0.985 * w, 0.985 * d), 0.03, MAIN)
    p.box((0, body / 2, 0), (0.9 * w, 0.96 * body, 0.9 * d), MAIN, textured=False)
    p.box((0, body + 0.02, 0), (w, 0.05, d), SECOND, textured=False)
    ridge, eave = h - 0.015, body + 0.03
    for sign in (-1, 1):
        p.bar((0, eave, sign * 0.44 * d), (0, ridge, 0), 0.03, SECOND, 0.94 * w, textured=False)
        flap = [(0, eave + share * (ridge - eave) + 0.014, sign * (0.44 * (1 - share) * d + 0.012)) for share in (0.15, 0.8)]
        p.bar(flap[0], flap[1], 0.016, DARK, 0.74 * w)
    for high, deep in ((0.45, 0.5), (0.8, 0.2)):  # what closes its gables
        p.box((0, eave + high * (ridge - eave) / 2, 0), (0.92 * w, high * (ridge - eave), deep * d), SECOND, textured=False)


def _pedal(p: Parts, r: random.Random) -> None:
    """Round, with a domed lid, a dark foot and a pedal in front."""
    w, h, d = p.size
    d_body = 0.92 * d
    radius, flat, dome = w / 2, d_body / w, r.uniform(0.14, 0.22) * h
    back, foot = -(d - d_body) / 2, 0.05 * h
    p.round((0, 0, back), foot + 0.004, 0.97 * radius, colour=DARK, flat=flat)
    p.round((0, foot, back), h - dome - foot, 0.95 * radius, colour=MAIN, flat=flat)
    p.round((0, h - dome - 0.02, back), 0.03, radius, colour=DARK, flat=flat)
    p.ball((0, h - dome, back), (w, 2 * dome, d_body), SECOND, textured=False, bottom=0.0)
    p.box((0, 0.03, d / 2 - 0.05), (0.26 * w, 0.022, 0.1), DARK)


def _can(p: Parts, r: random.Random) -> None:
    """A ribbed can with a lid, a knob, and a handle at either side."""
    w, h, d = p.size
    p.textured = (MAIN,)
    radius, flat, body, narrow = 0.43 * w, 0.98 * d / (0.92 * w), r.uniform(0.78, 0.86) * h, r.uniform(0.8, 0.92)
    p.round((0, 0, 0), body, narrow * radius, 0.97 * radius, MAIN, flat=flat)
    for share in r.choice(((0.3, 0.65), (0.2, 0.45, 0.7))):
        rib = (narrow + 0.02 + (0.97 - narrow) * share) * radius
        p.round((0, share * body, 0), 0.03, rib, colour=MAIN, textured=False, flat=flat)
    p.round((0, body - 0.02, 0), 0.05, 1.05 * radius, colour=SECOND, flat=flat)
    p.round((0, body + 0.02, 0), 0.07 * h, radius, 0.5 * radius, SECOND, flat=flat)
    x, high = 0.1 * w, h - 0.012
    p.path([(-x, body + 0.05, 0), (-x, high, 0), (x, high, 0), (x, body + 0.05, 0)], 0.024, DARK)
    for sign in (-1, 1):
        p.box((sign * (w / 2 - 0.025), 0.62 * h, 0), (0.05, 0.03, 0.3 * d), DARK)
