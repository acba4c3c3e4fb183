"""Spray bottle: a bottle with a head like a pistol, a nozzle in front and a trigger below it."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    deep, radius = r.uniform(0.74, 0.86) * d, w / 2
    z, flat = -d / 2 + deep / 2, deep / w
    shoulder, neck = r.uniform(0.46, 0.54) * h, r.uniform(0.68, 0.72) * h
    style = r.choice(("round", "waist", "cone", "slab"))
    upper = {"cone": 0.62, "slab": 0.9}.get(style, 0.96) * radius
    if style == "slab":
        p.box((0, shoulder / 2, z), (0.95 * w, shoulder, deep), MAIN)
    elif style == "waist":
        profile = [(0, radius), (0.45 * shoulder, 0.76 * radius), (0.85 * shoulder, radius), (shoulder, upper)]
        p.lathe(profile, MAIN, at=(0, z), flat=flat)
    else:
        p.round((0, 0, z), shoulder, 0.96 * radius, upper, MAIN, flat=flat)
    p.round((0, shoulder - 0.002, z), neck - shoulder, upper, 0.3 * radius, MAIN, flat=flat)
    if style in ("round", "slab"):  # a label around it
        low, high = r.uniform(0.12, 0.2) * shoulder, r.uniform(0.7, 0.86) * shoulder
        if style == "slab":
            p.box((0, (low + high) / 2, z), (w, high - low, 0.7 * deep), r.choice((LIGHT, SECOND)))
        else:
            p.round((0, low, z), high - low, radius, colour=r.choice((LIGHT, SECOND)), flat=flat)
    p.round((0, neck - 0.04 * h, z), 0.09 * h, 0.4 * radius, colour=ACCENT, flat=flat)
    _head(p, r, z, neck)


def _head(p: Parts, r: random.Random, z: float, neck: float) -> None:
    """A slim barrel from behind the neck to the nozzle in front, and a trigger that slants down before the neck."""
    w, h, d = p.size
    high, wide = r.uniform(0.12, 0.17) * h, 0.84 * w
    y = h - high / 2
    p.box((0, y, 0.02 * d), (wide, high, 0.84 * d), ACCENT)
    p.bar((0, neck + 0.01 * h, z), (0, h - 0.6 * high, z - 0.04 * d), 0.34 * d, ACCENT, 0.98 * wide)
    p.box((0, y + 0.05 * high, 0.45 * d), (0.6 * w, 0.6 * high, 0.1 * d), DARK)
    root, colour = (0, h - 0.9 * high, 0.3 * d), r.choice((DARK, SECOND))
    p.path([root, (0, neck - 0.02 * h, 0.3 * d), (0, neck - r.uniform(0.1, 0.16) * h, 0.4 * d)], 0.08 * d, colour, wide=0.5 * w)
