"""House plant: leaves from a pot of earth: blades, a bush, a little tree, a palm, a cactus or broad leaves."""

import math
import random

from safevla.world.parts import ACCENT, DARK, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    is_tall = h > 1.6 * max(w, d)
    styles = (_blades, _tree, _palm, _cactus, _broad) if is_tall else (_bush, _palm, _broad, _broad, _blades)
    earth = _pot(p, r, (0.26 if is_tall else 0.36) * h)
    r.choice(styles)(p, r, earth)


def _pot(p: Parts, r: random.Random, high: float) -> float:
    """A pot with earth in it; its height."""
    w, d = p.width, p.depth
    high = min(high, 0.9 * min(w, d))
    radius, flat = r.uniform(0.28, 0.34) * w, d / w
    style = r.choice(("taper", "rim", "belly", "square"))
    if style == "square":
        p.box((0, high / 2, 0), (1.8 * radius, high, 1.8 * radius * flat), SECOND)
        p.box((0, high, 0), (1.5 * radius, 0.02, 1.5 * radius * flat), DARK)
        return high
    if style == "belly":
        p.ball((0, 0.5 * high, 0), (2.2 * radius, 1.3 * high, 2.2 * radius * flat), SECOND, bottom=-0.77, top=0.77)
    else:
        p.round((0, 0, 0), high, r.uniform(0.62, 0.78) * radius, radius, SECOND, flat=flat)
    if style == "rim":
        p.round((0, 0.78 * high, 0), 0.24 * high, 1.1 * radius, colour=SECOND, textured=False, flat=flat)
    p.round((0, high, 0), 0.03 * high + 0.003, (0.66 if style == "belly" else 0.84) * radius, colour=DARK, flat=flat)
    return high


def _around(p: Parts, r: random.Random, count: int, reach: float) -> list[tuple[float, float]]:
    """(x, z) all around; the first four reach the box's sides by `reach`, the others lie between them, nearer."""
    start, found = r.uniform(-0.2, 0.2), []
    for i in range(count):
        angle = math.pi / 2 * i + start + (0.0 if i < 4 else math.pi / 4)
        share = reach if i < 4 else reach * r.uniform(0.7, 0.95)
        found.append((share * math.cos(angle) * p.width / 2, share * math.sin(angle) * p.depth / 2))
    return found


def _blades(p: Parts, r: random.Random, earth: float) -> None:
    """Stiff upright blades, as of a snake plant."""
    w, h, d = p.size
    wide = r.uniform(0.14, 0.2) * w
    for i, (x, z) in enumerate(_around(p, r, r.choice((7, 8)), 0.9)):
        top = r.uniform(0.6, 0.78) * h if i < 4 else r.uniform(0.8, 0.95) * h
        out = 1.0 if i < 4 else 0.5
        p.leaf((0.28 * x, 0.85 * earth, 0.28 * z), (out * x, top, out * z), wide, 0.25 * wide, MAIN, textured=False)
    p.leaf((0, 0.85 * earth, 0), (0.02 * w, h, 0.02 * d), wide, 0.3 * wide, MAIN, textured=False)


def _bush(p: Parts, r: random.Random, earth: float) -> None:
    """A round bush without a trunk, or rosettes of leaves that lie over each other."""
    w, h, d = p.size
    if r.random() < 0.5:
        _foliage(p, r, 0.9 * earth)
        return
    high, wide = h - earth, r.uniform(0.3, 0.38) * min(w, d)
    for i, (x, z) in enumerate(_around(p, r, 8, 0.98)):
        tip = (x, earth + r.uniform(0.3, 0.5) * high, z) if i < 4 else (0.75 * x, earth + r.uniform(0.75, 0.92) * high, 0.75 * z)
        p.leaf((0, 0.95 * earth, 0), tip, wide, 0.2 * wide, MAIN if i < 4 else r.choice((MAIN, ACCENT)), textured=False)
    p.leaf((0, 0.95 * earth, 0), (0.03 * w, h, 0.03 * d), wide, 0.3 * wide, MAIN, textured=False)


def _foliage(p: Parts, r: random.Random, low: float) -> None:
    """A ball of leaves from a height up to the top, with smaller balls about it."""
    w, h, d = p.size
    high = h - low
    p.ball((0, low + 0.58 * high, 0), (0.8 * w, 0.84 * high, 0.8 * d), MAIN, textured=False)
    for x, z in _around(p, r, 6, 0.52):
        at = (x, low + r.uniform(0.25, 0.65) * high, z)
        p.ball(at, (0.46 * w, 0.42 * high, 0.46 * d), r.choice((MAIN, MAIN, ACCENT)), textured=False)


