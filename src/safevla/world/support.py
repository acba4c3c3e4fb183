"""Support: where things rest on a piece of furniture, and where the objects of a house file come to rest.

A *standing area* is the part of an object that things may stand on: a level rectangle in the object's frame (x to its right, z
ahead) about the middle of its base. A bed has its mattress, a sofa its seat, nearly everything else its whole top. An object is
solid up to its standing area: what is drawn above that (a back, arms, a headboard) stops nothing.

House files hang objects a little above what they stand on, put them inside drawers and fridges, and let the simulator drop
them. Here nothing has an inside: what a file has there goes onto the top, or onto the floor in front where the top is full.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel

SETTLE_M = 0.08  # ProcTHOR lifts breakable objects by 5 cm; what is further from its place than this is put there anew
_STEP_M = 0.06  # between the places that are tried
_CLEARANCE_M = 0.005
_FRONT_M = 0.6  # the floor in front of full furniture, so deep

Spot = tuple[float, float, float]  # x and z in metres, yaw in degrees


class StandingArea(NamedTuple):
    """A level rectangle in an object's frame, metres from the middle of its base; height above it."""

    height_m: float
    x0: float
    x1: float
    z0: float
    z1: float


# The parts of a bed, a sofa and a chair that things stand on, by the object's width, height and depth.
_SEATS: dict[str, Callable[[float, float, float], tuple[float, float, float, float, float]]] = {
    "Bed": lambda w, h, d: (min(0.75 * h, 0.6), -0.46 * w, 0.46 * w, -0.5 * d + 0.55, 0.5 * d - 0.08),
    "Sofa": lambda w, h, d: (min(0.5 * h, 0.48), -0.5 * w + 0.22, 0.5 * w - 0.22, -0.5 * d + 0.34, 0.5 * min(d, 1.1) - 0.04),
    "ArmChair": lambda w, h, d: (min(0.5 * h, 0.48), -0.3 * w, 0.3 * w, -0.18 * d, 0.45 * d),
    "Chair": lambda w, h, d: (min(0.52 * h, 0.5), -0.4 * w, 0.4 * w, -0.3 * d, 0.45 * d),
}


def standing_area(type_name: str | None, size_m: Sequence[float]) -> StandingArea:
    """Where things stand on an object of a type; size_m: full extents of its bounding box."""
    x, y, z = size_m
    seat = _SEATS.get(type_name or "")
    return StandingArea(y, -x / 2, x / 2, -z / 2, z / 2) if seat is None else StandingArea(*seat(x, y, z))


@kernel
def first_free(spots, first, size_m, bottom, room, taken, n_taken, clearance):
    """Index of the first of the spots (S, 3), from `first` on, at which an object meets nothing taken, or −1; and its row.

    spots: x, z, yaw in degrees; size_m (3,); room: x0, z0, x1, z1, in which it must stand. taken (N, 6) and the row: x, z,
    half_x, half_z, bottom, top of the box around a yawed one.
    """
    row = np.zeros(6)
    row[4], row[5] = bottom + 1e-3, bottom + size_m[1]
    for i in range(first, spots.shape[0]):
        yaw = math.radians(spots[i, 2])
        sine, cosine = abs(math.sin(yaw)), abs(math.cos(yaw))
        row[0], row[1] = spots[i, 0], spots[i, 1]
        row[2], row[3] = (size_m[0] * cosine + size_m[2] * sine) / 2, (size_m[0] * sine + size_m[2] * cosine) / 2
        free = (
            row[0] - row[2] >= room[0] + 0.02
            and row[0] + row[2] <= room[2] - 0.02
            and row[1] - row[3] >= room[1] + 0.02
            and row[1] + row[3] <= room[3] - 0.02
        )
        for j in range(n_taken):
            if not free:
                break
            free = not (
                abs(row[0] - taken[j, 0]) < row[2] + taken[j, 2] + clearance
                and abs(row[1] - taken[j, 1]) < row[3] + taken[j, 3] + clearance
                and row[4] < taken[j, 5]
                and row[5] > taken[j, 4]
            )
        if free:
            return i, row
    return -1, row


@dataclasses.dataclass
class Body:
    """An object of a house file on its way to where it rests; its bounding box's middle in metres, yaw in degrees."""

    type_name: str | None
    size_m: tuple[float, float, float]
    x: float
    y: float
    z: float
    yaw_deg: float
    parent: "Body | None"
    hangs: bool  # on a wall
    area: StandingArea = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.area = standing_area(self.type_name, self.size_m)

    @property
    def bottom_m(self) -> float:
        return self.y - self.size_m[1] / 2

    def local(self, x: float, z: float) -> tuple[float, float]:
        """(right, forward) of a place in this object's frame."""
        sine, cosine = math.sin(math.radians(self.yaw_deg)), math.cos(math.radians(self.yaw_deg))
        dx, dz = x - self.x, z - self.z
        return dx * cosine - dz * sine, dx * sine + dz * cosine

    def world(self, right: float, forward: float) -> tuple[float, float]:
        """(x, z) of a place in this object's frame."""
        sine, cosine = math.sin(math.radians(self.yaw_deg)), math.cos(math.radians(self.yaw_deg))
        return self.x + right * cosine + forward * sine, self.z - right * sine + forward * cosine

    def row(self) -> tuple[float, ...]:
        """As `first_free` has what is taken: solid up to the standing area."""
        sine, cosine = abs(math.sin(math.radians(self.yaw_deg))), abs(math.cos(math.radians(self.yaw_deg)))
        size_x, _, size_z = self.size_m
        half_x, half_z = (size_x * cosine + size_z * sine) / 2, (size_x * sine + size_z * cosine) / 2
        return self.x, self.z, half_x, half_z, self.bottom_m, self.bottom_m + self.area.height_m


