"""Bottle: a body with a label, shoulders, a neck and a cap."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, flat = w / 2, d / w
    body, shoulder, neck = r.uniform(0.48, 0.6) * h, r.uniform(0.68, 0.76) * h, r.uniform(0.28, 0.38) * radius
    profile = r.choice(
        (
            [(0, radius), (body, radius)],
            [(0, 0.85 * radius), (0.5 * body, 0.94 * radius), (body, radius)],
            [(0, radius), (0.5 * body, 0.82 * radius), (body, radius)],
        )
    )
    p.lathe(profile, MAIN, flat=flat)
    p.lathe([(body, radius), ((body + shoulder) / 2, 0.8 * radius), (shoulder, neck), (0.94 * h, neck)], MAIN, flat=flat)
    if r.random() < 0.8 and len(profile) == 2:
        low, high = r.uniform(0.12, 0.25) * body, r.uniform(0.75, 0.9) * body
        p.round((0, low, 0), high - low, 1.01 * radius, colour=r.choice((LIGHT, SECOND)), flat=flat)
    p.round((0, 0.88 * h, 0), 0.12 * h, 1.25 * neck, colour=r.choice((ACCENT, DARK)), flat=flat)
