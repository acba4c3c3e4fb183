"""Coffee table: a low top on legs, with a shelf below it, or on two boards, or a low chest."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    top = min(r.uniform(0.025, 0.06), 0.2 * h)
    pane = 0.002 if r.random() < 0.35 else 0.0  # let into its top
    p.box((0, h - (top + pane) / 2, 0), (w, top - pane, d), MAIN)
    if pane:
        p.box((0, h - 0.004, 0), (0.8 * w, 0.008, 0.7 * d), SECOND, textured=False)
    r.choice((_legs, _legs, _boards, _chest))(p, r, h - top)


def _legs(p: Parts, r: random.Random, under: float) -> None:
    w, _, d = p.size
    thick, inset = r.uniform(0.04, 0.07), r.choice((0.0, 0.05))
    is_round = r.random() < 0.4
    colour = r.choice((MAIN, DARK, SECOND))
    p.legs(under - 0.002, thick, colour, inset, is_round, splay=0.06 if is_round else 0.0)
    if r.random() < 0.7:
        reach = 2 * (inset + thick / 2) + (0.06 if is_round else 0.0)
        p.box((0, 0.32 * under, 0), (w - reach, 0.022, d - reach), r.choice((MAIN, SECOND)))


def _boards(p: Parts, r: random.Random, under: float) -> None:
    """Like a bridge, perhaps with a shelf."""
    w, _, d = p.size
    thick, inset = r.uniform(0.03, 0.07), r.choice((0.0, 0.08)) * w
    for sign in (-1, 1):
        p.box((sign * (w / 2 - inset - thick / 2), under / 2, 0), (thick, under, 0.98 * d), MAIN)
    if r.random() < 0.6:
        p.box((0, 0.4 * under, 0), (w - 2 * inset - thick, 0.025, 0.9 * d), SECOND)
    else:
        p.box((0, 0.55 * under, 0), (w - 2 * inset - thick, 0.85 * under, 0.03), SECOND)


def _chest(p: Parts, r: random.Random, under: float) -> None:
    w, _, d = p.size
    low = 0.15 * under
    p.box((0, (low + under) / 2, -PROUD_M / 2), (0.94 * w, under - low, d - 0.04 - PROUD_M), MAIN)
    p.box((0, low / 2 + 0.003, 0), (0.86 * w, low + 0.004, 0.84 * d), DARK)
    fronts = Fronts(p, r, d / 2 - 0.02 - PROUD_M)
    side, span = 0.44 * w, (low + 0.02, under - 0.02)
    fronts.board((-side, side), span)
    fronts.drawers((-side, side), span, 2, 1)
