"""Sofa: a long seat between two arms, before a back; a deep one has a chaise at one end."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts

_DEEPEST_M = 1.3  # a sofa deeper than this is shaped like an L
_DEEP_M = 1.1  # and so deep where it has no chaise


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the seat, before the cushions of the back and most of the throw pillows."""
    w, h, d = size_m
    front = d / 2 if d < _DEEPEST_M else _DEEP_M - d / 2
    return min(0.48 * h, 0.55), 0.22 - w / 2, w / 2 - 0.22, 0.4 - d / 2, front - 0.04


def build(p: Parts, r: random.Random) -> None:
    w, _, d = p.size
    seat, front = stand(p.size)[0], stand(p.size)[4] + 0.04
    arm, back, low = r.uniform(0.1, 0.2), r.uniform(0.12, 0.17), r.choice((0.0, 0.06, 0.12))
    cushion = r.uniform(0.12, 0.18)
    deep, middle = front + d / 2, (front - d / 2) / 2
    p.box((0, (low + seat - cushion) / 2, middle), (w - 0.04, seat - cushion - low + 0.01, deep - 0.03), MAIN)
    _arms(p, r, arm, low, front)
    inside, z = w - 2 * arm, back - d / 2  # the width between the arms, and where the back ends
    count, colour = r.choice((1, 2, 2) if w < 1.9 else (2, 3, 3)), r.choice((MAIN, SECOND, SECOND))
    for i in range(count):
        x, wide = ((i + 0.5) / count - 0.5) * inside, inside / count - 0.014
        p.box((x, seat - cushion / 2, (z + front) / 2 + 0.005), (wide, cushion, front - z - 0.01), colour)
    if d > _DEEPEST_M:
        side, wide = r.choice((-1, 1)), inside / 3
        at = (side * (inside - wide) / 2, (low + seat) / 2, (front + d / 2) / 2 - 0.03)
        p.box(at, (wide - 0.014, seat - low, d / 2 - front + 0.06), colour)
    _back(p, r, back, inside, colour, low)
    _throw_pillows(p, r, inside, z)
    if low:
        for x in (-1, 1):
            p.box((x * (w / 2 - 0.1), low / 2 + 0.005, middle), (0.06, low + 0.01, deep - 0.12), DARK)


def _back(p: Parts, r: random.Random, back: float, inside: float, colour: int, low: float) -> None:
    """With cushions that lean on it, with a long roll, or drawn in by upright seams."""
    w, h, d = p.size
    seat, z, style = stand(p.size)[0], back - d / 2, r.choice(("cushions", "cushions", "seams", "roll"))
    top = h - (0.04 if style == "cushions" else 0.0)
    p.box((0, (low + top) / 2, -d / 2 + back / 2), (w - r.choice((0.0, 0.1)), top - low, back), MAIN)
    count = 2 if w < 1.9 else r.choice((3, 4))
    if style == "cushions":
        high = min(h - seat - 0.01, 0.54)
        for i in range(count):
            at = (((i + 0.5) / count - 0.5) * inside, seat + 0.47 * high, z + 0.06 + 0.09 * high)
            p.box(at, (inside / count - 0.014, 0.94 * high, 0.12), colour, pitch_deg=-10)
    elif style == "seams":
        p.box((0, (seat + top) / 2, z + 0.03), (inside - 0.03, top - seat - 0.05, 0.1), colour)
        for i in range(1, count + 1):
            p.box(((i / (count + 1) - 0.5) * inside, (seat + top) / 2, z + 0.03), (0.014, top - seat - 0.04, 0.106), DARK)
    else:
        radius = min(0.11, 0.4 * (h - seat))
        p.lying((-0.49 * inside, seat + radius, z + 0.06), (0.49 * inside, seat + radius, z + 0.06), radius, colour=colour)


def _throw_pillows(p: Parts, r: random.Random, inside: float, z: float) -> None:
    """One in either corner, or in one of them, or none."""
    seat = stand(p.size)[0]
    side = min(0.4, p.height - seat - 0.02)
    for sign in (-1, 1):
        if r.random() < 0.55:
            at = (sign * (inside / 2 - 0.2), seat + 0.48 * side, z + 0.19)
            p.box(at, (0.38, 0.86 * side, 0.11), ACCENT, yaw_deg=-sign * r.uniform(6, 18), pitch_deg=-22)


def _arms(p: Parts, r: random.Random, arm: float, low: float, front: float) -> None:
    """Boxes, rolls or boards at both ends."""
    w, h, d = p.size
    top = min(r.uniform(1.22, 1.6) * stand(p.size)[0], 0.9 * h)
    deep, z = front + d / 2, (front - d / 2) / 2
    style = r.choice(("box", "roll", "board"))
    for sign in (-1, 1):
        x = sign * (w - arm) / 2
        if style == "roll":
            high = top - arm / 2
            p.box((sign * (w / 2 - 0.55 * arm), (low + high) / 2, z), (0.8 * arm, high - low, deep - 0.01), MAIN)
            p.lying((x, high, -d / 2 + 0.01), (x, high, front - 0.002), arm / 2, colour=MAIN)
        else:
            p.box((x, (low + top) / 2, z), (arm, top - low, deep), MAIN)
            if style == "board":
                p.box((x, top + 0.012, z), (arm, 0.03, deep - 0.02), DARK)
