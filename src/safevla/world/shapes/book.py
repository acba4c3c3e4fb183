"""Book: two covers and a spine about light pages, with a title."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    cover = min(max(0.12 * h, 0.002), 0.004)
    side, pages = r.choice((-1, 1)), r.uniform(0.9, 0.96)
    p.box((side * 0.012 * w, h / 2, 0), (pages * w, h - 2 * cover - 0.002, pages * d), LIGHT)
    for y in (cover / 2, h - cover / 2 - 0.0015):
        p.box((0, y, 0), (w, cover, d), MAIN)
    p.box((-side * (w / 2 - cover / 2), h / 2, 0), (cover, h - 0.002, d), r.choice((MAIN, SECOND)), textured=False)
    top, x = h - 0.002, 0.03 * side * w
    style = r.choice(("title", "picture", "band", "bound"))
    if style == "title":
        p.box((x, top, -0.2 * d), (r.uniform(0.5, 0.7) * w, 0.004, r.uniform(0.1, 0.18) * d), LIGHT)
        p.box((x, top, 0.12 * d), (0.4 * w, 0.004, 0.06 * d), ACCENT)
    elif style == "picture":
        p.box((x, top, 0.08 * d), (0.66 * w, 0.004, 0.5 * d), SECOND, textured=False)
        p.box((x, top, -0.32 * d), (0.66 * w, 0.004, 0.1 * d), LIGHT)
    elif style == "band":
        p.box((0.012 * side * w, top, r.uniform(-0.2, 0.2) * d), (0.96 * w, 0.004, 0.22 * d), ACCENT)
        p.box((x, top, -0.36 * d), (0.5 * w, 0.004, 0.07 * d), DARK)
    else:
        p.box((-side * 0.41 * w, top, 0), (0.16 * w, 0.004, 0.995 * d), SECOND, textured=False)
        p.box((0.1 * side * w, top, 0), (0.4 * w, 0.004, 0.2 * d), LIGHT)
