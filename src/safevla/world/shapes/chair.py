"""Chair: a seat on legs, with a back of slats, spindles, a panel or a shell; or an office chair on a star of feet."""

import math
import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the seat."""
    w, h, d = size_m
    return min(0.5 * h, 0.56), -0.4 * w, 0.4 * w, -0.3 * d, 0.45 * d


def build(p: Parts, r: random.Random) -> None:
    r.choice((_wooden, _wooden, _wooden, _shell, _padded, _office))(p, r)


def _wooden(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    seat, leg, thick = stand(p.size)[0], r.uniform(0.032, 0.05), r.uniform(0.025, 0.045)
    lean = r.choice((0.0, r.uniform(0.05, 0.12))) * d
    back, is_round = -d / 2 + leg / 2 + lean, r.random() < 0.4
    for sign in (-1, 1):
        x = sign * (0.47 * w - leg / 2)
        front = (sign * (w - leg) / 2, 0.002, (d - leg) / 2), (x, seat - thick, d / 2 - 1.2 * leg)
        foot, bend, top = (x, 0, back), (x, seat, back), (x, h - 0.01, -d / 2 + leg / 2)
        for start, end in (front, (foot, bend), (bend, top)) if lean else (front, (foot, top)):
            if is_round:
                p.lying(start, end, leg / 2, colour=MAIN, textured=False)
            else:
                p.post(start, end, leg, MAIN)
    cushion = r.random() < 0.4
    p.box((0, seat - thick / 2 - 0.02 * cushion, leg / 4), (w, thick, d - leg), MAIN)
    if cushion:
        p.box((0, seat - 0.012, leg / 4 + 0.01), (0.9 * w, 0.024, 0.82 * d), SECOND)
    _back(p, r, seat, leg, back)


def _back(p: Parts, r: random.Random, seat: float, leg: float, back: float) -> None:
    """What stands between the posts of a wooden chair's back; `back`: z of the posts where they leave the seat."""
    w, h, d = p.size

    def z(y: float) -> float:
        return back + (-d / 2 + leg / 2 - back) * (y - seat) / (h - 0.01 - seat)

    wide, pitch = 0.94 * w - leg, -math.degrees(math.atan2(back + d / 2 - leg / 2, h - seat))
    style = r.choice(("slats", "spindles", "panel"))
    if style == "slats":
        count = r.choice((2, 3, 4))
        for i in range(count):
            y, high = seat + (h - seat) * (i + 0.8) / (count + 0.1), (h - seat) * r.uniform(0.4, 0.6) / (count + 0.1)
            p.box(
                (0, min(y, h - 0.01 - high / 2), z(y)),
                (wide, high, 0.5 * leg),
                SECOND if r.random() < 0.3 else MAIN,
                pitch_deg=pitch,
            )
        return
    p.box((0, h - 0.04, z(h - 0.04)), (wide + leg, 0.06, 0.7 * leg), MAIN, pitch_deg=pitch)
    if style == "spindles":
        count = r.choice((3, 4, 5))
        for i in range(count):
            x = ((i + 1) / (count + 1) - 0.5) * wide
            p.lying((x, seat, z(seat)), (x, h - 0.05, z(h - 0.05)), 0.3 * leg, colour=MAIN, textured=False)
    else:
        low = seat + r.uniform(0.1, 0.3) * (h - seat)
        y = (low + h - 0.05) / 2
        p.box((0, y, z(y)), (wide * r.choice((0.35, 0.9)), h - 0.05 - low, 0.5 * leg), SECOND, pitch_deg=pitch)


def _shell(p: Parts, r: random.Random) -> None:
    """A moulded seat that bends up into the back, on thin splayed legs."""
    w, h, d = p.size
    seat, leg, thick = stand(p.size)[0], r.uniform(0.025, 0.035), 0.03
    p.legs(seat - 0.02, leg, r.choice((DARK, SECOND)), is_round=True, splay=r.uniform(0.05, 0.1))
    back, knee, top = -0.26 * d, (0, seat + 0.08 * h, -0.38 * d), (0, h - 0.008, -d / 2 + 0.02)
    p.box((0, seat - thick / 2, (0.48 * d + back) / 2), (0.94 * w, thick, 0.48 * d - back), MAIN, textured=False)
    p.path([(0, seat - thick / 2, back), knee], thick, MAIN, 0.92 * w)
    wide = r.uniform(0.8, 0.9) * w
    half = [a + 0.62 * (b - a) for a, b in zip(knee, top, strict=True)]
    p.bar((0, knee[1] - 0.01, knee[2]), half, thick, MAIN, wide, textured=False)
    p.bar((0, half[1] - 0.01, half[2]), top, 0.98 * thick, MAIN, r.choice((0.76, 1.0)) * wide, textured=False)
    if r.random() < 0.5:
        p.box((0, seat + 0.004, 0.1 * d), (0.74 * w, 0.03, 0.6 * d), ACCENT)


def _padded(p: Parts, r: random.Random) -> None:
    """Upholstered, on four short straight legs."""
    w, h, d = p.size
    seat, leg = stand(p.size)[0], r.uniform(0.035, 0.05)
    thick, back = r.uniform(0.08, 0.13), r.uniform(0.07, 0.1)
    p.legs(seat - thick + 0.01, leg, DARK, inset=0.005)
    p.box((0, seat - thick / 2, 0.0), (w, thick, d - 0.01), MAIN)
    low = seat + r.choice((-0.02, 0.06))
    p.box((0, (low + h) / 2, -d / 2 + back / 2 + 0.02), (r.uniform(0.88, 1.0) * w, h - low, back), MAIN)
    p.box((0, low + 0.55 * (h - low), -d / 2 + back + 0.022), (0.7 * w, 0.6 * (h - low), 0.02), SECOND)
    if low > seat:
        for sign in (-1, 1):
            p.box((sign * 0.3 * w, seat + 0.03, -d / 2 + back / 2 + 0.02), (0.04, 0.1, 0.04), DARK)


def _office(p: Parts, r: random.Random) -> None:
    """A seat that turns on a column, over a star of five feet on castors."""
    w, h, d = p.size
    seat, thick = stand(p.size)[0], r.uniform(0.06, 0.09)
    for i in range(5):
        angle = math.radians(90 + 72 * i)
        x, z = math.cos(angle) * (w / 2 - 0.03), math.sin(angle) * (d / 2 - 0.03)
        p.bar((0, 0.1, 0), (x, 0.035, z), 0.05, DARK, 0.05)
    p.round((0, 0.06, 0), seat - thick - 0.06, 0.03, colour=SECOND, textured=False)
    p.box((0, seat - thick / 2, 0.02), (0.9 * w, thick, 0.86 * d), MAIN)
    low, z = seat + r.uniform(0.04, 0.14), -0.42 * d
    p.box((0, (low + h) / 2, z), (r.uniform(0.72, 0.9) * w, h - low, 0.06), MAIN)
    p.bar((0, seat - 0.06, -0.25 * d), (0, low + 0.08, max(z - 0.04, 0.03 - d / 2)), 0.03, DARK, 0.06)
    if r.random() < 0.6:
        for sign in (-1, 1):
            x = sign * (w / 2 - 0.03)
            p.box((x, seat + 0.2, 0.02), (0.05, 0.03, 0.5 * d), DARK)
            p.box((x, seat + 0.08, -0.02), (0.03, 0.24, 0.05), DARK)
