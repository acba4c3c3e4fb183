"""Soap bottle: a bottle with a pump, whose thin spout points forward."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, flat, body = w / 2, d / w, r.uniform(0.6, 0.68) * h
    style = r.choice(("round", "box", "drop"))
    if style == "box":
        p.box((0, body / 2, 0), (w, body, 0.96 * d), MAIN)
        p.box((0, body + 0.01 * h, 0), (0.7 * w, 0.03 * h, 0.7 * d), MAIN)
    elif style == "drop":
        profile = [(0, 0.85 * radius), (0.35 * body, radius), (0.8 * body, 0.74 * radius), (body + 0.02 * h, 0.4 * radius)]
        p.lathe(profile, MAIN, flat=flat)
    else:
        p.round((0, 0, 0), 0.9 * body, 0.97 * radius, colour=MAIN, flat=flat)
        p.round((0, 0.89 * body, 0), 0.13 * body, 0.97 * radius, 0.45 * radius, MAIN, flat=flat)
    label = r.choice((LIGHT, SECOND))
    if style == "box":
        p.box((0, 0.45 * body, 0), (0.7 * w, 0.5 * body, d), label)
    elif style == "round":
        p.round((0, 0.2 * body, 0), 0.5 * body, radius, colour=label, flat=flat)
    metal = r.choice((LIGHT, DARK, ACCENT))
    p.round((0, body, 0), 0.1 * h, 0.2 * min(w, d), colour=metal)
    p.round((0, body + 0.08 * h, 0), h - body - 0.12 * h, 0.13 * radius, colour=metal)
    p.box((0, h - 0.04 * h, 0.02 * d), (0.34 * w, 0.08 * h, 0.3 * d), metal)
    p.bar((0, h - 0.035 * h, 0.1 * d), (0, h - 0.07 * h, 0.47 * d), 0.045 * h, metal, 0.16 * w)
