"""Armchair: a deep seat for one: a club chair, a wing chair, a tub, or cushions in a wooden frame."""

import math
import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the seat, between the arms, in front of a throw pillow."""
    w, h, d = size_m
    return min(0.5 * h, 0.5), -0.27 * w, 0.27 * w, -0.05 * d, 0.34 * d


def build(p: Parts, r: random.Random) -> None:
    r.choice((_club, _club, _wing, _tub, _frame))(p, r)
    if r.random() < 0.4:
        seat, w = stand(p.size)[0], p.width
        high = min(0.34, p.height - seat)
        at = (r.uniform(-0.06, 0.06) * w, seat + 0.48 * high, -0.17 * p.depth)
        p.box(at, (min(0.36, 0.5 * w), high, 0.1), ACCENT, pitch_deg=-18, yaw_deg=r.uniform(-15, 15))


def _seat(p: Parts, r: random.Random, inside: float, low: float, back: float) -> None:
    """The base with the cushion on it; `inside`: the width between the arms, `back`: how thick the back is."""
    w, _, d = p.size
    seat, cushion = stand(p.size)[0], r.uniform(0.12, 0.17)
    p.box((0, (low + seat - cushion) / 2, 0.02), (w - 0.06, seat - cushion - low + 0.01, d - 0.06), MAIN)
    p.box((0, seat - cushion / 2, back / 2 - 0.005), (inside - 0.012, cushion, d - back - 0.01), r.choice((MAIN, SECOND, SECOND)))


def _feet(p: Parts, low: float) -> None:
    for sign in (-1, 1) if low else ():
        p.box((sign * (p.width / 2 - 0.07), low / 2 + 0.005, 0), (0.06, low + 0.01, p.depth - 0.1), DARK)


def _club(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    seat, low = stand(p.size)[0], r.choice((0.0, 0.07, 0.12))
    arm, back = r.uniform(0.14, 0.2) * w, r.uniform(0.16, 0.22) * d
    top, is_rolled = min(r.uniform(1.25, 1.5) * seat, 0.85 * h), r.random() < 0.5
    _seat(p, r, w - 2 * arm, low, back)
    _feet(p, low)
    p.box((0, (low + h) / 2, (back - d) / 2), (w - 0.3 * arm, h - low, back), MAIN)
    p.box((0, (seat + h) / 2 - 0.03, back - d / 2), (w - 2 * arm - 0.02, h - seat - 0.08, 0.1), SECOND, pitch_deg=-6)
    for sign in (-1, 1):
        x = sign * (w - arm) / 2
        high = top - 0.5 * arm if is_rolled else top
        p.box((x, (low + high) / 2, 0.005), (0.86 * arm if is_rolled else arm, high - low, d - 0.01), MAIN)
        if is_rolled:
            p.lying((x, high, -d / 2 + 0.02), (x, high, d / 2), arm / 2, colour=MAIN)


def _wing(p: Parts, r: random.Random) -> None:
    """A high back with a wing at either side, on thin legs."""
    w, h, d = p.size
    seat, low, arm, back = stand(p.size)[0], r.uniform(0.12, 0.18), 0.13 * w, 0.17 * d
    _seat(p, r, w - 2 * arm, low, back)
    p.legs(low + 0.01, 0.05, DARK, inset=0.03, is_round=True)
    p.box((0, (low + h) / 2, (back - d) / 2), (w - arm, h - low, back), MAIN)
    for sign in (-1, 1):
        x = sign * (w - arm) / 2
        p.box((x, (low + 1.35 * seat) / 2, 0.005), (arm, 1.35 * seat - low, d - 0.01), MAIN)
        p.box((x, (1.3 * seat + 0.97 * h) / 2, -0.32 * d), (0.8 * arm, 0.97 * h - 1.3 * seat, 0.34 * d), MAIN)


def _tub(p: Parts, r: random.Random) -> None:
    """A round shell of upright staves about a round seat, lower towards the front."""
    w, h, d = p.size
    seat, low = stand(p.size)[0], r.choice((0.04, 0.1))
    p.round((0, low, 0), seat - 0.12 - low, 0.46 * w, colour=MAIN, flat=d / w)
    p.round((0, seat - 0.13, 0.02 * d), 0.13, 0.43 * w, colour=r.choice((MAIN, SECOND)), flat=d / w)
    if low > 0.05:
        p.legs(low + 0.01, 0.05, DARK, inset=0.14 * min(w, d))
    front = min(max(1.25 * seat, r.uniform(0.74, 0.9) * h), 0.95 * h)
    for i in range(-3, 4):
        angle = 36 * i
        x, z = math.sin(math.radians(angle)) * 0.43 * w, -math.cos(math.radians(angle)) * 0.43 * d
        top = h + (front - h) * (abs(i) / 3) ** 1.5
        turned = math.degrees(math.atan2(x / w**2, -z / d**2))
        wide = 0.33 * math.hypot(w * math.cos(math.radians(angle)), d * math.sin(math.radians(angle)))
        p.box((x, (low + top) / 2, z), (wide, top - low, 0.09 * min(w, d)), MAIN, yaw_deg=-turned)


def _frame(p: Parts, r: random.Random) -> None:
    """Cushions for seat and back in a frame of wood that one sees through."""
    w, h, d = p.size
    seat, post, cushion = stand(p.size)[0], r.uniform(0.045, 0.07), 0.13
    arm = min(r.uniform(1.35, 1.5) * seat, 0.8 * h)
    for sign in (-1, 1):
        x = sign * (w - post) / 2
        for z in (-0.36 * d, (d - post) / 2 - 0.01):
            p.box((x, arm / 2, z), (post, arm, post), DARK)
        p.box((x, arm, 0.02), (1.2 * post if w > 0.7 else post, 0.035, d - 0.05), DARK)
        p.box((x, seat - cushion - 0.02, 0), (0.8 * post, 0.05, 0.8 * d), DARK)
    inside = w - 2 * post
    p.box((0, seat - cushion - 0.01, 0.04 * d), (inside + post, 0.04, 0.84 * d), DARK)
    p.box((0, seat - cushion / 2, 0.06 * d), (inside - 0.01, cushion, 0.86 * d), MAIN)
    low = seat - 0.02
    p.bar((0, low, -0.3 * d), (0, h - 0.03, -d / 2 + 0.07), 0.12, MAIN, inside - 0.01)
    p.bar((0, low - 0.1, -0.3 * d - 0.08), (0, 0.9 * h, -d / 2 + 0.02), 0.025, DARK, 0.8 * inside)
