"""Bed: a frame, a mattress, a blanket over its foot, light pillows, and a headboard at its back."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def stand(size_m: tuple[float, float, float]) -> tuple[float, float, float, float, float]:
    """On the blanket, in front of the pillows."""
    w, h, d = size_m
    return min(0.75 * h, 0.6), -0.44 * w, 0.44 * w, -0.5 * d + 0.55, 0.5 * d - 0.08


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    top = stand(p.size)[0]
    head = min(r.uniform(0.04, 0.09), 0.05 * d)  # how thick its ends are, metres
    foot = r.choice((0.0, 0.05))
    back, front = -d / 2 + head, d / 2 - foot - 0.01
    soft = min(r.uniform(0.16, 0.24), 0.5 * top)  # the mattress
    middle, length = (back + front) / 2, front - back
    low = 0.0 if r.random() < 0.4 else min(0.14, 0.3 * top)
    frame = top - soft
    p.box((0, (low + frame) / 2, middle), (0.98 * w, frame - low + 0.004, length), MAIN)
    p.box((0, top - soft / 2 - 0.012, middle), (0.92 * w, soft, length - 0.02), LIGHT)
    _blanket(p, r, top, soft, front, length)
    _pillows(p, r, top, back)
    if low:
        thick = r.uniform(0.05, 0.09)
        for x in (-1, 1):
            p.box((x * (0.48 * w - thick / 2), low / 2 + 0.005, front - thick), (thick, low + 0.01, thick), DARK)
    if foot:
        high = r.choice((0.9, 1.15)) * top if 1.15 * top < h else 0.8 * top
        p.box((0, high / 2, d / 2 - foot / 2), (w, high, foot), MAIN)
    posts = (_poster,) if h > 1.4 else (_panel, _panel, _slats, _padded)
    r.choice(posts)(p, r, top, head)


def _blanket(p: Parts, r: random.Random, top: float, soft: float, front: float, length: float) -> None:
    """A blanket that hangs over the sides, with its edge turned back."""
    reach, hang = r.uniform(0.55, 0.72) * length, r.uniform(0.5, 0.95) * soft
    w = p.width
    p.box((0, top - hang / 2, front - reach / 2 + 0.004), (0.97 * w, hang, reach), SECOND)
    if r.random() < 0.6:  # its edge turned back, or a throw across the foot
        turned_back = r.random() < 0.6
        at, wide = (front - reach, 0.16) if turned_back else (front - 0.25 * reach, 0.26 * reach)
        p.box(
            (0, top - 0.45 * hang, at), (0.98 * w, 0.95 * hang, wide), LIGHT if turned_back else ACCENT, textured=not turned_back
        )


def _pillows(p: Parts, r: random.Random, top: float, back: float) -> None:
    w = p.width
    count = 1 if w < 1.15 else 2
    wide = min(0.8 / count * w, 0.75)
    deep, high = r.uniform(0.36, 0.46), min(r.uniform(0.14, 0.2), 1.1 * (p.height - top) + 0.01)
    for i in range(count):
        x = (i - (count - 1) / 2) * 0.46 * w
        at = (x, top + 0.4 * high - 0.012, back + 0.5 * deep + 0.02)
        p.ball(at, (wide, high, deep), LIGHT)
        p.box((x, at[1] - 0.04 * high, at[2]), (0.78 * wide, 0.5 * high, 0.78 * deep), LIGHT)
    if r.random() < 0.35:
        p.ball(
            (0, top + min(0.1, 0.4 * (p.height - top)), back + deep + 0.12),
            (0.42, min(0.24, 0.9 * (p.height - top)), 0.16),
            ACCENT,
            pitch_deg=-20,
        )


def _panel(p: Parts, r: random.Random, top: float, head: float) -> None:
    w, h, d = p.size
    p.box((0, h / 2, -d / 2 + head / 2), (w, h, head), MAIN)
    if h - top > 0.2 and r.random() < 0.6:
        for sign in (-1, 1):
            at = (sign * 0.24 * w, (h + top) / 2, -d / 2 + head)
            p.box(at, (0.42 * w, 0.7 * (h - top), 0.02), SECOND)


def _slats(p: Parts, r: random.Random, top: float, head: float) -> None:
    w, h, d = p.size
    z, thick = -d / 2 + head / 2, max(0.04, 0.8 * head)
    for sign in (-1, 1):
        p.box((sign * (w / 2 - thick / 2), h / 2, z), (thick, h, thick), MAIN)
    p.box((0, h - 0.05, z), (w, 0.08, head), MAIN)
    count = r.choice((3, 5, 7))
    for i in range(count):
        x = ((i + 1) / (count + 1) - 0.5) * w
        p.box((x, (h + 0.8 * top) / 2, z), (r.choice((0.025, 0.05)), h - 0.8 * top - 0.03, 0.025), MAIN, textured=False)


def _padded(p: Parts, r: random.Random, top: float, head: float) -> None:
    """Upright cushions side by side."""
    w, h, d = p.size
    p.box((0, 0.45 * h, -d / 2 + 0.3 * head), (w, 0.9 * h, 0.6 * head), MAIN)
    count = r.choice((2, 3, 4))
    for i in range(count):
        x = ((i + 0.5) / count - 0.5) * w
        p.box((x, (h + 0.9 * top) / 2, -d / 2 + 0.5 * head), (w / count - 0.015, h - 0.9 * top, head), SECOND)


def _poster(p: Parts, r: random.Random, top: float, head: float) -> None:
    """Four posts to the height of its box, with rails between them."""
    w, h, d = p.size
    post = r.uniform(0.05, 0.08)
    for x in (-1, 1):
        for z in (-1, 1):
            p.box((x * (w - post) / 2, h / 2, z * (d - post) / 2), (post, h, post), MAIN, textured=False)
        p.box((x * (w - post) / 2, h - post / 2 - 0.002, 0), (0.8 * post, 0.8 * post, d - post), MAIN, textured=False)
    for z in (-1, 1):
        p.box((0, h - post / 2 - 0.002, z * (d - post) / 2), (w - post, 0.8 * post, 0.8 * post), MAIN, textured=False)
    p.box((0, (0.3 * top + 1.7 * top) / 2, -(d - post) / 2), (w - post, 1.4 * top, 0.5 * post), MAIN)
