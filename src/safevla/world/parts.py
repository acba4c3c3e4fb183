"""Parts: the boxes and round solids that the shape of an object is made of.

A grammar (`world.shapes`) fills a list of parts in the object's own frame: x to its right, y up, z ahead, in metres, from the
middle of the base of its bounding box, which ends at height `Parts.height`. A part has axes of its own; any turn is free.

    box     what lies within ±1 along each axis
    round   what lies within ±1 along y and where x² + z² ≤ a + b·y + c·y²: a cylinder, a cone, or an ellipsoid cut flat

with coordinates counted in half extents. Colours are named by what they are for (MAIN to LIGHT); which ones they are is the
affair of the object's look.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

BOX, ROUND = 0, 1
MAIN, SECOND, ACCENT, DARK, LIGHT = range(5)  # of an object's five colours
N_COLOURS = 5

# columns of an array of parts (P, N_COLUMNS)
KIND = 0
CENTRE = 1  # three: metres
HALF = 4  # three: half extents along the part's own axes, metres
AXES = 7  # nine: the part's x, y and z axis in the object's frame, unit vectors
QUADRIC = 16  # three: a, b, c of a round part
SIDES, ENDS = 19, 20  # the colour of the sides, and of the two faces across y
TEXTURED = 21  # 1 where the object's material shows
N_COLUMNS = 22

_THINNEST_M = 0.001
_Point = Sequence[float]


class Parts:
    """Parts as a grammar adds them, for an object of that size: full extents of its bounding box, in metres.

    ends: the colour of the two faces across the part's y axis, where it differs. textured: whether the object's material shows;
    None: it does where the part's colour is one of `Parts.textured`.
    """

    def __init__(self, size_m: Sequence[float]):
        self.width, self.height, self.depth = (float(extent) for extent in size_m)
        self.size = (self.width, self.height, self.depth)
        self.rows: list[list[float]] = []
        self.textured: Sequence[int] = (MAIN, SECOND)  # colours in which the object's material shows

    def __len__(self) -> int:
        return len(self.rows)

    def box(
        self, centre: _Point, size: _Point, colour: int = MAIN, ends: int | None = None, textured: bool | None = None,
        yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0,
    ) -> None:  # fmt: skip
        """A box of that size about its centre; turned by roll about z, then pitch about x, then yaw about y, as `turned` does."""
        half = [extent / 2 for extent in size]
        self._add(BOX, centre, half, turned(yaw_deg, pitch_deg, roll_deg), (0.0, 0.0, 0.0), colour, ends, textured)

    def bar(
        self, start: _Point, end: _Point, thickness: float, colour: int = MAIN, wide: float = 0.0, textured: bool | None = None
    ) -> None:
        """A box between the middles of two of its ends; `wide` across, along the level direction, where that differs."""
        middle, length, axes = _between(start, end)
        half = ((wide or thickness) / 2, length / 2, thickness / 2)
        self._add(BOX, middle, half, axes, (0.0, 0.0, 0.0), colour, None, textured)

    def post(self, foot: _Point, head: _Point, thickness: float, colour: int = MAIN, textured: bool | None = None) -> None:
        """A square bar that stands, however it leans, with its sides along x and z."""
        middle, length, (_, up, _) = _between(foot, head)
        roll_deg, pitch_deg = -math.degrees(math.asin(up[0])), math.degrees(math.atan2(up[2], up[1]))
        self.box(middle, (thickness, length, thickness), colour, None, textured, pitch_deg=pitch_deg, roll_deg=roll_deg)

    def ball(
        self, centre: _Point, size: _Point, colour: int = MAIN, ends: int | None = None, textured: bool | None = None,
        bottom: float = -1.0, top: float = 1.0, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0,
    ) -> None:  # fmt: skip
        """An ellipsoid of that size about its centre, of which the part between two heights is kept.

        bottom, top: in half heights of the whole, so that (−1, 0) is its lower half. It is flat where it is cut.
        """
        middle, reach = (top + bottom) / 2, (top - bottom) / 2
        axes, half_y = turned(yaw_deg, pitch_deg, roll_deg), size[1] / 2
        shifted = [centre[i] + axes[1][i] * middle * half_y for i in range(3)]
        # x² + z² = 1 − (middle + reach·y)²
        quadric = (1 - middle * middle, -2 * middle * reach, -reach * reach)
        self._add(ROUND, shifted, (size[0] / 2, reach * half_y, size[2] / 2), axes, quadric, colour, ends, textured)

    def round(
        self, base: _Point, height: float, bottom: float, top: float | None = None, colour: int = MAIN, ends: int | None = None,
        textured: bool | None = None, flat: float = 1.0,
    ) -> None:  # fmt: skip
        """An upright cylinder or cone that stands on `base`; bottom, top: its radii. `flat`: its depth over its width."""
        self._cone(
            base, (base[0], base[1] + height, base[2]), bottom, bottom if top is None else top, colour, ends, textured, flat
        )

    def lying(
        self, start: _Point, end: _Point, radius: float, end_radius: float | None = None, colour: int = MAIN,
        ends: int | None = None, textured: bool | None = None, flat: float = 1.0,
    ) -> None:  # fmt: skip
        """A cylinder or cone between two points, in any direction. `flat`: its thickness over its level width."""
        self._cone(start, end, radius, radius if end_radius is None else end_radius, colour, ends, textured, flat)

    def leaf(
        self, start: _Point, end: _Point, width: float, thickness: float, colour: int = MAIN, textured: bool | None = None
    ) -> None:
        """An ellipsoid between two points, its tips; `width`: along the level direction across."""
        middle, length, axes = _between(start, end)
        self._add(ROUND, middle, (width / 2, length / 2, thickness / 2), axes, (1.0, 0.0, -1.0), colour, None, textured)

    def path(
        self, points: Sequence[_Point], thickness: float, colour: int = MAIN, wide: float = 0.0, textured: bool | None = False
    ) -> None:
        """Bars from point to point, which overlap where they meet."""
        for i, (start, end) in enumerate(itertools.pairwise(points)):
            along = [b - a for a, b in zip(start, end, strict=True)]
            share = 0.45 * min(thickness, wide or thickness) / (math.sqrt(sum(step * step for step in along)) or 1e-6)
            before, after = share * (i > 0), share * (i < len(points) - 2)
            start = [a - before * step for a, step in zip(start, along, strict=True)]
            end = [b + after * step for b, step in zip(end, along, strict=True)]
            self.bar(start, end, thickness, colour, wide, textured)

    def lathe(
        self, profile: Sequence[tuple[float, float]], colour: int = MAIN, ends: int | None = None, textured: bool | None = None,
        at: tuple[float, float] = (0.0, 0.0), flat: float = 1.0,
    ) -> None:  # fmt: skip
        """Upright cones one on the other, as from a lathe; `profile`: (height, radius) from below, `at`: the axis's x and z."""
        for (low, radius), (high, next_radius) in itertools.pairwise(profile):
            self.round((at[0], low, at[1]), high - low, radius, next_radius, colour, ends, textured, flat)

    def tub(
        self, low: float, high: float, bottom: tuple[float, float], top: tuple[float, float], wall: float,
        colour: int = MAIN, inside: int = DARK, textured: bool | None = None,
    ) -> None:  # fmt: skip
        """A floor and four walls between two heights, open above; `bottom`, `top`: the outer width and depth there."""
        across_x, across_z = (bottom[0] + top[0]) / 2, (bottom[1] + top[1]) / 2 - 2 * wall
        middle, floor = (low + high) / 2, min(3 * wall, (high - low) / 4)
        self.box((0, low + floor / 2, 0), (bottom[0] - wall, floor, bottom[1] - wall), inside, textured=False)
        for along, wall_axis, length in ((0, across_x, across_z), (1, across_z + 2 * wall, across_x)):
            lean = math.atan2((top[along] - bottom[along]) / 2, high - low)
            rise = (high - low - wall * abs(math.sin(lean))) / math.cos(lean)
            out, lean_deg = (wall_axis - wall) / 2, math.degrees(lean)
            for sign in (-1, 1):
                if along == 0:
                    self.box((sign * out, middle, 0), (wall, rise, length), colour, None, textured, roll_deg=-sign * lean_deg)
                else:
                    self.box((0, middle, sign * out), (length, rise, wall), colour, None, textured, pitch_deg=sign * lean_deg)

    def legs(
        self, top: float, thickness: float, colour: int = MAIN, inset: float = 0.0, is_round: bool = False, splay: float = 0.0
    ) -> None:
        """Four legs from the floor to the height `top`, `inset` metres from the edges; `splay`: how far they stand out below."""
        x, z = self.width / 2 - inset - thickness / 2, self.depth / 2 - inset - thickness / 2
        low = 0.7 * thickness * splay / max(top, thickness)  # so that a leaning foot stays above the floor
        for sign_x in (-1, 1):
            for sign_z in (-1, 1):
                foot, head = (sign_x * x, low, sign_z * z), (sign_x * (x - splay), top, sign_z * (z - splay))
                if is_round:
                    self.lying(foot, head, 0.4 * thickness, 0.5 * thickness, colour, textured=False)
                else:
                    self.post(foot, head, thickness, colour, textured=False)

    def array(self) -> np.ndarray:
        """The parts, (P, N_COLUMNS) float32, about the middle of the bounding box."""
        parts = np.asarray(self.rows, np.float32).reshape(-1, N_COLUMNS)
        parts[:, CENTRE + 1] -= np.float32(self.height / 2)
        return parts

    def _cone(self, start, end, radius, end_radius, colour, ends, textured, flat) -> None:
        middle, length, axes = _between(start, end)
        widest = max(radius, end_radius, _THINNEST_M / 2)
        mean, rise = (radius + end_radius) / 2 / widest, (end_radius - radius) / 2 / widest
        # the radius at y is mean + rise·y
        quadric = (mean * mean, 2 * mean * rise, rise * rise)
        self._add(ROUND, middle, (widest, length / 2, widest * flat), axes, quadric, colour, ends, textured)

    def _add(self, kind, centre, half, axes, quadric, colour, ends, textured) -> None:
        half = [max(extent, _THINNEST_M / 2) for extent in half]
        flat_axes = [component for axis in axes for component in axis]
        shows = colour in self.textured if textured is None else textured
        self.rows.append([kind, *centre, *half, *flat_axes, *quadric, colour, colour if ends is None else ends, float(shows)])


