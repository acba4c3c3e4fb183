"""Floor lamp: a shade high on a thin pole."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    flat, metal = d / w, r.choice((DARK, ACCENT, SECOND))
    high, pole = r.uniform(0.14, 0.22) * h, r.uniform(0.012, 0.02)
    low = h - high
    style = r.choice(("cone", "drum", "dome", "bowl"))
    if r.random() < 0.65:
        p.round((0, 0, 0), 0.025, 0.36 * w, 0.32 * w, metal, flat=flat)
        p.round((0, 0.02, 0), low + 0.3 * high, pole, colour=metal)
    else:  # a tripod
        for x, z in ((0, 0.42), (-0.4, -0.28), (0.4, -0.28)):
            p.lying((x * w, 0.0, z * d), (0.03 * x * w, low + 0.02, 0.03 * z * d), pole, colour=metal)
    if style == "cone":
        p.round((0, low, 0), high, w / 2, r.uniform(0.22, 0.32) * w, MAIN, LIGHT, flat=flat)
    elif style == "drum":
        p.round((0, low, 0), high, w / 2, 0.47 * w, MAIN, LIGHT, flat=flat)
    elif style == "dome":
        p.ball((0, low, 0), (w, 2 * high, d), MAIN, LIGHT, bottom=0.0)
    else:  # a bowl that shines at the ceiling
        p.ball((0, h - 0.004, 0), (w, 1.1 * high, d), MAIN, LIGHT, top=0.0)
        p.round((0, low, 0), 0.6 * high, pole, colour=metal)
    if style in ("cone", "drum"):
        p.round(
            (0, low + 0.1 * high, 0),
            0.07 * high,
            0.502 * w if style == "drum" else 0.48 * w,
            colour=SECOND,
            textured=False,
            flat=flat,
        )
    p.ball((0, low - 0.01, 0), (0.12, 0.14, 0.12), LIGHT)
