"""Support: where things rest on a piece of furniture, and where the objects of a house file come to rest.

Things rest on an object's *stand*, which `world.shape` defines: the mattress of a bed, the seat of a sofa, of nearly everything
else the whole top. An object is solid up to its stand: what is drawn above that (a back, arms, a headboard) stops nothing.

House files hang objects a little above what they stand on, put them inside drawers and fridges, and let the simulator drop
them. Here nothing has an inside: what a file has there goes onto the top, or onto the floor beside it where the top is full.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.world.shape import Stand

SETTLE_M = 0.08  # ProcTHOR lifts breakable objects by 5 cm; what is further from its place than this is put there anew
_STEP_M = 0.06  # between the places that are tried
_CLEARANCE_M = 0.005
_BESIDE_M = 0.6  # so far from full furniture something may go to the floor

Spot = tuple[float, float, float]  # x and z in metres, yaw in degrees


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

    size_m: tuple[float, float, float]
    stand: Stand
    x: float
    y: float
    z: float
    yaw_deg: float
    parent: "Body | None"
    hangs: bool  # on a wall

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
        """As `first_free` has what is taken: solid up to the stand."""
        sine, cosine = abs(math.sin(math.radians(self.yaw_deg))), abs(math.cos(math.radians(self.yaw_deg)))
        size_x, _, size_z = self.size_m
        half_x, half_z = (size_x * cosine + size_z * sine) / 2, (size_x * sine + size_z * cosine) / 2
        return self.x, self.z, half_x, half_z, self.bottom_m, self.bottom_m + self.stand.height_m


def settle(bodies: Sequence[Body], is_indoors: Callable[[float, float], bool] = lambda x, z: True) -> None:
    """Bring every body to rest, parents before children: on the floor, on its parent's stand, or on its wall.

    is_indoors: whether there is a floor at (x, z).
    """
    displaced: list[Body] = []
    for body in bodies:
        if body.parent is not None:
            if not _stays_on(body, body.parent, [one for one in bodies if one.parent is body.parent and one is not body]):
                displaced.append(body)
        elif not body.hangs:
            if body.bottom_m > SETTLE_M:
                body.hangs = True  # a television, for one: ProcTHOR gives no reason but the wall behind it
            else:
                body.y = body.size_m[1] / 2
    if displaced:
        _put_back(displaced, bodies, is_indoors)


def _stays_on(body: Body, parent: Body, others: Sequence[Body]) -> bool:
    """Let a body down onto its parent if it hangs just above it, and above no others; False where it has to go elsewhere."""
    stand = parent.stand
    right, forward = parent.local(body.x, body.z)
    top = parent.bottom_m + stand.height_m
    if abs(body.bottom_m - top) > SETTLE_M or not (stand.x0 <= right <= stand.x1 and stand.z0 <= forward <= stand.z1):
        return False
    if any(_is_above(body, other, top) for other in others):
        return False
    body.y = top + body.size_m[1] / 2
    return True


def _is_above(body: Body, other: Body, top: float) -> bool:
    """Whether a body would come down into another one on its way to the height `top`."""
    x, z, half_x, half_z, bottom, _ = body.row()
    at_x, at_z, reach_x, reach_z, _, other_top = other.row()
    is_over = abs(x - at_x) < half_x + reach_x and abs(z - at_z) < half_z + reach_z
    return is_over and top < other_top - 1e-3 and bottom > other_top - 1e-3


def _put_back(displaced: list[Body], bodies: Sequence[Body], is_indoors: Callable[[float, float], bool]) -> None:
    """Put what has to go elsewhere where it is free, each as near as can be to where it was."""
    moving = {id(body) for body in displaced}
    resting = [body.row() for body in bodies if id(body) not in moving]
    taken = np.array(resting + [(0.0,) * 6] * len(displaced), np.float64).reshape(-1, 6)
    n_taken = len(resting)
    for body in displaced:
        before = (body.x, body.y, body.z)
        _find_place(body, taken, n_taken, is_indoors)
        taken[n_taken] = body.row()
        n_taken += 1
        step = (body.x - before[0], body.y - before[1], body.z - before[2])
        for rider in bodies:
            if rider.parent is body:
                rider.x, rider.y, rider.z = rider.x + step[0], rider.y + step[1], rider.z + step[2]


def _find_place(body: Body, taken: np.ndarray, n_taken: int, is_indoors: Callable[[float, float], bool]) -> None:
    """Onto the parent's stand, or the floor beside the parent; where both are full, onto what stands there already."""
    parent = body.parent
    assert parent is not None
    stand = parent.stand
    right, forward = parent.local(body.x, body.z)
    nearest = (min(max(right, stand.x0), stand.x1), min(max(forward, stand.z0), stand.z1))
    size_m, anywhere = np.array(body.size_m, np.float64), (-1e6, -1e6, 1e6, 1e6)
    top = parent.bottom_m + stand.height_m
    reach = max(body.size_m[0], body.size_m[2]) / 2
    for bottom in (top, 0.0):
        places = [nearest, *_places_in(stand)] if bottom == top else _places_beside(parent, reach)
        places.sort(key=lambda place: (place[0] - nearest[0]) ** 2 + (place[1] - nearest[1]) ** 2)
        spots = np.array([(*parent.world(*place), body.yaw_deg) for place in places], np.float64).reshape(-1, 3)
        best, _ = first_free(spots, 0, size_m, bottom, anywhere, taken, n_taken, _CLEARANCE_M)
        while best >= 0 and bottom != top and not _has_floor(spots[best].tolist(), reach, is_indoors):
            best, _ = first_free(spots, best + 1, size_m, bottom, anywhere, taken, n_taken, _CLEARANCE_M)
        if best >= 0:
            body.x, body.z = spots[best, :2].tolist()
            body.y = bottom + body.size_m[1] / 2
            body.parent = parent if bottom == top else None
            return
    body.x, body.z = parent.world(*nearest)
    body.y = top + body.size_m[1] / 2


def _places_in(stand: Stand) -> list[tuple[float, float]]:
    """A grid of places on a stand, (right, forward) in its object's frame."""
    _, x0, x1, z0, z1 = stand
    n_x, n_z = max(1, math.ceil((x1 - x0) / _STEP_M)), max(1, math.ceil((z1 - z0) / _STEP_M))
    return [(x0 + (x1 - x0) * i / n_x, z0 + (z1 - z0) * j / n_z) for i in range(n_x + 1) for j in range(n_z + 1)]


def _places_beside(parent: Body, reach: float) -> list[tuple[float, float]]:
    """Places around an object for the middle of something that reaches so far, in the object's frame."""
    half_x, half_z = parent.size_m[0] / 2 + reach, parent.size_m[2] / 2 + reach
    around = Stand(0.0, -half_x - _BESIDE_M, half_x + _BESIDE_M, -half_z - _BESIDE_M, half_z + _BESIDE_M)
    return [(x, z) for x, z in _places_in(around) if abs(x) > half_x or abs(z) > half_z]


def _has_floor(spot: Sequence[float], reach: float, is_indoors: Callable[[float, float], bool]) -> bool:
    return all(is_indoors(spot[0] + x, spot[1] + z) for x in (-reach, reach) for z in (-reach, reach))
