"""Butter knife: on its edge, slender, with a rounded blade and a handle of one piece."""

import random

from safevla.world.parts import LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    split, metal = r.uniform(-0.05, 0.05) * d, r.choice((LIGHT, LIGHT, MAIN))
    p.leaf((0, h / 2, split - 0.12 * d), (0, h / 2, d / 2), 0.5 * w, 0.98 * h, metal)
    p.box((0, 0.74 * h, split + 0.18 * d), (0.4 * w, 0.5 * h, 0.4 * d), metal)
    handle, flat = r.choice((metal, SECOND)), r.uniform(1.4, 2.4)
    p.lying((0, 0.6 * h, -d / 2), (0, 0.6 * h, split), w / 2, 0.36 * w, handle, flat=flat)
