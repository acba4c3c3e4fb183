"""TV stand: long and low, with open bays between doors or drawers."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, Parts
from safevla.world.shapes._fronts import PROUD_M, Fronts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    board, low = r.uniform(0.025, 0.04), r.choice((0.0, 0.05, 0.12))
    low = min(low, 0.25 * h)
    p.box((0, h - board / 2, 0), (w, board, d), r.choice((MAIN, MAIN, ACCENT)))
    p.box((0, low + board / 2, 0), (0.99 * w, board, 0.97 * d), MAIN)
    p.box((0, (low + h) / 2, -d / 2 + 0.025), (0.97 * w, h - low - board, 0.02), DARK)
    if low > 0.1:
        p.legs(low + 0.01, 0.05, DARK, inset=0.03, is_round=True)
    elif low:
        p.box((0, low / 2 + 0.005, 0), (0.92 * w, low + 0.01, 0.84 * d), DARK)
    bays = 3 if w > 1.15 else 2
    inside = (low + board, h - board)
    edges = [(2 * i / bays - 1) * (w - board) / 2 for i in range(bays + 1)]
    for i, x in enumerate(edges):
        deep = 0.96 * d if i in (0, bays) else 0.9 * d
        p.box((x * 0.995, (inside[0] + inside[1]) / 2, -0.01 * d), (board, inside[1] - inside[0] + 0.006, deep), MAIN)
    fronts = Fronts(p, r, 0.47 * d - PROUD_M)
    is_open = r.choice(((1,), (0, 2), (0,))) if bays == 3 else r.choice(((0,), (1,)))
    for i in range(bays):
        x = (edges[i] + board / 2, edges[i + 1] - board / 2)
        if i in is_open:
            shelf = inside[0] + r.uniform(0.45, 0.6) * (inside[1] - inside[0])
            p.box(((x[0] + x[1]) / 2, shelf, -0.02 * d), (x[1] - x[0] + 0.01, 0.02, 0.88 * d), MAIN)
            if r.random() < 0.35:  # a player on the shelf
                p.box(((x[0] + x[1]) / 2, shelf + 0.04, 0.05 * d), (0.7 * (x[1] - x[0]), 0.05, 0.6 * d), ACCENT)
            continue
        fronts.board(x, inside)
        if r.random() < 0.5:
            fronts.drawers(x, inside, 1, 2)
        else:
            fronts.doors(x, inside, 1)