def extents(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lowest, highest) of each part along the object's axes, (P, 3) float64 each: exact, of turned and of round ones too."""
    parts = parts.astype(np.float64)
    centre, half = parts[:, CENTRE : CENTRE + 3], parts[:, HALF : HALF + 3]
    reach = np.abs(parts[:, AXES : AXES + 9].reshape(-1, 3, 3) * half[:, :, None])  # (P, part's axis, object's axis)
    upwards, downwards = (_round_reach(parts, reach, sign) for sign in (1.0, -1.0))
    along_y = np.sign(parts[:, AXES + 3 : AXES + 6])
    is_round = parts[:, KIND, None] == ROUND
    high = np.where(is_round, np.where(along_y < 0, downwards, upwards), reach.sum(1))
    low = np.where(is_round, np.where(along_y < 0, upwards, downwards), reach.sum(1))
    return centre - low, centre + high


def _round_reach(parts: np.ndarray, reach: np.ndarray, sign: float) -> np.ndarray:
    """How far round parts reach along the object's axes, (P, 3), where the part's y axis points along `sign` times the axis.

    It is the greatest of sign·reach_y·y + across·√(a + b·y + c·y²): at an end, or where an ellipsoid's slope is that of a plane.
    """
    a, b, c = (parts[:, QUADRIC + i, None] for i in range(3))
    along, across = sign * reach[:, 1], np.hypot(reach[:, 0], reach[:, 2])

    def at(y: np.ndarray | float) -> np.ndarray:
        return along * y + across * np.sqrt(np.maximum(a + b * y + c * y * y, 0.0))

    bend = np.where(c < 0, -c, 1.0)
    widest, squared = b / (2 * bend), np.maximum(a + b * b / (4 * bend), 0.0)
    steepest = widest + np.sqrt(squared / bend) * along / np.sqrt(np.maximum(along**2 + bend * across**2, 1e-30))
    ends = np.maximum(at(1.0), at(-1.0))
    return np.where(c < 0, np.maximum(ends, at(np.clip(steepest, -1.0, 1.0))), ends)


def turned(yaw_deg: float, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> list[list[float]]:
    """The x, y and z axis after a turn: roll lifts +x, pitch lowers +z, yaw turns +z towards +x, in that order."""
    axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    for angle, a, b in ((roll_deg, 0, 1), (pitch_deg, 1, 2), (yaw_deg, 2, 0)):
        sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        for axis in axes:
            axis[a], axis[b] = axis[a] * cosine - axis[b] * sine, axis[a] * sine + axis[b] * cosine
    return axes


def _between(start: _Point, end: _Point) -> tuple[list[float], float, list[list[float]]]:
    """(middle, length, axes) of what reaches from one point to another: its y axis points that way, its x axis is level."""
    along = [end[i] - start[i] for i in range(3)]
    length = math.sqrt(sum(step * step for step in along)) or 1e-6
    y = [step / length for step in along]
    level = math.hypot(y[0], y[2])
    x = [1.0, 0.0, 0.0] if level < 1e-6 else [y[2] / level, 0.0, -y[0] / level]
    z = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]]
    return [(start[i] + end[i]) / 2 for i in range(3)], length, [x, y, z]
