"""Alarm clock: a digital one, a drum with two bells, a cube with a dial, or a round dial on a foot."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    r.choice((_digital, _digital, _bells, _bells, _cube, _round))(p, r)


def _digital(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    body, front = r.uniform(0.84, 0.9) * h, d / 2 - 0.006
    p.box((0, body / 2, -0.003), (w, body, d - 0.006), MAIN, textured=r.random() < 0.5)
    wide, high = r.uniform(0.8, 0.88) * w, r.uniform(0.56, 0.7) * body
    middle = r.uniform(0.5, 0.56) * body
    p.box((0, middle, front), (wide, high, 0.006), DARK)
    digit, colour = (0.14 * wide, 0.62 * high), r.choice((LIGHT, ACCENT))
    for at in (-0.35, -0.15, 0.15, 0.35):
        narrow = 0.4 if at == -0.35 and r.random() < 0.6 else 1.0
        p.box((at * wide, middle, front + 0.002), (narrow * digit[0], digit[1], 0.008), colour, textured=False)
    for at in (-0.16, 0.16):
        p.box((0, middle + at * high, front + 0.002), (0.045 * wide, 0.1 * high, 0.008), colour, textured=False)
    buttons = r.choice((1, 2, 3))
    for i in range(buttons):
        x = (i - (buttons - 1) / 2) * 0.7 * w / buttons
        p.box((x, (body + h) / 2 - 0.002, -0.05 * d), (0.55 * w / buttons, h - body + 0.004, 0.4 * d), SECOND, textured=False)


def _dial(p: Parts, r: random.Random, middle: float, wide: float, high: float, front: float) -> None:
    """A light dial with hands, and marks at the quarters; `front`: where its glass is."""
    flat = high / wide
    p.lying((0, middle, front - 0.012), (0, middle, front - 0.004), wide / 2, colour=LIGHT, flat=flat)
    for x, y in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        at = (0.4 * x * wide, middle + 0.4 * y * high, front - 0.004)
        p.box(at, (0.05 * wide if x == 0 else 0.1 * wide, 0.1 * high if x == 0 else 0.05 * high, 0.005), DARK)
    hour, minute = r.uniform(-0.9, 0.9), r.choice((-1, 1)) * r.uniform(0.4, 1.0)
    p.bar(
        (0, middle, front - 0.002), (0.22 * wide * (hour + 0.001), middle + 0.24 * high, front - 0.002), 0.07 * wide, DARK, 0.003
    )
    tip = (0.36 * wide * minute, middle + 0.12 * high, front - 0.0015)
    p.bar((0, middle, front - 0.0015), tip, 0.05 * wide, DARK, 0.003)


def _bells(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, wide, high = 0.1 * h, 0.84 * w, 0.66 * h
    middle, bell = foot + 0.5 * high - 0.01 * h, min(r.uniform(0.36, 0.42) * w, 0.5 * h)
    p.lying((0, middle, -d / 2), (0, middle, d / 2 - 0.008), wide / 2, colour=MAIN, flat=high / wide)
    _dial(p, r, middle, 0.84 * wide, 0.84 * high, d / 2)
    for sign in (-1, 1):
        at = (sign * (w / 2 - 0.49 * bell), 0.77 * h, 0)
        p.ball(at, (bell, 0.26 * h, min(bell, 0.9 * d)), ACCENT, bottom=-0.2, roll_deg=-sign * r.uniform(18, 30))
        p.lying((sign * 0.45 * w, 0.025 * w, 0), (sign * 0.25 * w, 0.3 * h, 0), 0.03 * w, 0.045 * w, colour=DARK)
    if r.random() < 0.7:
        p.path([(-0.2 * w, 0.86 * h, 0), (-0.1 * w, 0.97 * h, 0), (0.1 * w, 0.97 * h, 0), (0.2 * w, 0.86 * h, 0)], 0.05 * h, DARK)
    else:
        p.round((0, 0.7 * h, 0), 0.3 * h, 0.03 * w, colour=DARK)
        p.box((0, 0.95 * h, 0), (0.22 * w, 0.1 * h, 0.1 * w), SECOND, textured=False)


def _cube(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, body = 0.06 * h, r.uniform(0.84, 0.9) * h
    p.box((0, foot + (body - foot) / 2, -0.004), (w, body - foot, d - 0.008), MAIN)
    for sign in (-1, 1):
        p.box((sign * 0.36 * w, foot / 2 + 0.002, 0), (0.14 * w, foot + 0.004, 0.7 * d), DARK)
    _dial(p, r, (foot + body) / 2, 0.8 * w, 0.84 * (body - foot), d / 2)
    p.round((0, body - 0.002, 0), h - body + 0.002, min(0.2 * w, 0.4 * d), colour=ACCENT)


def _round(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, thick = r.uniform(0.08, 0.14) * h, r.uniform(0.45, 0.7) * d
    middle, high, front = (h + 0.7 * foot) / 2, h - 0.7 * foot, d / 2 - 0.1 * d
    p.lying((0, middle, front - thick), (0, middle, front - 0.008), w / 2, colour=MAIN, flat=high / w)
    _dial(p, r, middle, 0.82 * w, 0.82 * high, front)
    p.box((0, foot / 2, 0), (r.uniform(0.55, 0.8) * w, foot, d), SECOND, textured=False)
