"""Dumbbell: two weights on a thin bar."""

import random

from safevla.world.parts import DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    p.textured = ()
    w, h, d = p.size
    along = 2 if d >= w else 0
    long, radius = p.size[along], min(h, w if along == 2 else d) / 2
    flat = h / 2 / radius

    def at(share: float) -> tuple[float, float, float]:
        return (0, h / 2, share * long) if along == 2 else (share * long, h / 2, 0)

    p.lying(at(-0.48), at(0.48), 0.16 * h, colour=LIGHT)
    style = r.choice(("discs", "hex", "balls"))
    inner = r.uniform(0.24, 0.28)
    for sign in (-1, 1):
        if style == "discs":
            p.lying(at(sign * inner), at(sign * (inner + 0.1)), radius, colour=MAIN, flat=flat)
            p.lying(at(sign * (inner + 0.1)), at(sign * 0.48), 0.74 * radius, colour=SECOND, flat=flat)
            p.lying(at(sign * 0.4), at(sign * 0.5), 0.3 * radius, colour=DARK)
        elif style == "balls":
            p.ball(
                at(sign * 0.31), (2 * radius if along == 2 else 0.38 * long, h, 0.38 * long if along == 2 else 2 * radius), MAIN
            )
        else:
            p.lying(at(sign * inner), at(sign * (inner + 0.04)), 0.8 * radius, radius, MAIN, flat=flat)
            p.lying(at(sign * (inner + 0.04)), at(sign * 0.46), radius, colour=MAIN, flat=flat)
            p.lying(at(sign * 0.46), at(sign * 0.5), 0.96 * radius, 0.7 * radius, SECOND, flat=flat)
