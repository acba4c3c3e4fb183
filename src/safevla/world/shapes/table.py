"""Table: a top on four legs, on two trestles or on a column."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    top, under = r.uniform(0.025, 0.055), r.choice((MAIN, MAIN, SECOND, DARK))
    p.box((0, h - top / 2, 0), (w, top, d), MAIN)
    styles = (_legs, _legs, _legs, _trestles, _column) if max(w, d) < 2.2 else (_legs, _trestles, _columns)
    r.choice(styles)(p, r, h - top, under)


def _legs(p: Parts, r: random.Random, under: float, colour: int) -> None:
    w, _, d = p.size
    thick, inset = r.uniform(0.045, 0.09), r.choice((0.0, 0.03, 0.08))
    high = r.uniform(0.06, 0.1)
    is_round = r.random() < 0.35
    p.legs(under - 0.002, thick, colour, inset, is_round, splay=r.choice((0.0, 0.06)) if is_round else 0.0)
    if not is_round or r.random() < 0.5:
        x, z = w / 2 - inset - thick / 2, d / 2 - inset - thick / 2
        for sign in (-1, 1):
            p.box((0, under - high / 2, sign * z), (2 * x, high, 0.024), colour)
            p.box((sign * x, under - high / 2, 0), (0.024, high, 2 * z), colour)
    elif r.random() < 0.5:
        p.box((0, 0.2 * under, 0), (w - 2 * inset - thick, 0.03, 0.05), colour)


def _trestles(p: Parts, r: random.Random, under: float, colour: int) -> None:
    """A pair of legs under either end, with a beam between them."""
    w, _, d = p.size
    is_long = w >= d
    long, wide = (w, d) if is_long else (d, w)
    style, reach = r.choice(("board", "cross", "vee")), r.uniform(0.3, 0.38) * long

    def at(along: float, y: float, across: float) -> tuple[float, float, float]:
        return (along, y, across) if is_long else (across, y, along)

    def size(along: float, high: float, across: float) -> tuple[float, float, float]:
        return (along, high, across) if is_long else (across, high, along)

    for sign in (-1, 1):
        if style == "board":
            p.box(at(sign * reach, under / 2, 0), size(0.06, under, 0.5 * wide), colour)
            p.box(at(sign * reach, 0.03, 0), size(0.09, 0.06, 0.8 * wide), colour)
        else:
            foot, head = (0.38, -0.3) if style == "cross" else (0.38, 0.2)
            for side in (-1, 1):
                ends = at(sign * reach, 0.03, side * foot * wide), at(sign * reach, under, side * head * wide)
                p.bar(*ends, 0.06, colour)
    p.box(at(0, 0.35 * under, 0), size(2 * reach, 0.08, 0.04), colour)


def _column(p: Parts, r: random.Random, under: float, colour: int) -> None:
    w, _, d = p.size
    thick = r.uniform(0.05, 0.08)
    p.lathe([(0.04, 1.3 * thick), (0.3 * under, 0.8 * thick), (0.7 * under, thick), (under, 1.6 * thick)], colour)
    if r.random() < 0.5:
        p.box((0, 0.025, 0), (0.8 * w, 0.05, 0.09), colour)
        p.box((0, 0.024, 0), (0.09, 0.046, 0.8 * d), colour)
    else:
        p.round((0, 0, 0), 0.05, 0.34 * w, 0.3 * w, colour, flat=d / w)


def _columns(p: Parts, r: random.Random, under: float, colour: int) -> None:
    w, _, d = p.size
    for sign in (-1, 1):
        x, z = (sign * 0.28 * w, 0) if w >= d else (0, sign * 0.28 * d)
        p.round((x, 0.04, z), under - 0.04, 0.09, 0.07, colour)
        p.box((x, 0.03, z), (0.09, 0.06, 0.8 * d) if w >= d else (0.8 * w, 0.06, 0.09), colour)
