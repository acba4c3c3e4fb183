"""Television: a wide dark screen in a thin frame, on two feet, a plate or a bow, or for the wall."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    hangs = d < 0.16  # on a wall
    low, thick = 0.0 if hangs else r.uniform(0.08, 0.14) * h, min(r.uniform(0.04, 0.07), 0.6 * d)
    z = d / 2 - thick / 2 - 0.006 if hangs else r.uniform(-0.1, 0.05) * d
    p.box((0, (low + h) / 2, z), (w, h - low, thick), MAIN)
    frame = r.choice((0.015, 0.025, 0.045))
    chin, front = frame + r.choice((0.0, 0.02, 0.05)), z + thick / 2
    screen = (w - 2 * frame, h - low - frame - chin)
    p.box((0, low + chin + screen[1] / 2, front), (*screen, 0.008), DARK)
    lamp = (r.choice((-0.42, 0, 0.42)) * w, low + chin / 2, front + 0.001)
    p.box(lamp, (0.05, 0.35 * chin, 0.01), r.choice((LIGHT, ACCENT)))
    behind = z - thick / 2
    deep = behind + d / 2 if hangs else 0.14 * d
    p.box((0, low + 0.42 * (h - low), behind - deep / 2 + 0.002), (0.5 * w, 0.45 * (h - low), deep), DARK)
    if not hangs:
        _foot(p, r, low, z)


def _foot(p: Parts, r: random.Random, low: float, z: float) -> None:
    """Two feet, or a neck on a plate, a disc or a bow."""
    w, _, d = p.size
    style = r.choice(("feet", "plate", "bow", "round"))
    if style == "feet":
        x = r.uniform(0.3, 0.42) * w
        for sign in (-1, 1):
            for end in (-1, 1):
                p.bar((sign * x, low + 0.02, z), (sign * (x + 0.02), 0.012, end * (d / 2 - 0.012)), 0.024, SECOND, 0.03)
        return
    neck = r.uniform(0.1, 0.3) * w
    p.box((0, (low + 0.03) / 2, z), (neck, low + 0.03, 0.04), SECOND)
    wide = r.uniform(0.36, 0.6) * w
    if style == "plate":
        p.box((0, 0.009, 0), (wide, 0.018, d), SECOND)
    elif style == "round":
        p.round((0, 0, 0), 0.018, wide / 2, colour=SECOND, flat=d / wide)
    else:
        for sign in (-1, 1):
            p.bar((sign * wide / 2, 0.01, d / 2 - 0.02), (sign * 0.08 * w, 0.01, -d / 2 + 0.02), 0.02, SECOND, 0.04)
        p.box((0, 0.01, d / 2 - 0.02), (wide, 0.02, 0.04), SECOND)
