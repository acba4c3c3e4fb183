"""Palettes: the colours of an object, a wall or a floor, drawn from families such as a home has.

A colour is drawn as hue, saturation and value, shares of 1; hue 0 is red, 1/3 green, 2/3 blue. Training uses no colour of
HELD_OUT_HUES, which are kept for houses whose colours are "unseen".
"""

import colorsys
import random
from collections.abc import Mapping
from typing import NamedTuple

HELD_OUT_HUES = ((0.22, 0.32), (0.48, 0.56), (0.78, 0.90))
LEAST_CHROMA = 30  # of 255, most minus least of red, green and blue; what has less is a grey, whatever its hue
_SEEN_HUES = ((0.91, 1.21), (0.33, 0.47), (0.57, 0.77))  # what lies between, and a little away, for eight bits round a hue
_MIXED = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # shares by which materials mix the second colour into the main one
_INSIDE = 0.008  # how far within its range a held-out hue is drawn

_Hsv = tuple[float, float, float]
Rgb = tuple[int, int, int]  # 0 to 255
Palette = tuple[Rgb, Rgb, Rgb, Rgb, Rgb]  # by `parts.MAIN` to LIGHT


class Family(NamedTuple):
    """Colours that are called by one name, and how often it is drawn."""

    share: float
    hue: tuple[float, float] | None  # None: any that training uses
    saturation: tuple[float, float]
    value: tuple[float, float]


OBJECTS = {
    "wood": Family(0.25, (0.055, 0.105), (0.30, 0.65), (0.28, 0.78)),
    "grey": Family(0.20, None, (0.0, 0.06), (0.20, 0.85)),
    "pale": Family(0.20, None, (0.06, 0.20), (0.82, 0.97)),
    "full": Family(0.35, None, (0.50, 0.92), (0.35, 0.90)),
}
# walls and floors, by what they are made of
_OFF_WHITE = Family(0.30, (0.08, 0.15), (0.03, 0.09), (0.86, 0.95))
_SAGE = Family(0.12, (0.335, 0.38), (0.10, 0.17), (0.54, 0.68))
_GREY_BLUE = Family(0.14, (0.58, 0.63), (0.14, 0.27), (0.58, 0.76))
_STONE = Family(0.25, (0.58, 0.66), (0.0, 0.05), (0.45, 0.80))
SURFACES = {
    "paint": {
        "off-white": _OFF_WHITE,
        "beige": Family(0.20, (0.08, 0.13), (0.13, 0.26), (0.74, 0.86)),
        "sage": _SAGE,
        "grey-blue": _GREY_BLUE,
        "stone": Family(0.14, (0.58, 0.66), (0.0, 0.05), (0.62, 0.82)),
        "blush": Family(0.10, (0.97, 1.05), (0.14, 0.24), (0.74, 0.86)),
    },
    "bricks": {
        "red": Family(0.50, (0.01, 0.05), (0.38, 0.55), (0.50, 0.66)),
        "tan": Family(0.25, (0.06, 0.10), (0.22, 0.38), (0.58, 0.74)),
        "off-white": _OFF_WHITE,
    },
    "tiles": {
        "off-white": _OFF_WHITE,
        "stone": _STONE,
        "tan": Family(0.20, (0.07, 0.11), (0.16, 0.32), (0.60, 0.78)),
        "slate": Family(0.15, (0.58, 0.64), (0.12, 0.28), (0.34, 0.56)),
        "terracotta": Family(0.10, (0.02, 0.05), (0.40, 0.55), (0.52, 0.66)),
    },
    "boards": {
        "oak": Family(0.40, (0.075, 0.105), (0.35, 0.52), (0.58, 0.76)),
        "walnut": Family(0.30, (0.055, 0.085), (0.40, 0.60), (0.30, 0.48)),
        "cherry": Family(0.15, (0.03, 0.055), (0.42, 0.58), (0.42, 0.58)),
        "bleached": Family(0.15, (0.08, 0.11), (0.10, 0.22), (0.66, 0.80)),
    },
    "carpet": {
        "beige": Family(0.35, (0.08, 0.12), (0.16, 0.30), (0.56, 0.74)),
        "stone": _STONE,
        "grey-blue": _GREY_BLUE,
        "sage": _SAGE,
        "rose": Family(0.10, (0.95, 1.0), (0.20, 0.34), (0.50, 0.66)),
    },
}

