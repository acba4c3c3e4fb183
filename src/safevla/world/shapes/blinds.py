"""Blinds: slats one above the other under a rail."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    rail = max(0.12 * h, 0.02)
    p.box((0, h - rail / 2, 0), (w, rail, d), MAIN)
    count = min(max(round(h / 0.035), 4), 14)
    tilt = r.uniform(20, 60)
    for i in range(count):
        y = (h - rail) * (i + 0.5) / count
        p.box((0, y, 0), (0.985 * w, 0.006, 0.85 * d), MAIN if i % 2 else SECOND, pitch_deg=tilt)
    p.box((0, 0.006, 0), (0.985 * w, 0.012, 0.7 * d), DARK)
    for x in (-0.35, 0.35):
        p.box((x * w, (h - rail) / 2, 0.32 * d), (0.008, h - rail, 0.004), ACCENT)
