"""Knife: on its edge, a light blade that tapers to a point, and a dark handle with rivets."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    grip = r.uniform(0.34, 0.42) * d
    split, blade = -d / 2 + grip, max(0.3 * w, 0.0025)
    handle, tip = r.choice((DARK, MAIN)), r.uniform(0.2, 0.4) * (d - grip)
    low = r.uniform(0.4, 0.55) * h
    p.box((0, h - low / 2, split - grip / 2), (w, low, grip), handle)
    p.box((0, h - 0.58 * low, -d / 2 + 0.06 * d), (w, 0.8 * low, 0.1 * d), handle, pitch_deg=-12)
    straight = d / 2 - tip - split
    p.box((0, h / 2, split + straight / 2), (blade, h, straight + 0.004), LIGHT)
    p.leaf((0, h / 2, d / 2 - 2 * tip), (0, h / 2, d / 2), blade, 0.998 * h, LIGHT)
    p.box((0, h - 0.5 * low, split + 0.004), (1.0 * w, 1.02 * low, 0.03 * d), ACCENT)
    for share in (0.25, 0.6):
        p.box((0, h - 0.5 * low, split - share * grip), (1.01 * w, 0.25 * low, 0.02 * d), LIGHT)
