"""Laundry hamper: a tall basket of woven bands, with a lid or with clothes that look out, and a handle at either side."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    is_round, has_lid, narrow = r.random() < 0.5, r.random() < 0.4, r.uniform(0.8, 0.95)
    body = h - (0.05 if has_lid else r.uniform(0.07, 0.12) * h)
    wide, deep, bands = 0.93 * w, 0.97 * d, r.choice((4, 5, 6))
    for i in range(bands):
        share = narrow + (1 - narrow) * (i + 1) / bands - (0.04 if i % 2 else 0.0)
        low, high, colour = body * i / bands, body / bands + 0.001, SECOND if i % 2 else MAIN
        if is_round:
            p.round((0, low, 0), high, share * wide / 2, colour=colour, flat=deep / wide)
        else:
            p.box((0, low + high / 2, 0), (share * wide, high, share * deep), colour)
    for sign in (-1, 1):
        p.box((sign * (w / 2 - 0.03), 0.8 * body, 0), (0.06, 0.03, 0.3 * d), DARK)
    if has_lid:
        size = (w, 0.05, d)
        if is_round:
            p.round((0, body, 0), 0.05, w / 2, 0.47 * w, SECOND, flat=d / w)
        else:
            p.box((0, h - 0.027, 0), size, SECOND)
        p.round((0, h - 0.012, 0), 0.012, 0.05 * w, colour=DARK)
        return
    if is_round:
        p.round((0, body - 0.002, 0), 0.006, 0.43 * wide, colour=DARK, flat=deep / wide)
    else:
        p.box((0, body + 0.001, 0), (0.88 * wide, 0.008, 0.88 * deep), DARK)
    for x, z, colour in ((-0.14, 0.08, LIGHT), (0.16, -0.06, ACCENT), (0.02, -0.16, LIGHT)):  # clothes
        p.ball((x * w, body, z * d), (0.46 * w, 2 * (h - body), 0.36 * d), colour, yaw_deg=r.uniform(-20, 20))
