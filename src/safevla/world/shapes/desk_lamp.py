"""Desk lamp: a shade on a foot, or a bent arm with a head that looks down."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, _, d = p.size
    is_square = 0.75 < w / d < 1.33
    r.choice((_shade, _shade, _arm) if is_square else (_arm, _arm, _shade))(p, r)


def _shade(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    flat, high = d / w, r.uniform(0.36, 0.48) * h
    low, foot = h - high, r.choice(("disc", "jar", "balls", "block"))
    if foot == "jar":
        p.lathe([(0, 0.16 * w), (0.3 * low, 0.26 * w), (0.7 * low, 0.2 * w), (0.94 * low, 0.05 * w)], SECOND, flat=flat)
    elif foot == "balls":
        p.round((0, 0, 0), 0.05 * h, 0.26 * w, colour=SECOND, textured=False, flat=flat)
        for i, size in enumerate((0.34, 0.28, 0.22)):
            p.ball((0, (0.2 + 0.27 * i) * low + 0.02 * h, 0), (size * w, 0.3 * low, size * d), SECOND, textured=False)
    elif foot == "block":
        p.box((0, 0.4 * low, 0), (0.3 * w, 0.8 * low, 0.3 * d), SECOND)
    else:
        p.round((0, 0, 0), 0.05 * h, 0.3 * w, 0.26 * w, SECOND, textured=False, flat=flat)
    p.round((0, 0.02 * h, 0), low + 0.06 * h, 0.035 * w, colour=DARK)
    top = r.choice((0.24, 0.32, 0.46))
    p.round((0, low, 0), high - 0.004, w / 2, top * w, MAIN, LIGHT, flat=flat)
    if r.random() < 0.5:
        below, above = ((0.508 + (top - 0.5) * share) * w for share in (0.06, 0.16))
        p.round((0, low + 0.06 * high, 0), 0.1 * high, below, above, ACCENT, flat=flat)


def _arm(p: Parts, r: random.Random) -> None:
    """A foot at the back, an arm with an elbow, and a head in front; along x where it is wider than deep."""
    w, h, d = p.size
    along_x, side = w > d, r.choice((-1, 1))
    long, wide = (w, d) if along_x else (d, w)

    def at(along: float, y: float) -> tuple[float, float, float]:
        return (side * along * long, y * h, 0) if along_x else (0, y * h, along * long)

    foot = min(0.48 * wide, 0.3 * long)
    base = at(-0.5 + foot / long, 0)
    p.round(base, 0.05 * h, foot, 0.85 * foot, SECOND, textured=False)
    thick = 0.035 * h
    elbow, neck = at(1.1 * thick / long - 0.5, r.uniform(0.55, 0.68)), at(r.uniform(0.0, 0.1), 0.95)
    p.path([(base[0], 0.04 * h, base[2]), elbow, neck], thick, r.choice((DARK, SECOND)))
    p.ball(elbow, (2 * thick, 2 * thick, 2 * thick), ACCENT)
    head, reach = at(0.5 - 0.46 * wide / long, r.uniform(0.66, 0.74)), 0.46 * wide
    p.lying((neck[0], 0.97 * h, neck[2]), head, 0.35 * reach, reach, MAIN, LIGHT)
