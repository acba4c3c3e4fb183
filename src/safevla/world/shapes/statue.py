"""Statue: on a plinth: a bust or a figure where it is tall, an animal or an open hand where it is wide."""

import random

from safevla.world.parts import DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    plinth = r.uniform(0.08, 0.14) * h
    p.box((0, plinth / 2, 0), (w, plinth, d), r.choice((SECOND, DARK)))
    if w > 1.1 * h:
        (_hand if h < 0.5 * w else r.choice((_dog, _dog, _dog, _hand)))(p, r, plinth)
    else:
        r.choice((_figure, _figure, _bust, _obelisk) if h > 2.2 * w else (_figure, _bust, _bust))(p, r, plinth)


def _figure(p: Parts, r: random.Random, low: float) -> None:
    """A person who stands, one arm raised perhaps."""
    w, h, d = p.size
    tall = h - low
    hip, neck, head = low + 0.42 * tall, low + 0.78 * tall, 0.2 * tall
    wide, deep = min(0.3 * w, 0.16 * tall), min(0.3 * d, 0.12 * tall)
    if r.random() < 0.5:
        for sign in (-1, 1):
            p.lying((sign * 0.6 * wide, low, 0), (sign * 0.45 * wide, hip, 0), 0.4 * wide, 0.5 * wide, MAIN)
    else:  # a robe
        p.round((0, low, 0), hip - low + 0.02 * h, 1.25 * wide, 0.8 * wide, MAIN, flat=min(1.0, 0.9 * d / (2.5 * wide)))
    p.round((0, hip, 0), neck - hip, 0.8 * wide, 1.05 * wide, MAIN, flat=deep / wide)
    size = min(head, 0.5 * w)
    p.ball((0, h - 0.5 * head, 0), (0.78 * size, head, 0.82 * size), MAIN)
    for sign in (-1, 1):
        up = r.random() < 0.4
        hand = (sign * (w / 2 - 0.25 * wide), (neck + 0.1 * tall) if up else hip + 0.02 * tall, 0.1 * d)
        p.lying((sign * 0.9 * wide, neck - 0.05 * tall, 0), hand, 0.3 * wide, 0.2 * wide, MAIN)


def _bust(p: Parts, r: random.Random, low: float) -> None:
    w, h, d = p.size
    tall = h - low
    p.round((0, low, 0), 0.16 * tall, 0.22 * w, 0.16 * w, MAIN)
    p.ball((0, low + 0.36 * tall, 0), (0.96 * w, 0.5 * tall, 0.6 * d), MAIN, bottom=-0.8, top=0.6)
    p.round((0, low + 0.4 * tall, 0), 0.24 * tall, 0.15 * w, colour=MAIN)
    p.ball((0, h - 0.24 * tall, 0.02 * d), (0.46 * w, 0.48 * tall, 0.56 * d), MAIN)
    p.box((0, h - 0.27 * tall, 0.28 * d), (0.07 * w, 0.12 * tall, 0.1 * d), MAIN, textured=False)
    if r.random() < 0.6:
        p.ball((0, h - 0.2 * tall, -0.06 * d), (0.52 * w, 0.4 * tall, 0.56 * d), SECOND, textured=False)
    for sign in (-1, 1):
        p.ball((sign * 0.1 * w, h - 0.22 * tall, 0.26 * d), (0.07 * w, 0.04 * tall, 0.06 * d), DARK)


def _obelisk(p: Parts, r: random.Random, low: float) -> None:
    """Stones on each other."""
    w, h, d = p.size
    count = r.choice((3, 4, 5))
    for i in range(count):
        size, high = 0.95 - 0.5 * i / (count - 1), (h - low) / count
        at = (r.uniform(-0.03, 0.03) * w, low + (i + 0.5) * high, r.uniform(-0.03, 0.03) * d)
        p.ball(at, (size * w, 1.1 * high if i < count - 1 else high, size * d), MAIN if i % 2 == 0 else SECOND)


def _dog(p: Parts, r: random.Random, low: float) -> None:
    w, h, d = p.size
    side, tall = r.choice((-1, 1)), h - low
    wide = min(d, 0.8 * tall)
    for x in (-0.28, 0.22):
        for z in (-0.18, 0.18):
            p.round((side * x * w, low, z * wide), 0.5 * tall, 0.045 * w, 0.06 * w, MAIN)
    p.leaf((-side * 0.38 * w, low + 0.5 * tall, 0), (side * 0.34 * w, low + 0.54 * tall, 0), 0.6 * wide, 0.36 * tall, MAIN)
    p.lying((side * 0.2 * w, low + 0.5 * tall, 0), (side * 0.33 * w, low + 0.78 * tall, 0), 0.2 * wide, 0.16 * wide, MAIN)
    p.ball((side * 0.33 * w, low + 0.82 * tall, 0), (0.2 * w, 0.3 * tall, 0.46 * wide), MAIN)
    p.lying((side * 0.36 * w, low + 0.78 * tall, 0), (side * 0.49 * w, low + 0.74 * tall, 0), 0.13 * wide, 0.09 * wide, MAIN)
    for z in (-1, 1):
        p.leaf(
            (side * 0.28 * w, low + 0.82 * tall, z * 0.18 * wide), (side * 0.25 * w, h, z * 0.22 * wide), 0.08 * w, 0.05 * w, DARK
        )
    p.lying((-side * 0.34 * w, low + 0.56 * tall, 0), (-side * 0.47 * w, low + 0.86 * tall, 0), 0.06 * wide, 0.03 * wide, MAIN)


def _hand(p: Parts, r: random.Random, low: float) -> None:
    """An open hand, its palm up."""
    w, h, d = p.size
    side, tall = r.choice((-1, 1)), h - low
    p.ball((-side * 0.1 * w, low + 0.4 * tall, 0), (0.46 * w, 0.6 * tall, 0.8 * d), MAIN)
    p.lying((-side * 0.46 * w, low + 0.3 * tall, 0), (-side * 0.2 * w, low + 0.4 * tall, 0), 0.2 * d, 0.24 * d, MAIN)
    for i in range(4):
        z = (i - 1.5) * 0.24 * d
        end = 0.47 if i in (1, 2) else 0.42
        knuckle = (side * 0.26 * w, low + 0.5 * tall, z)
        p.lying((side * 0.02 * w, low + 0.4 * tall, 0.8 * z), knuckle, 0.11 * d, 0.09 * d, MAIN)
        p.lying(knuckle, (side * end * w, h - 0.12 * d, 1.05 * z), 0.09 * d, 0.07 * d, MAIN)
    thumb = r.choice((-1, 1))
    p.lying(
        (-side * 0.14 * w, low + 0.4 * tall, thumb * 0.26 * d),
        (side * 0.06 * w, low + 0.8 * tall, thumb * 0.4 * d),
        0.12 * d,
        0.08 * d,
        MAIN,
    )
