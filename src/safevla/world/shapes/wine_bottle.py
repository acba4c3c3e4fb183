"""Wine bottle: slender, with a long neck, a label and a foil over its cork."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    radius, flat = w / 2, d / w
    colour, neck = r.choice((MAIN, MAIN, DARK)), r.uniform(0.32, 0.38) * radius
    body, shoulder = r.choice(((0.58, 0.7), (0.46, 0.74), (0.52, 0.66)))
    p.round((0, 0, 0), body * h, 0.98 * radius, colour=colour, flat=flat)
    middle = (body + shoulder) / 2
    p.lathe(
        [(body * h, 0.98 * radius), (middle * h, 0.78 * radius), (shoulder * h, neck), (0.9 * h, 0.9 * neck)], colour, flat=flat
    )
    low, high = r.uniform(0.08, 0.14) * h, r.uniform(0.4, 0.46) * h
    p.round((0, low, 0), high - low, radius, colour=LIGHT, flat=flat)
    p.round((0, (low + high) / 2, 0), 0.06 * h, 1.01 * radius, colour=ACCENT, flat=flat)
    p.round((0, r.uniform(0.78, 0.84) * h, 0), 0.14 * h, 1.08 * neck, colour=ACCENT, flat=flat)
    p.round((0, 0.95 * h, 0), 0.05 * h, 1.2 * neck, colour=ACCENT, flat=flat)
