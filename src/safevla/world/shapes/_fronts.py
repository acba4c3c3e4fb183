"""Fronts: doors and drawers of cupboards, with the gaps between them and their handles."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts

BOARD_M = 0.016  # a front stands out from the body by this much
HANDLE_M = 0.02  # and its handle from the front
PROUD_M = BOARD_M + HANDLE_M
_GAP_M = 0.014

_Span = tuple[float, float]


class Fronts:
    """Doors and drawers of one piece of furniture, all of one style, on the plane z = `face` of its body."""

    def __init__(self, p: Parts, r: random.Random, face: float):
        self.p, self.face = p, face
        self.colour = r.choice((MAIN, SECOND, SECOND))
        self.handle = r.choice(("knob", "bar", "slit", "bow"))
        self.metal = r.choice((DARK, DARK, ACCENT, LIGHT))

    def gap(self, x: _Span, y: _Span) -> None:
        """What is seen between fronts, behind them."""
        self.p.box(((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, self.face), (x[1] - x[0], y[1] - y[0], 0.006), DARK)

    def drawer(self, x: _Span, y: _Span) -> None:
        """A drawer's front; its handle is level, in the middle."""
        middle, wide = self._board(x, y)
        at = (middle, y[1] - 0.03 if self.handle == "slit" else (y[0] + y[1]) / 2)
        self._handle(at, min(0.45 * wide, 0.24), True)

    def door(self, x: _Span, y: _Span, opens: int) -> None:
        """A door; its handle is upright, near the edge that opens: −1 the left one, 1 the right one. (Left and right of +x.)"""
        middle, wide = self._board(x, y)
        at = (middle + opens * (wide / 2 - 0.04), y[0] + (0.7 if y[0] < 0.5 else 0.35) * (y[1] - y[0]))
        self._handle(at, min(0.3 * (y[1] - y[0]), 0.22), False)

    def rows(self, x: _Span, y: _Span, count: int) -> None:
        """Drawers one above the other."""
        high = (y[1] - y[0]) / count
        for i in range(count):
            self.drawer(x, (y[0] + i * high, y[0] + (i + 1) * high))

    def doors(self, x: _Span, y: _Span, count: int) -> None:
        """Doors side by side, in pairs."""
        wide = (x[1] - x[0]) / count
        for i in range(count):
            self.door((x[0] + i * wide, x[0] + (i + 1) * wide), y, 1 if i % 2 == 0 else -1)

    def _board(self, x: _Span, y: _Span) -> tuple[float, float]:
        middle, wide = (x[0] + x[1]) / 2, x[1] - x[0] - _GAP_M
        at = (middle, (y[0] + y[1]) / 2, self.face + BOARD_M / 2)
        self.p.box(at, (wide, y[1] - y[0] - _GAP_M, BOARD_M), self.colour)
        return middle, wide

    def _handle(self, at: tuple[float, float], length: float, is_level: bool) -> None:
        z = self.face + BOARD_M
        if self.handle == "knob":
            self.p.ball((*at, z + HANDLE_M / 2), (0.036, 0.036, HANDLE_M), self.metal)
        elif self.handle == "slit":
            size = (1.3 * length, 0.016) if is_level else (0.016, 1.3 * length)
            self.p.box((*at, z), (*size, 0.006), DARK)
        else:
            thick = 0.014 if self.handle == "bar" else 0.024
            length = length if self.handle == "bar" else 0.55 * length
            size = (length, thick) if is_level else (thick, length)
            self.p.box((*at, z + HANDLE_M / 2), (*size, HANDLE_M), self.metal)
