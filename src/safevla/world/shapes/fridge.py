"""Fridge: a tall box with two doors or three, dark gaps between them and long handles."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    door, handle, foot = 0.06, 0.04, 0.05
    face = d / 2 - handle
    p.box((0, (foot + h) / 2, (face - door - d / 2) / 2), (w, h - foot, d / 2 + face - door), MAIN)
    p.box((0, foot / 2, -0.02), (0.9 * w, foot + 0.004, 0.8 * d), DARK)
    p.box((0, (foot + h) / 2, face - door), (0.97 * w, h - foot - 0.02, 0.02), DARK)
    metal, colour = r.choice((DARK, DARK, LIGHT, SECOND)), r.choice((MAIN, MAIN, SECOND))
    styles = ("freezer below", "freezer above", "side by side", "french")
    style = r.choice(styles if w > 0.85 else styles[:2])
    for x, y, opens in _doors(style, r, h, foot):
        at = ((x[0] + x[1]) / 2 * w, (y[0] + y[1]) / 2, face - door / 2)
        p.box(at, ((x[1] - x[0]) * w - 0.014, y[1] - y[0] - 0.016, door), colour)
        if opens == 0:  # a drawer
            p.box((0, y[1] - 0.09, face + handle / 2), (0.6 * w, 0.03, handle), metal)
        else:
            length = min(0.55 * (y[1] - y[0]), 0.7)
            top = y[1] - 0.1 if y[0] < 0.5 else y[0] + 0.08 + length
            edge = (x[1] if opens > 0 else x[0]) * w - opens * 0.07
            p.box((edge, top - length / 2, face + handle / 2), (0.035, length, handle), metal)
    if w > 0.85 and r.random() < 0.5:  # water and ice
        x = -0.26 * w if style in styles[2:] else 0.0
        p.box((x, 0.64 * h, face), (0.17 * w, 0.16 * h, 0.008), DARK)
        p.box((x, 0.69 * h, face + 0.002), (0.12 * w, 0.03 * h, 0.008), LIGHT)
    elif r.random() < 0.6:  # notes and magnets
        for _ in range(r.choice((1, 2, 3))):
            at = (r.uniform(-0.3, 0.2) * w, r.uniform(0.55, 0.85) * h, face + 0.001)
            p.box(at, (0.1, 0.13, 0.006), r.choice((LIGHT, ACCENT)), roll_deg=r.uniform(-12, 12))


def _doors(style: str, r: random.Random, h: float, foot: float) -> list[tuple[tuple[float, float], tuple[float, float], int]]:
    """Each door's x as shares of the width, its y, and the side that opens, 0 for a drawer."""
    left, right, whole = (-0.5, 0.0), (0.0, 0.5), (-0.5, 0.5)
    side = r.choice((-1, 1))
    if style == "side by side":
        return [(left, (foot, h), 1), (right, (foot, h), -1)]
    if style == "french":
        split = r.uniform(0.3, 0.38) * h
        return [(left, (split, h), 1), (right, (split, h), -1), (whole, (foot, split), 0)]
    split = r.uniform(0.32, 0.4) * h if style == "freezer below" else r.uniform(0.64, 0.72) * h
    return [(whole, (foot, split), side), (whole, (split, h), side)]
