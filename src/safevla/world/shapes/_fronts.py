"""Fronts: the doors and drawers of cupboards, as a board with dark grooves across it, and their handles."""

import random

from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND, Parts

BOARD_M = 0.014  # the board stands out from the body by this much
HANDLE_M = 0.022  # and a handle from the board
PROUD_M = BOARD_M + HANDLE_M
_GROOVE_M = 0.014  # how wide a groove is

_Span = tuple[float, float]


class Fronts:
    """Doors and drawers of one piece of furniture, all of one style, before the plane z = `face` of its body."""

    def __init__(self, p: Parts, r: random.Random, face: float):
        self.p, self.face = p, face
        self.colour = r.choice((MAIN, SECOND, SECOND))
        self.handle = r.choice(("knob", "bar", "slit", "bow"))
        self.metal = r.choice((DARK, DARK, ACCENT, LIGHT))

    def board(self, x: _Span, y: _Span) -> None:
        """The board that all of them are cut from, in a dark frame."""
        at, size = ((x[0] + x[1]) / 2, (y[0] + y[1]) / 2), (x[1] - x[0], y[1] - y[0])
        self.p.box((*at, self.face), (*size, 0.008), DARK)
        self.p.box((*at, self.face + BOARD_M / 2), (size[0] - 0.02, size[1] - 0.02, BOARD_M), self.colour)

    def drawers(self, x: _Span, y: _Span, columns: int, rows: int) -> None:
        """Drawers in rows and columns; their handles are level, in the middle."""
        wide, high = (x[1] - x[0]) / columns, (y[1] - y[0]) / rows
        self._grooves(x, y, columns, rows)
        if self.handle == "slit":  # one along each row's upper edge
            for row in range(rows):
                self._handle(((x[0] + x[1]) / 2, y[0] + (row + 1) * high - 0.03), 0.94 * (x[1] - x[0]), True)
            return
        for row in range(rows):
            for column in range(columns):
                at = (x[0] + (column + 0.5) * wide, y[0] + (row + 0.55) * high)
                self._handle(at, min(0.5 * wide, 0.24), True)

    def doors(self, x: _Span, y: _Span, count: int) -> None:
        """Doors side by side, in pairs, that open at their middle; their handles are upright."""
        wide, high = (x[1] - x[0]) / count, y[1] - y[0]
        self._grooves(x, y, count, 1)
        for i in range(count):
            edge = x[0] + (i + 1) * wide - 0.05 if i % 2 == 0 else x[0] + i * wide + 0.05
            self._handle((edge, y[0] + (0.7 if y[0] < 0.5 else 0.4) * high), min(0.36 * high, 0.22), False)

    def split(self, x: _Span, y: float) -> None:
        """A level groove, between drawers above and doors below."""
        self._groove(((x[0] + x[1]) / 2, y), (x[1] - x[0], _GROOVE_M))

    def _grooves(self, x: _Span, y: _Span, columns: int, rows: int) -> None:
        wide, high = (x[1] - x[0]) / columns, (y[1] - y[0]) / rows
        for column in range(1, columns):
            self._groove((x[0] + column * wide, (y[0] + y[1]) / 2), (_GROOVE_M, y[1] - y[0]))
        for row in range(1, rows):
            self._groove(((x[0] + x[1]) / 2, y[0] + row * high), (x[1] - x[0], _GROOVE_M))

    def _groove(self, at: tuple[float, float], size: tuple[float, float]) -> None:
        self.p.box((*at, self.face + BOARD_M), (*size, 0.005), DARK)

    def _handle(self, at: tuple[float, float], length: float, is_level: bool) -> None:
        z = self.face + BOARD_M
        if self.handle == "knob":
            self.p.ball((*at, z + HANDLE_M / 2), (0.038, 0.038, HANDLE_M), self.metal)
        elif self.handle == "slit":
            self.p.box((*at, z), (length, 0.018, 0.006) if is_level else (0.018, length, 0.006), DARK)
        else:
            thick = 0.014 if self.handle == "bar" else 0.026
            length = length if self.handle == "bar" else 0.55 * length
            size = (length, thick) if is_level else (thick, length)
            self.p.box((*at, z + HANDLE_M / 2), (*size, HANDLE_M), self.metal)
