"""Shelving unit: boards between two sides or four posts, open in front."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    board, low = r.uniform(0.02, 0.035), r.choice((0.03, 0.08))
    rows = min(max(round(h / r.uniform(0.3, 0.42)), 2), 6)
    style = r.choice(("sides", "sides", "posts", "ladder"))
    p.box((0, h - board / 2, 0), (w, board, d), MAIN)
    side = board
    if style == "sides":
        for sign in (-1, 1):
            p.box((sign * (w - board) / 2, (h - board) / 2, 0), (board, h - board + 0.004, 0.99 * d), MAIN)
    else:
        side = min(r.uniform(0.03, 0.045), 0.2 * d)
        p.legs(h - 0.004, side, r.choice((DARK, SECOND, MAIN)))
        side *= 0.6
    columns = 1 if w < 0.9 else 2 if w < 1.6 else 3
    colour = r.choice((MAIN, SECOND))
    for i in range(rows):
        y = low + (h - low) * i / rows
        p.box((0, y, 0), (w - side, board, 0.96 * d), colour)
    for i in range(1, columns):
        p.box(((i / columns - 0.5) * w, (low + h) / 2, -0.03 * d), (board, h - low - 0.01, 0.9 * d), MAIN)
    if style == "ladder":
        for sign in (-1, 1):
            for y in (0.3 * h, 0.7 * h):
                p.box((sign * (w / 2 - 0.012), y, 0), (0.018, 0.025, d - side), DARK)
    elif r.random() < 0.65:
        p.box((0, (low + h) / 2, -d / 2 + 0.014), (w - side, h - low - board, 0.014), r.choice((DARK, SECOND)))
