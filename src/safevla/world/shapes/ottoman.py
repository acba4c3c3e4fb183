"""Ottoman: a padded bench without a back, on short feet."""

import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    low, pad = r.choice((0.04, 0.1, 0.16)), r.uniform(0.25, 0.4) * h
    p.legs(low + 0.01, r.uniform(0.04, 0.06), DARK, inset=0.02, is_round=r.random() < 0.5)
    p.box((0, (low + h - pad) / 2, 0), (0.95 * w, h - pad - low, 0.95 * d), MAIN)
    colour = r.choice((MAIN, SECOND))
    style = r.choice(("whole", "buttons", "lid", "piped"))
    p.box((0, h - pad / 2, 0), (w, pad, d), colour)
    if style == "buttons":  # seams along its sides, where a tufted cushion is drawn in
        for i in (-1, 0, 1):
            p.box((0.3 * i * w, h - pad / 2, 0), (0.012, 0.9 * pad, d + 0.006), DARK)
        p.box((0, h - pad / 2, 0), (w + 0.006, 0.9 * pad, 0.012), DARK)
    elif style == "lid":
        p.box((0, h - pad, 0), (w - 0.02, 0.014, d - 0.02), DARK)
        p.box((0, h - pad - 0.03, d / 2 - 0.02), (0.2, 0.03, 0.02), ACCENT)
    elif style == "piped":
        for y in (h - pad, h - 0.02):
            p.box((0, y, 0), (w + 0.006, 0.016, d + 0.006), ACCENT)
