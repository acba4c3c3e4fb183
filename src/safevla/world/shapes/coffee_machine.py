"""Coffee machine: a column at its back, a head over a glass jug on a plate, or an espresso machine with a handle and cups."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    r.choice((_filter, _filter, _espresso))(p, r)


def _filter(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    back, head, foot = r.uniform(0.28, 0.36) * d, r.uniform(0.28, 0.36) * h, 0.1 * h
    p.box((0, h / 2, -d / 2 + back / 2), (w, h, back), MAIN)
    p.box((0, h - head / 2 - 0.002, 0.01), (0.98 * w, head, d - 0.02), r.choice((MAIN, SECOND)))
    p.box((0, foot / 2, 0), (0.99 * w, foot, d), MAIN)
    z, radius = 0.15 * d, 0.31 * min(w, d)
    p.round((0, foot - 0.002, z), 0.012, 1.06 * radius, colour=DARK)
    room = h - head - foot
    p.lathe([(foot + 0.01, 0.9 * radius), (foot + 0.4 * room, radius), (foot + 0.78 * room, 0.7 * radius)], DARK, at=(0, z))
    p.round((0, foot + 0.78 * room, z), 0.1 * room, 0.74 * radius, colour=ACCENT)
    side = r.choice((-1, 1))
    x = side * (radius + 0.12 * radius)
    p.path(
        [
            (0.7 * x, foot + 0.7 * room, z),
            (1.3 * x, foot + 0.66 * room, z),
            (1.3 * x, foot + 0.25 * room, z),
            (0.85 * x, foot + 0.2 * room, z),
        ],
        0.02,
        ACCENT,
    )
    p.box((0, h - 0.5 * head, d / 2 - 0.01), (0.4 * w, 0.4 * head, 0.012), DARK)
    p.box((0.3 * w, h - 0.5 * head, d / 2 - 0.008), (0.08 * w, 0.08 * w, 0.012), LIGHT)


def _espresso(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    foot, head = 0.16 * h, r.uniform(0.3, 0.38) * h
    top = h - 0.1 * h
    p.box((0, foot / 2, 0), (w, foot, d), SECOND)
    p.box((0, foot, 0.14 * d), (0.86 * w, 0.012, 0.6 * d), DARK)
    p.box((0, (foot + top) / 2, -0.28 * d), (w, top - foot, 0.44 * d), MAIN)
    p.box((0, top - head / 2, -0.03 * d), (0.98 * w, head, 0.84 * d), MAIN)
    p.lying((0, top - head - 0.04 * h, 0.12 * d), (0, top - head - 0.05 * h, d / 2), 0.035 * h, colour=DARK)
    p.round((0, top - head - 0.08 * h, 0.12 * d), 0.1 * h, 0.13 * w, colour=LIGHT)
    p.round((0, foot, 0.14 * d), 0.16 * h, 0.07 * w, 0.1 * w, ACCENT, DARK)
    for x in (-0.3, 0.3):
        p.lying((x * w, top - 0.5 * head, 0.38 * d), (x * w, top - 0.5 * head, 0.43 * d), 0.07 * w, colour=ACCENT)
    for x in (-0.25, 0.02, 0.29):
        p.round((x * w, top - 0.002, -0.2 * d), h - top, 0.08 * w, 0.11 * w, LIGHT, DARK)