CEILING = {
    "white": Family(0.7, (0.08, 0.15), (0.01, 0.05), (0.86, 0.94)),
    "grey": Family(0.3, (0.58, 0.66), (0.0, 0.04), (0.76, 0.88)),
}


def drawn(rng: random.Random, families: Mapping[str, Family]) -> str:
    """The name of a family, each as often as its share says."""
    at = rng.random() * sum(family.share for family in families.values())
    for name, family in families.items():
        at -= family.share
        if at < 0:
            return name
    return next(reversed(families))


def is_held_out(colour: tuple[float, float, float]) -> bool:
    """Whether training may not use a colour, red, green and blue of 255."""
    if max(colour) - min(colour) < LEAST_CHROMA:
        return False
    hue, _, _ = colorsys.rgb_to_hsv(*colour)
    return any(low <= hue <= high for low, high in HELD_OUT_HUES)


def of_object(rng: random.Random, family: str) -> Palette:
    """An object's colours, of which the main one is of that family."""
    main = _colour(rng, OBJECTS[family])
    accent = _colour(rng, OBJECTS[drawn(rng, OBJECTS)])
    return _palette(rng, main, _second(rng, main, OBJECTS, 0.5), accent)


def of_surface(rng: random.Random, families: Mapping[str, Family]) -> Palette:
    """The colours of a wall or a floor."""
    main = _colour(rng, families[drawn(rng, families)])
    return _palette(rng, main, _second(rng, main, families, 0.6), _shade(rng, main))


def held_out(
    rng: random.Random, saturation: tuple[float, float] = (0.45, 0.92), value: tuple[float, float] = (0.38, 0.90)
) -> Palette:
    """Colours that training never uses, but for the dark and the light one."""
    (low, high), (other_low, other_high) = rng.choice(HELD_OUT_HUES), rng.choice(HELD_OUT_HUES)
    near = Family(1.0, (low + _INSIDE, high - _INSIDE), saturation, value)
    other = Family(1.0, (other_low + _INSIDE, other_high - _INSIDE), saturation, value)
    return _palette(rng, _colour(rng, near), _colour(rng, near), _colour(rng, other))


def _colour(rng: random.Random, family: Family) -> _Hsv:
    hue = _seen_hue(rng) if family.hue is None else rng.uniform(*family.hue)
    return hue % 1.0, rng.uniform(*family.saturation), rng.uniform(*family.value)


def _seen_hue(rng: random.Random) -> float:
    at = rng.random() * sum(high - low for low, high in _SEEN_HUES)
    for low, high in _SEEN_HUES:
        if at < high - low:
            break
        at -= high - low
    return min(low + at, high) % 1.0


def _shade(rng: random.Random, colour: _Hsv) -> _Hsv:
    """A darker or, of a dark colour, a lighter one of the same hue."""
    hue, saturation, value = colour
    change = rng.uniform(0.18, 0.38)
    return hue, saturation * rng.uniform(0.7, 1.0), value * (1 - change) if value > 0.5 else min(0.95, value + change)


def _second(rng: random.Random, main: _Hsv, families: Mapping[str, Family], shades: float) -> _Hsv:
    """What goes with a main colour: a shade of it, or a colour of some family that no mixture of the two makes a held-out one."""
    if rng.random() >= shades:
        second = _colour(rng, families[drawn(rng, families)])
        (r, g, b), (to_r, to_g, to_b) = _rgb(main), _rgb(second)
        for share in _MIXED:
            if is_held_out((r + share * (to_r - r), g + share * (to_g - g), b + share * (to_b - b))):
                break
        else:
            return second
    return _shade(rng, main)


def _palette(rng: random.Random, main: _Hsv, second: _Hsv, accent: _Hsv) -> Palette:
    dark = _seen_hue(rng), rng.uniform(0.0, 0.3), rng.uniform(0.08, 0.22)
    light = _seen_hue(rng), rng.uniform(0.0, 0.10), rng.uniform(0.88, 0.98)
    return _rgb(main), _rgb(second), _rgb(accent), _rgb(dark), _rgb(light)


def rgb(given: Mapping[str, float]) -> Rgb:
    """A colour of a house file, whose r, g and b are shares of 1."""
    return tuple(round(255 * given[channel]) for channel in "rgb")


def _rgb(colour: _Hsv) -> Rgb:
    red, green, blue = colorsys.hsv_to_rgb(*colour)
    return round(255 * red), round(255 * green), round(255 * blue)
