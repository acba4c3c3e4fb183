"""Mug: a cup with a handle at its side, open above."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    side, radius = r.choice((-1, 1)), min(d / 2, 0.42 * w)
    x = side * -(w / 2 - radius)
    body = h - 0.003
    style = r.choice(("straight", "taper", "barrel", "waist"))
    foot = {"straight": 1.0, "taper": r.uniform(0.68, 0.82), "barrel": 0.8, "waist": 1.0}[style] * radius
    rim = 0.9 * radius if style == "barrel" else radius
    if style == "barrel":
        p.lathe([(0, foot), (0.3 * body, radius), (0.7 * body, radius), (body, rim)], MAIN, LIGHT, at=(x, 0))
    elif style == "waist":
        p.lathe([(0, foot), (0.5 * body, 0.86 * radius), (body, rim)], MAIN, LIGHT, at=(x, 0))
    else:
        p.round((x, 0, 0), body, foot, rim, MAIN, LIGHT)
    p.round((x, body - 0.004, 0), 0.007, 0.86 * rim, colour=DARK)
    if style in ("straight", "taper") and r.random() < 0.6:
        low, high = r.choice(((0.1, 0.3), (0.3, 0.65), (0.72, 0.9)))
        below, above = (foot + (rim - foot) * share + 0.0006 for share in (low, high))
        p.round((x, low * body, 0), (high - low) * body, below, above, r.choice((SECOND, ACCENT)), textured=False)
    _handle(p, r, side, x, radius)


def _handle(p: Parts, r: random.Random, side: int, x: float, radius: float) -> None:
    """A bow from the upper part of the side to the lower one."""
    h, thick = p.height, r.uniform(0.1, 0.13) * p.height
    high, low, out, root = (
        r.uniform(0.78, 0.86) * h,
        r.uniform(0.2, 0.3) * h,
        side * (p.width / 2 - 0.85 * thick),
        x + 0.88 * side * radius,
    )
    bend = out - side * r.choice((0.02, 0.3)) * abs(out - root)
    points = [
        (root, high, 0),
        (bend, high, 0),
        (out, 0.62 * high + 0.38 * low, 0),
        (0.4 * root + 0.6 * bend, low, 0),
        (root, low, 0),
    ]
    if r.random() < 0.5:
        points = [(root, high, 0), (out, high, 0), (out, low, 0), (root, low, 0)]
    p.path(points, thick, r.choice((MAIN, MAIN, SECOND)), wide=r.uniform(0.13, 0.18) * h)
