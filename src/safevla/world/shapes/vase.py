"""Vase: turned on a wheel: a belly, a neck and a lip, with a dark mouth; some have two handles."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts

# (height, radius) as shares of the whole, from below
_TALL = (
    ((0, 0.46), (0.08, 0.6), (0.24, 0.92), (0.4, 1.0), (0.56, 0.86), (0.72, 0.44), (0.88, 0.32), (1, 0.52)),  # a belly low
    ((0, 0.42), (0.25, 0.62), (0.5, 0.92), (0.64, 1.0), (0.76, 0.84), (0.86, 0.42), (0.93, 0.4), (1, 0.56)),  # shoulders high
    ((0, 0.6), (0.05, 0.56), (0.16, 0.26), (0.4, 0.7), (0.6, 1.0), (0.76, 0.86), (0.9, 0.44), (1, 0.6)),  # an urn on a foot
    ((0, 0.62), (0.2, 1.0), (0.36, 0.92), (0.54, 0.46), (0.74, 0.32), (0.9, 0.44), (1, 0.76)),  # a trumpet over a bulb
    ((0, 0.5), (0.18, 0.86), (0.4, 1.0), (0.62, 0.88), (0.78, 0.5), (0.9, 0.44), (1, 0.5)),  # a ball
    ((0, 0.7), (0.5, 0.94), (0.62, 1.0), (0.74, 0.86), (0.84, 0.36), (1, 0.32)),  # a flask
)
_LOW = (
    ((0, 0.5), (0.3, 0.92), (0.5, 1.0), (0.72, 0.84), (0.86, 0.46), (1, 0.5)),
    ((0, 0.56), (0.45, 1.0), (0.6, 0.96), (0.82, 0.42), (1, 0.36)),
    ((0, 0.62), (0.16, 0.96), (0.3, 1.0), (0.46, 0.7), (0.56, 0.24), (0.9, 0.2), (1, 0.34)),  # a long neck
    ((0, 0.4), (0.14, 0.32), (0.4, 0.9), (0.55, 1.0), (0.75, 0.86), (0.9, 0.58), (1, 0.66)),  # on a foot
    ((0, 0.86), (0.12, 1.0), (0.5, 0.94), (0.7, 0.7), (0.84, 0.4), (1, 0.4)),
)


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    shape = r.choice(_TALL if h > 0.75 * w else _LOW)
    has_handles = r.random() < (0.4 if h > 0.9 * w else 0.2)
    radius = (0.41 if has_handles else 0.5) * w
    flat, edge = min(d / 2, 1.06 * radius) / radius if has_handles else d / w, h - 0.003
    stretch = r.uniform(0.8, 1.3)
    profile = [(edge * share**stretch, radius * size) for share, size in shape]
    p.lathe(profile, MAIN, flat=flat)
    mouth = profile[-1][1]
    p.round((0, edge - 0.004, 0), 0.007, 0.8 * mouth, colour=DARK, flat=flat)
    high, wide = max(profile, key=lambda point: point[1])
    if r.random() < 0.55:  # a ring around its widest part
        size = r.uniform(0.03, 0.08) * h
        p.round(
            (0, high - size / 2, 0),
            size,
            min(1.015 * wide, 0.508 * w),
            colour=r.choice((SECOND, ACCENT)),
            textured=False,
            flat=flat,
        )
    if has_handles:
        for sign in (-1, 1):
            out, neck = sign * 0.46 * w, sign * 0.7 * mouth
            points = [(neck, 0.9 * h, 0), (out, 0.88 * h, 0), (out, high + 0.1 * h, 0), (sign * 0.8 * radius, high, 0)]
            p.path(points, 0.06 * w, r.choice((MAIN, SECOND)))
