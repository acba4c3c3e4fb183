"""Remote control: a long slab with rows of keys and a ring of arrows."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    key = 0.14 * h
    body = h - key
    waist = r.choice((1.0, 0.8))
    p.box((0, body / 2, 0), (waist * w, body, d), r.choice((MAIN, DARK)))
    colour = int(p.rows[0][19])
    if waist < 1:
        for sign in (-1, 1):
            p.box((0, 0.49 * body, sign * 0.36 * d), (w, 0.98 * body, 0.26 * d), colour)
    keys = LIGHT if colour == DARK else DARK
    p.round((-0.26 * w, body - 0.002, -0.42 * d), key + 0.002, 0.1 * w, colour=ACCENT)
    ring = r.choice((-0.2, 0.2)) * d
    p.round((0, body - 0.002, ring), 0.7 * key + 0.002, r.uniform(0.26, 0.33) * w, colour=keys)
    p.round((0, body - 0.002, ring), key + 0.002, 0.13 * w, colour=SECOND)
    rows, columns = r.choice(((2, 3), (3, 2), (4, 1)))
    start, step = (0.1 if ring < 0 else -0.3) * d, 0.36 * d / rows
    for i in range(rows):
        for k in range(columns):
            x = ((k + 0.5) / columns - 0.5) * 0.8 * waist * w
            at = (x, body + 0.3 * key, start + (i - 0.2) * step)
            p.box(at, (0.5 * waist * w / columns, key, 0.5 * step), keys if i or k else ACCENT)
