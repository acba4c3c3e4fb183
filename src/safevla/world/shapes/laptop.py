"""Laptop: a flat base with a dark keyboard, and a screen that leans back from its hinge."""

import math
import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    base, thin = r.uniform(0.014, 0.022), r.uniform(0.009, 0.014)
    lean = min(r.uniform(8, 24), math.degrees(math.atan2(0.3 * d, h)))
    away = h * math.tan(math.radians(lean))  # how far the screen's upper edge lies behind the hinge
    hinge = -d / 2 + away + 0.008
    length = d / 2 - hinge
    p.box((0, base / 2, (d / 2 + hinge) / 2), (w, base, length), MAIN)
    deck, keys = base + 0.001, r.uniform(0.46, 0.54) * length
    at = hinge + 0.14 * length + keys / 2
    p.box((0, deck, at), (r.uniform(0.84, 0.92) * w, 0.006, keys), DARK)
    if r.random() < 0.6:  # rows of keys
        for i in range(3):
            p.box((0, deck + 0.001, at + (i - 1) * 0.3 * keys), (0.8 * w, 0.008, 0.17 * keys), SECOND)
    p.box((0, deck, d / 2 - 0.16 * length), (r.uniform(0.26, 0.36) * w, 0.005, 0.22 * length), SECOND)
    _screen(p, r, base, thin, lean, hinge)


def _screen(p: Parts, r: random.Random, base: float, thin: float, lean: float, hinge: float) -> None:
    w, h, _ = p.size
    high = (h - 0.6 * base) / math.cos(math.radians(lean)) - 0.004
    sine, cosine = math.sin(math.radians(lean)), math.cos(math.radians(lean))

    def at(along: float, ahead: float) -> tuple[float, float, float]:
        """A point so far along the screen from the hinge, and so far in front of its middle plane."""
        return 0.0, 0.6 * base + along * cosine + ahead * sine, hinge - along * sine + ahead * cosine

    p.box(at(high / 2, 0), (w, high, thin), MAIN, pitch_deg=-lean)
    edge = r.uniform(0.03, 0.06) * w
    shown = (w - 2 * edge, high - 2.2 * edge - 0.4 * base)
    p.box(at(high / 2 + 0.3 * base, thin / 2), (*shown, 0.005), DARK, pitch_deg=-lean)
    p.ball(at(0.55 * high, -thin / 2), (0.14 * w, 0.14 * w, 0.004), r.choice((LIGHT, ACCENT)), pitch_deg=-lean)
    if r.random() < 0.35:  # a window on the screen
        p.box(at(0.5 * high, thin / 2 + 0.001), (0.5 * w, 0.4 * high, 0.006), r.choice((LIGHT, ACCENT)), pitch_deg=-lean)
