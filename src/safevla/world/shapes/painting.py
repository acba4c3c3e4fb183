"""Painting: a picture in a frame: hills, the sea, stripes, flowers in a vase, blocks or a face."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts


def build(p: Parts, r: random.Random) -> None:
    w, h, d = p.size
    frame, mat = r.uniform(0.05, 0.1) * min(w, h), r.choice((0.0, 0.07, 0.12)) * min(w, h)
    p.box((0, h / 2, -0.1 * d), (w, h, 0.8 * d), MAIN)
    picture = _Picture(p, w - 2 * frame, h - 2 * frame)
    picture.patch(0, 0, 1, 1, LIGHT if mat else r.choice((LIGHT, SECOND)))
    picture.wide, picture.high = picture.wide - 2 * mat, picture.high - 2 * mat
    r.choice((_hills, _sea, _stripes, _flowers, _blocks, _face))(picture, r)


class _Picture:
    """A picture's plane, in shares of its width and height from its middle; what is added lies on what was."""

    def __init__(self, p: Parts, wide: float, high: float):
        self.p, self.wide, self.high, self.layer = p, wide, high, 0

    def _front(self) -> float:
        """How far the next layer reaches before the frame's face, metres."""
        self.layer += 1
        return min(0.002 * self.layer, 0.024 * self.layer * self.p.depth)

    def patch(self, x: float, y: float, wide: float, high: float, colour: int) -> None:
        front, face = self._front(), 0.3 * self.p.depth
        at = (x * self.wide, self.p.height / 2 + y * self.high, face + front / 2 - 0.001)
        self.p.box(at, (wide * self.wide, high * self.high, front + 0.002), colour, textured=False)

    def disc(self, x: float, y: float, size: float, colour: int, tall: float = 1.0) -> None:
        radius, high, face = size * min(self.wide, self.high) / 2, self.p.height / 2 + y * self.high, 0.3 * self.p.depth
        ends = (x * self.wide, high, face - 0.002), (x * self.wide, high, face + self._front())
        self.p.lying(*ends, radius, colour=colour, textured=False, flat=tall)


def _hills(picture: _Picture, r: random.Random) -> None:
    picture.patch(0, 0, 1, 1, SECOND)
    low = r.uniform(-0.16, 0.0)
    picture.disc(r.uniform(-0.3, 0.3), r.uniform(0.15, 0.3), 0.26, LIGHT)
    picture.patch(0, (low - 0.5) / 2, 1, low + 0.5, ACCENT)
    picture.patch(0, (low - 0.7) / 2, 1, low + 0.3, DARK)


def _sea(picture: _Picture, r: random.Random) -> None:
    picture.patch(0, -0.3, 1, 0.4, SECOND)
    x = r.uniform(-0.25, 0.25)
    picture.patch(x, -0.12, 0.3, 0.08, DARK)
    picture.patch(x, 0.08, 0.03, 0.34, DARK)
    picture.patch(x + 0.1, 0.1, 0.16, 0.24, ACCENT)


def _stripes(picture: _Picture, r: random.Random) -> None:
    count = r.choice((3, 4, 5))
    for i in range(count):
        at = (i + 0.5) / count - 0.5
        picture.patch(at, 0, 0.7 / count, r.uniform(0.5, 1.0), (MAIN, ACCENT, DARK)[i % 3])


def _flowers(picture: _Picture, r: random.Random) -> None:
    picture.patch(0, 0, 1, 1, SECOND)
    picture.patch(0, -0.25, 0.2, 0.4, DARK)
    for x, y in ((-0.18, 0.12), (0.0, 0.26), (0.18, 0.14)):
        picture.disc(x, y, r.uniform(0.26, 0.36), r.choice((ACCENT, LIGHT)))


def _blocks(picture: _Picture, r: random.Random) -> None:
    x, y = r.uniform(-0.2, 0.2), r.uniform(-0.2, 0.2)
    picture.patch((x - 0.5) / 2, (y + 0.5) / 2, x + 0.46, 0.46 - y, ACCENT)
    picture.patch((x + 0.5) / 2, (y - 0.5) / 2, 0.46 - x, y + 0.46, MAIN)
    picture.patch((x + 0.5) / 2, 0.4, 0.46 - x, 0.14, DARK)


def _face(picture: _Picture, r: random.Random) -> None:
    picture.patch(0, 0, 1, 1, ACCENT)
    picture.patch(0, -0.38, 0.7, 0.24, SECOND)
    picture.disc(0, 0.1, 0.6, DARK, tall=1.2)
    picture.disc(0, 0.04, 0.48, LIGHT, tall=1.2)
    for side in (-1, 1):
        picture.patch(side * 0.08, 0.08, 0.05, 0.05, DARK)
