"""Sofa: a long seat of two or three cushions between two arms, before a back."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the seat, before the cushions of the back."""
    w, h, d = size_m
    return min(0.5 * h, 0.48), -0.5 * w + 0.22, 0.5 * w - 0.22, -0.5 * d + 0.34, 0.5 * min(d, 1.1) - 0.04 + min(0, 0.55 - 0.5 * d)


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    seat = stand(p.size)[0]
    arm, back = r.uniform(0.12, 0.2), r.uniform(0.14, 0.2)
    arm_top = min(r.uniform(1.22, 1.5) * seat, 0.86 * h)
    cushion, low = r.uniform(0.12, 0.18), r.choice((0.0, 0.06, 0.1))
    deep = min(d, 1.1)  # of what is no chaise
    front = -d / 2 + deep
    p.box((0, (low + seat - cushion) / 2, (front - d / 2) / 2), (w - 0.04, seat - cushion - low + 0.01, deep - 0.03), MAIN)
    p.box((0, (low + h) / 2 - 0.02, -d / 2 + back / 2), (w - (0.1 if r.random() < 0.5 else 0.0), h - low - 0.04, back), MAIN)
    _arms(p, r, arm, arm_top, low, front)
    count = 2 if w < 1.9 else 3
    inside, z = w - 2 * arm, -d / 2 + back
    colour = r.choice((MAIN, SECOND, SECOND))
    for i in range(count):
        x, wide = ((i + 0.5) / count - 0.5) * inside, inside / count - 0.014
        p.box((x, seat - cushion / 2, (z + front) / 2 + 0.01), (wide, cushion, front - z - 0.02), colour)
        lean, thick = r.uniform(8, 14), 0.15
        high = min(h - seat + 0.02, 0.56) - 0.06
        p.box((x, seat + high / 2 - 0.01, z + 0.07 + 0.12 * high), (wide, high, thick), colour, pitch_deg=-lean)
    if d > 1.3:
        side = r.choice((-1, 1))
        wide = inside / count
        p.box(
            (side * (inside - wide) / 2, (low + seat) / 2, (front + d / 2) / 2 - 0.03),
            (wide - 0.014, seat - low, d / 2 - front + 0.06),
            colour,
        )
    for sign in (-1, 1):
        if r.random() < 0.6:  # a throw pillow, leaning in the corner
            side = min(0.4, h - seat - 0.02)
            at = (sign * (inside / 2 - 0.2), seat + 0.48 * side, z + 0.26)
            p.box(at, (0.38, 0.86 * side, 0.11), ACCENT, yaw_deg=-sign * r.uniform(8, 30), pitch_deg=-22)
    if low:
        for x in (-1, 1):
            for z_foot in (-d / 2 + 0.09, front - 0.09):
                p.box((x * (w / 2 - 0.1), low / 2 + 0.005, z_foot), (0.06, low + 0.01, 0.06), DARK)


def _arms(p: Parts, r: random.Random, arm: float, arm_top: float, low: float, front: float) -> None:
    """Boxes, rolls or thin boards at both ends."""
    w, d = p.width, p.depth
    style = r.choice(("box", "roll", "board"))
    deep = front + d / 2
    for sign in (-1, 1):
        x, z = sign * (w - arm) / 2, (front - d / 2) / 2
        if style == "roll":
            radius = 0.5 * arm
            p.box(
                (sign * (w / 2 - 0.55 * arm), (low + arm_top - radius) / 2, z),
                (0.8 * arm, arm_top - radius - low, deep - 0.01),
                MAIN,
            )
            p.lying((x, arm_top - radius, -d / 2 + 0.01), (x, arm_top - radius, front - 0.002), radius, colour=MAIN)
        else:
            p.box((x, (low + arm_top) / 2, z), (arm, arm_top - low, deep), MAIN)
            if style == "board":
                p.box((x, arm_top + 0.012, z), (arm, 0.03, deep - 0.02), DARK)