def settle(bodies: Sequence[Body]) -> None:
    """Bring every body to rest, parents before children: on the floor, on its parent's standing area, or on its wall."""
    displaced: list[Body] = []
    for body in bodies:
        if body.parent is not None:
            if not _stays_on(body, body.parent):
                displaced.append(body)
        elif not body.hangs:
            if body.bottom_m > SETTLE_M:
                body.hangs = True  # a television, for one: ProcTHOR gives no reason but the wall behind it
            else:
                body.y = body.size_m[1] / 2
    if displaced:
        _put_back(displaced, bodies)


def _stays_on(body: Body, parent: Body) -> bool:
    """Let a body down onto its parent if it hangs just above it; False where it has to go elsewhere."""
    area = parent.area
    right, forward = parent.local(body.x, body.z)
    top = parent.bottom_m + area.height_m
    if abs(body.bottom_m - top) > SETTLE_M or not (area.x0 <= right <= area.x1 and area.z0 <= forward <= area.z1):
        return False
    body.y = top + body.size_m[1] / 2
    return True


def _put_back(displaced: list[Body], bodies: Sequence[Body]) -> None:
    """Put what has to go elsewhere where it is free, each as near as can be to where it was."""
    moving = {id(body) for body in displaced}
    resting = [body.row() for body in bodies if id(body) not in moving]
    taken = np.array(resting + [(0.0,) * 6] * len(displaced), np.float64).reshape(-1, 6)
    n_taken = len(resting)
    for body in displaced:
        before = (body.x, body.y, body.z)
        _find_place(body, taken, n_taken)
        taken[n_taken] = body.row()
        n_taken += 1
        for rider in bodies:
            if rider.parent is body:
                rider.x, rider.y, rider.z = (
                    old + new - was
                    for old, new, was in zip(
                        (rider.x, rider.y, rider.z), (body.x, body.y, body.z), before, strict=True
                    )
                )


def _find_place(body: Body, taken: np.ndarray, n_taken: int) -> None:
    """Onto the parent's standing area, or the floor in front of it; where both are full, onto what stands there already."""
    parent = body.parent
    assert parent is not None
    area = parent.area
    right, forward = parent.local(body.x, body.z)
    right, forward = min(max(right, area.x0), area.x1), min(max(forward, area.z0), area.z1)
    size_m, anywhere = np.array(body.size_m, np.float64), (-1e6, -1e6, 1e6, 1e6)
    top = parent.bottom_m + area.height_m
    half_z = parent.size_m[2] / 2 + body.size_m[2] / 2
    front = StandingArea(0.0, -parent.size_m[0] / 2, parent.size_m[0] / 2, half_z + 0.02, half_z + _FRONT_M)
    for where, bottom in ((area, top), (front, 0.0)):
        spots = np.array(_spots_in(where, right, forward, parent, body.yaw_deg), np.float64)
        best, _ = first_free(spots, 0, size_m, bottom, anywhere, taken, n_taken, _CLEARANCE_M)
        if best >= 0:
            body.x, body.z = float(spots[best, 0]), float(spots[best, 1])
            body.y = bottom + body.size_m[1] / 2
            if where is front:
                body.parent = None
            return
    body.x, body.z = parent.world(right, forward)
    body.y = top + body.size_m[1] / 2


def _spots_in(area: StandingArea, right: float, forward: float, parent: Body, yaw_deg: float) -> list[Spot]:
    """Places in an area of the parent's frame, those nearest to (right, forward) first."""
    places = [(right, forward)] if area.x0 <= right <= area.x1 and area.z0 <= forward <= area.z1 else []
    n_x, n_z = (max(1, math.ceil((high - low) / _STEP_M)) for low, high in ((area.x0, area.x1), (area.z0, area.z1)))
    for i in range(n_x + 1):
        for j in range(n_z + 1):
            places.append((area.x0 + (area.x1 - area.x0) * i / n_x, area.z0 + (area.z1 - area.z0) * j / n_z))
    places.sort(key=lambda place: (place[0] - right) ** 2 + (place[1] - forward) ** 2)
    return [(*parent.world(*place), yaw_deg) for place in places]
