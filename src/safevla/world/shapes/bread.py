"""Bread: a loaf, round or baked in a tin, with light cuts across its crust, or with slices cut off."""

import math
import random

from safevla.world.parts import LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    r.choice((_tin, _tin, _loaf, _sliced))(p, r)


def _cuts(p: Parts, r: random.Random, middle: float, reach: float, rounding: float) -> None:
    """Cuts across the crust, whose widest is so high, and which is round towards its ends or not; as slim half balls."""
    w, h, d = p.size
    count, colour = r.choice((2, 3, 4)), r.choice((LIGHT, LIGHT, SECOND))
    for i in range(count):
        z = ((i + 0.5) / count - 0.5) * reach * d
        share = 1.015 * math.sqrt(1 - rounding * (2 * z / d) ** 2)
        p.ball((0, middle, z), (0.96 * share * w, 2 * share * (h - middle), 0.24 * d), colour, textured=False, bottom=0.0)


def _tin(p: Parts, r: random.Random) -> None:
    """Straight below, with a crust that bulges over its sides."""
    w, h, d = p.size
    middle = r.uniform(0.54, 0.62) * h
    p.box((0, middle / 2, 0), (0.84 * w, middle, 0.98 * d), MAIN)
    p.lying((0, middle, -d / 2), (0, middle, d / 2), 0.48 * w, colour=MAIN, flat=0.985 * (h - middle) / (0.48 * w))
    _cuts(p, r, middle, 0.86, 0.0)


def _loaf(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    low = r.uniform(0.34, 0.46) * h
    p.ball((0, low, 0), (0.96 * w, 1.95 * (h - low), 0.985 * d), MAIN, bottom=0.0)
    p.ball((0, low, 0), (0.96 * w, 2 * low, 0.985 * d), MAIN, top=0.0)
    _cuts(p, r, low, 0.7, 1.0)


def _sliced(p: Parts, r: random.Random) -> None:
    """Its cut face is light, and so are slices that lean before it."""
    w, h, d = p.size
    end, side = d / 2 - r.uniform(0.2, 0.4) * d, 0.6 * h
    p.box((0, side / 2, (end - d / 2) / 2), (0.84 * w, side, end + d / 2), MAIN)
    p.lying((0, 0.6 * h, -d / 2), (0, 0.6 * h, end), w / 2, colour=MAIN, ends=LIGHT, flat=0.79 * h / w)
    p.box((0, 0.5 * side, end), (0.74 * w, 0.9 * side, 0.006), LIGHT)
    for i in range(2):
        z = end + (i + 0.7) * (d / 2 - end) / 2.2
        thick, lean = 0.016 * d, 0.02 * d * (i + 1)
        p.lying((0, 0.56 * h, z - thick), (0, 0.56 * h, z + thick), 0.48 * w, colour=MAIN, ends=LIGHT, flat=0.84 * h / w)
        p.box((0, 0.29 * h, z + lean / 2), (0.8 * w, 0.58 * h, 2.1 * thick), LIGHT)
