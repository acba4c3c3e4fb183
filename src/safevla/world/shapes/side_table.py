"""Side table: a small one beside a bed or a sofa: a drawer over a shelf, a cupboard, or a console on thin legs."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    top = r.uniform(0.02, 0.035)
    p.box((0, h - top / 2, 0), (w, top, d), r.choice((MAIN, MAIN, SECOND)))
    r.choice((_night_stand, _night_stand, _cupboard, _open))(p, r, h - top)


def _night_stand(p: Parts, r: random.Random, under: float) -> None:
    """A drawer or two on legs, mostly with a shelf near the floor."""
    w, _, d = p.size
    high, leg = r.uniform(0.24, 0.42) * under, r.uniform(0.03, 0.05)
    is_round = r.random() < 0.3
    p.legs(under - 0.01, leg, r.choice((MAIN, DARK)), 0.005, is_round, splay=0.02 if is_round else 0.0)
    p.box((0, under - high / 2, -PROUD_M / 2), (0.94 * w, high, 0.96 * d - PROUD_M), MAIN)
    fronts = Fronts(p, r, 0.48 * d - PROUD_M)
    side, span = 0.47 * w - 0.025, (under - high + 0.015, under - 0.012)
    fronts.board((-side, side), span)
    fronts.drawers((-side, side), span, 1 if w < 0.8 else 2 if w < 1.3 else 3, 1)
    if r.random() < 0.75:
        p.box((0, r.uniform(0.14, 0.24) * under, 0), (0.94 * w, 0.022, 0.9 * d), r.choice((MAIN, SECOND)))


def _cupboard(p: Parts, r: random.Random, under: float) -> None:
    """Drawers, or a drawer over a door, down to the floor."""
    w, _, d = p.size
    low = r.choice((0.04, 0.1))
    p.box((0, (low + under) / 2, -PROUD_M / 2), (0.96 * w, under - low, 0.97 * d - PROUD_M), MAIN)
    p.box((0, low / 2 + 0.005, -0.01), (0.86 * w, low + 0.01, 0.8 * d), DARK)
    fronts = Fronts(p, r, 0.485 * d - PROUD_M)
    side, span = 0.48 * w - 0.02, (low + 0.015, under - 0.012)
    count = 1 if w < 0.8 else 2 if w < 1.3 else 3
    fronts.board((-side, side), span)
    if count == 1 and r.random() < 0.5:
        fronts.drawers((-side, side), span, 1, 3)
        return
    split = span[1] - r.uniform(0.3, 0.36) * (span[1] - span[0])
    fronts.drawers((-side, side), (split, span[1]), count, 1)
    fronts.split((-side, side), split)
    fronts.doors((-side, side), (span[0], split), count)


def _open(p: Parts, r: random.Random, under: float) -> None:
    """A frame with one shelf or two."""
    w, _, d = p.size
    leg, colour = r.uniform(0.025, 0.045), r.choice((MAIN, DARK, SECOND))
    p.legs(under + 0.004, leg, colour)
    count = r.choice((1, 2))
    for i in range(count):
        p.box((0, (0.16 + 0.42 * i) * under, 0), (w - leg, 0.022, d - leg), r.choice((MAIN, SECOND)))
    p.box((0, under - 0.02, 0), (w - 0.6 * leg, 0.05, d - 0.6 * leg), colour)