def _tree(p: Parts, r: random.Random, earth: float) -> None:
    """A crown on a trunk, of balls or of tiers."""
    w, h, d = p.size
    crown = earth + r.uniform(0.25, 0.45) * (h - earth)
    p.round((0, 0.9 * earth, 0), crown - 0.9 * earth + 0.1 * h, 0.05 * w, 0.035 * w, DARK)
    if r.random() < 0.5:
        _foliage(p, r, crown)
        return
    for i in range(3):
        low, wide = crown + 0.27 * i * (h - crown), 0.49 - 0.1 * i
        p.round((0, low, 0), 0.46 * (h - crown), wide * w, 0.06 * w, MAIN, textured=False, flat=d / w)


def _palm(p: Parts, r: random.Random, earth: float) -> None:
    """Long leaves that rise from a stem and droop."""
    w, h, d = p.size
    crown = earth + r.uniform(0.1, 0.5) * (h - earth)
    rise, wide = h - crown, r.uniform(0.16, 0.2) * min(w, d)
    p.round((0, 0.9 * earth, 0), crown - 0.9 * earth + 0.02, 0.05 * w, 0.035 * w, DARK)
    for i, (x, z) in enumerate(_around(p, r, 7, 0.97)):
        high = r.uniform(0.4, 0.6) if i < 4 else r.uniform(0.75, 0.92)
        x, z = (x, z) if i < 4 else (0.7 * x, 0.7 * z)
        knee = (0.6 * x, crown + high * rise, 0.6 * z)
        p.leaf(
            (0, crown - 0.02 * h, 0),
            (1.2 * knee[0], knee[1] + 0.08 * rise, 1.2 * knee[2]),
            wide,
            0.25 * wide,
            MAIN,
            textured=False,
        )
        if i < 4:
            p.leaf(
                (0.7 * knee[0], knee[1] + 0.03 * rise, 0.7 * knee[2]),
                (x, crown + (high - 0.3) * rise, z),
                wide,
                0.25 * wide,
                MAIN,
                textured=False,
            )
    p.leaf((0, crown, 0), (0.06 * w, h, 0), 0.9 * wide, 0.4 * wide, MAIN, textured=False)


def _cactus(p: Parts, r: random.Random, earth: float) -> None:
    """A column with arms that bend upwards."""
    w, h, d = p.size
    p.ball((0, 0.55 * (h + 0.85 * earth) - 0.05 * h, 0), (0.36 * w, h - 0.8 * earth, 0.36 * d), MAIN, top=0.98)
    p.round((0, 0.9 * earth, 0), 0.5 * (h - earth), 0.15 * w, 0.18 * w, MAIN, flat=d / w)
    for (x, z), size in zip(_around(p, r, 4, 0.7), (0.24, 0.24, 0.22, 0.22), strict=True):
        low = earth + r.uniform(0.2, 0.45) * (h - earth)
        p.lying((0, low, 0), (x, low + 0.04 * h, z), 0.08 * w, colour=MAIN, textured=False)
        p.leaf((x, low - 0.03 * h, z), (x, low + r.uniform(0.2, 0.34) * h, z), size * w, size * d, MAIN)


def _broad(p: Parts, r: random.Random, earth: float) -> None:
    """Broad leaves on thin stems."""
    w, h, d = p.size
    high = h - earth
    p.round((0, 0.95 * earth, 0), 0.6 * high, 0.03 * w, 0.02 * w, DARK)
    for i, (x, z) in enumerate(_around(p, r, r.choice((7, 8)), 0.98)):
        y = r.uniform(0.45, 0.7) if i < 4 else r.uniform(0.75, 0.95)
        x, z = (x, z) if i < 4 else (0.75 * x, 0.75 * z)
        tip, root = (x, earth + y * high, z), (0, earth + (0.6 * y + 0.02) * high, 0)
        p.leaf(root, tip, r.uniform(0.28, 0.38) * min(w, d), 0.06 * w, r.choice((MAIN, MAIN, ACCENT)), textured=False)
    p.leaf((0, earth + 0.5 * high, 0), (0.05 * w, h, 0), 0.26 * w, 0.06 * w, MAIN, textured=False)
