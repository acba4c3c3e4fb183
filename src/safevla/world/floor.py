"""Floor: where who is careful gets among the boxes of a house, and whether he still does once a box more stands there.

The floor is a grid of nodes, the same that the simulator counts as reachable positions. A *careful way* touches nothing.
Whatever is put down by `put_first` leaves two things: careful ways join all of the floor that they joined before, and every
target that a hand is to take can be taken from some places, its *sides*, without touching anything else.

Boxes are rows (x, z, half_x, half_z, bottom, top) along the world's axes; metres and degrees.
"""

import math
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.world.support import first_free

# as the simulator has them: `tests/world/test_floor.py` compares
CELL_M = 0.15
FIT_M = 0.20  # a node is reachable with this much room to walls and furniture
BODY_TOP_M = 1.4367
WALL_M = 0.02

CAREFUL_M = 0.26  # with this much room to everything, a robot gets by without contact
SIDES_LEFT = 3  # places from which a target can still be taken without touching anything else
_SIDES_LEFT_BY_LOOSE = 5  # the same, after something loose was put on the floor: it may be pushed, and be in the way then
_STAND_M = 0.28  # with this much room, a robot turns its arm towards a target
_FAR_M = 0.36  # more room counts as this
_GRASP_M = (0.40, 0.76)  # from a standing place to what is grasped
_ARM_UP_M = 0.13  # height of arm and gripper together, from the gripper's underside
ARM_HALF_M = 0.045  # half their width, and some air
_WRIST_M, _GRIPPER_M = 0.1437, 0.2047  # from the robot's middle to where the gripper unfolds, and its length
_NEARBY_M = 1.0  # the corner rule counts the reachable nodes so near
_BESIDE_M = 0.3  # from the middle of a way to furniture that narrows it
_CUT_OFF = 8  # nodes that a box may at most separate from the rest
MOST_SIDES = 80  # of a target; fewer nodes than that lie within an arm's reach
NO_CORNER = (math.nan, math.nan, 0.0)


class Floor(NamedTuple):
    """A house's floor and what stands there; functions of this module change the arrays in place.

    Once a box more has been considered, the arrays next_… are what the others would be with it.
    """

    origin: np.ndarray  # (2,) x and z of the first node
    rows: np.ndarray  # (N, 6) the boxes; how many of them there are, every function is told
    solid_m: np.ndarray  # (Z, X) from each node to walls and furniture
    room_m: np.ndarray  # (Z, X) to everything
    reached: np.ndarray  # (Z, X) bool: where careful ways lead
    targets: np.ndarray  # (T, 5) what a hand is to take: x, z, bottom, height, half its width
    sides: np.ndarray  # (T, MOST_SIDES, 2) int64: the nodes (z, x) from which each could be taken to begin with
    is_side: np.ndarray  # (T, MOST_SIDES) bool: from which of them it still can
    n_sides: np.ndarray  # (T,) int64: their number
    next_room_m: np.ndarray
    next_reached: np.ndarray
    next_is_side: np.ndarray
    next_n_sides: np.ndarray
    stale: np.ndarray  # (4,) int64: z0, z1, x0, x1, the part of the grid where next_… may be others


def floor_of(origin: np.ndarray, shape: tuple[int, int], rows: np.ndarray, targets: np.ndarray) -> Floor:
    """A floor of so many nodes along z and x, for `lay` to fill."""
    maps, reached, n = np.empty((3, *shape)), np.empty((2, *shape), np.bool_), len(targets)
    is_side, n_sides = np.zeros((2, n, MOST_SIDES), np.bool_), np.zeros((2, n), np.int64)
    return Floor(
        origin, rows, maps[0], maps[1], reached[0], targets, np.zeros((n, MOST_SIDES, 2), np.int64), is_side[0], n_sides[0],
        maps[2], reached[1], is_side[1], n_sides[1], np.array([0, shape[0], 0, shape[1]]),
    )  # fmt: skip


@kernel
def gap(x, z, row):
    """Metres from a point to a box on the floor plane, 0 inside."""
    dx, dz = max(0.0, abs(x - row[0]) - row[2]), max(0.0, abs(z - row[1]) - row[3])
    return math.sqrt(dx * dx + dz * dz)


@kernel
def _nodes_near(row, margin, origin, shape):
    """The part of the grid, z0, z1, x0, x1, that lies within a margin of a box."""
    x0 = max(0, int(math.ceil((row[0] - row[2] - margin - origin[0]) / CELL_M)))
    x1 = min(shape[1], int(math.floor((row[0] + row[2] + margin - origin[0]) / CELL_M)) + 1)
    z0 = max(0, int(math.ceil((row[1] - row[3] - margin - origin[1]) / CELL_M)))
    z1 = min(shape[0], int(math.floor((row[1] + row[3] + margin - origin[1]) / CELL_M)) + 1)
    return z0, max(z0, z1), x0, max(x0, x1)


@kernel
def stamp(room_m, origin, row):
    """Enter into room_m (Z, X) how far the nodes are from a box, where that is less than what stands there."""
    if row[4] > BODY_TOP_M or row[5] < 0.01:
        return
    z0, z1, x0, x1 = _nodes_near(row, _FAR_M, origin, room_m.shape)
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            room_m[iz, ix] = min(room_m[iz, ix], gap(origin[0] + ix * CELL_M, origin[1] + iz * CELL_M, row))


@kernel
def enter_largest_component(value, least, found):
    """Enter into found (Z, X) which nodes are of the largest 4-connected part of the grid where the value is above the least."""
    size_z, size_x = value.shape
    label = np.zeros((size_z, size_x), np.int32)
    stack = np.empty((size_z * size_x, 2), np.int32)
    best, most, n_labels = 0, 0, 0
    for iz in range(size_z):
        for ix in range(size_x):
            if label[iz, ix] != 0 or value[iz, ix] <= least:
                continue
            n_labels += 1
            label[iz, ix] = n_labels
            stack[0, 0], stack[0, 1] = iz, ix
            top, n = 1, 0
            while top > 0:
                top -= 1
                cz, cx = stack[top, 0], stack[top, 1]
                n += 1
                for k in range(4):
                    nz = cz + (1 if k == 0 else -1 if k == 1 else 0)
                    nx = cx + (1 if k == 2 else -1 if k == 3 else 0)
                    if 0 <= nz < size_z and 0 <= nx < size_x and label[nz, nx] == 0 and value[nz, nx] > least:
                        label[nz, nx] = n_labels
                        stack[top, 0], stack[top, 1] = nz, nx
                        top += 1
            if n > most:
                best, most = n_labels, n
    for iz in range(size_z):
        for ix in range(size_x):
            found[iz, ix] = best > 0 and label[iz, ix] == best


@kernel
def n_nearby(solid_m, origin, x, z):
    """How many reachable nodes lie within 1 m of a place."""
    n = 0
    z0, z1, x0, x1 = _nodes_near((x, z, 0.0, 0.0), _NEARBY_M, origin, solid_m.shape)
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            dx, dz = origin[0] + ix * CELL_M - x, origin[1] + iz * CELL_M - z
            n += solid_m[iz, ix] > FIT_M and dx * dx + dz * dz <= _NEARBY_M * _NEARBY_M
    return n


@kernel
def _n_taken_nearby(solid_m, origin, x, z, row):
    """How many of the reachable nodes within 1 m of a place a piece of furniture takes."""
    n = 0
    z0, z1, x0, x1 = _nodes_near(row, FIT_M, origin, solid_m.shape)
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            at_x, at_z = origin[0] + ix * CELL_M, origin[1] + iz * CELL_M
            if solid_m[iz, ix] > FIT_M and (at_x - x) ** 2 + (at_z - z) ** 2 <= _NEARBY_M * _NEARBY_M:
                n += gap(at_x, at_z, row) <= FIT_M
    return n


@kernel
def _crosses(x0, z0, x1, z1, row, margin):
    """Whether the line from one point to another comes nearer to a box than the margin along x and along z."""
    near, far = 0.0, 1.0
    for axis in range(2):
        start, end = (x0, x1) if axis == 0 else (z0, z1)
        middle, reach = row[axis], row[2 + axis] + margin
        step = end - start
        if abs(step) < 1e-9:
            if abs(start - middle) > reach:
                return False
            continue
        a, b = (middle - reach - start) / step, (middle + reach - start) / step
        near, far = max(near, min(a, b)), min(far, max(a, b))
    return near <= far


@kernel
def hand_level(target):
    """The height of the hand that takes a target."""
    return target[2] + max(target[3] / 2, 0.04)


@kernel
def is_free_to_grasp(x, z, target, rows, n, margin):
    """Whether an arm at (x, z) gets to a target past n boxes with a margin: straight out, and while the gripper unfolds."""
    level = hand_level(target)
    dx, dz = target[0] - x, target[1] - z
    away = math.sqrt(dx * dx + dz * dz)
    ux, uz = dx / away, dz / away
    wrist_x, wrist_z = x + _WRIST_M * ux, z + _WRIST_M * uz
    for i in range(n):
        row = rows[i]
        if row[4] > level + _ARM_UP_M or row[5] < level - 0.005:
            continue
        if abs(row[0] - target[0]) < 1e-3 and abs(row[1] - target[1]) < 1e-3:
            continue  # the target itself
        if abs(row[0] - x) > row[2] + 1.0 or abs(row[1] - z) > row[3] + 1.0:
            continue
        if _crosses(x, z, target[0], target[1], row, margin):
            return False
        for side in (-0.5, 0.5):  # the gripper unfolds over the side that the robot faces, with the arm to its right
            end_x, end_z = wrist_x + _GRIPPER_M * (side * ux - 0.866 * uz), wrist_z + _GRIPPER_M * (side * uz + 0.866 * ux)
            if _crosses(wrist_x, wrist_z, end_x, end_z, row, margin):
                return False
    return True


# Loops, for Numba takes seconds to compile the assignment of a slice to a slice.


@kernel
def _copy_part(source, target, z0, z1, x0, x1):
    """Copy rows z0 to z1 and columns x0 to x1 of an array."""
    for z in range(z0, z1):
        for x in range(x0, x1):
            target[z, x] = source[z, x]


@kernel
def _copy_sides(is_side, n_sides, to_is_side, to_n_sides):
    """Copy of which sides targets can be taken, (T, S) bool, and how many these are, (T,)."""
    for t in range(n_sides.size):
        to_n_sides[t] = n_sides[t]
        for s in range(is_side.shape[1]):
            to_is_side[t, s] = is_side[t, s]


@kernel
def _refresh(floor):
    """Make next_… the same as the others again."""
    z0, z1, x0, x1 = floor.stale
    _copy_part(floor.room_m, floor.next_room_m, z0, z1, x0, x1)
    _copy_part(floor.reached, floor.next_reached, z0, z1, x0, x1)
    _copy_sides(floor.is_side, floor.n_sides, floor.next_is_side, floor.next_n_sides)
    floor.stale[:] = 0


@kernel
def _enter_on_floor(floor, row):
    """Enter a box on the floor into next_…; whether it takes any node from careful ways."""
    z0, z1, x0, x1 = _nodes_near(row, _FAR_M, floor.origin, floor.room_m.shape)
    floor.stale[0], floor.stale[1], floor.stale[2], floor.stale[3] = z0, z1, x0, x1
    stamp(floor.next_room_m, floor.origin, row)
    takes_some = False
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            if floor.next_reached[iz, ix] and floor.next_room_m[iz, ix] <= CAREFUL_M:
                floor.next_reached[iz, ix] = False
                takes_some = True
    return takes_some


@kernel
def _n_cut_off(reached, part, stale):
    """How many of the nodes reached, (Z, X) bool, are cut off from the rest; each is joined to some in a part z0, z1, x0, x1.

    They are reached no longer, and the part of the grid in `stale` grows by them. Too many are not counted further.
    """
    z0, z1, x0, x1 = part
    size_z, size_x = reached.shape
    joined = np.zeros(reached.shape, np.bool_)  # to the first node of the part
    seen = np.zeros(reached.shape, np.bool_)
    queue = np.empty((size_z * size_x, 2), np.int32)
    is_first, n_cut_off = True, 0
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            if not reached[iz, ix] or joined[iz, ix]:
                continue
            queue[0, 0], queue[0, 1] = iz, ix
            seen[iz, ix] = True
            head, tail, meets = 0, 1, False
            while head < tail and not meets:
                cz, cx = queue[head, 0], queue[head, 1]
                head += 1
                for k in range(4):
                    nz = cz + (1 if k == 0 else -1 if k == 1 else 0)
                    nx = cx + (1 if k == 2 else -1 if k == 3 else 0)
                    if not (0 <= nz < size_z and 0 <= nx < size_x) or not reached[nz, nx] or seen[nz, nx]:
                        continue
                    if is_first and not (z0 <= nz < z1 and x0 <= nx < x1):
                        continue  # first what is joined nearby, which mostly is all
                    meets |= joined[nz, nx]
                    seen[nz, nx] = True
                    queue[tail, 0], queue[tail, 1] = nz, nx
                    tail += 1
            if is_first or meets:
                for i in range(tail):
                    joined[queue[i, 0], queue[i, 1]] = True
                    seen[queue[i, 0], queue[i, 1]] = False
            else:
                n_cut_off += tail
                if n_cut_off > _CUT_OFF:
                    return n_cut_off
                for i in range(tail):
                    cz, cx = queue[i, 0], queue[i, 1]
                    reached[cz, cx] = False
                    stale[0], stale[1] = min(stale[0], cz), max(stale[1], cz + 1)
                    stale[2], stale[3] = min(stale[2], cx), max(stale[3], cx + 1)
            is_first = False
    return n_cut_off


@kernel
def _keeps_sides(floor, one, on_floor, least):
    """Enter into next_… from where each target can be taken with the box one (1, 6) more; whether they are at least so many."""
    row = one[0]
    for t in range(len(floor.targets)):
        target = floor.targets[t]
        if floor.n_sides[t] == 0 or abs(target[0] - row[0]) > row[2] + 1.1 or abs(target[1] - row[1]) > row[3] + 1.1:
            continue
        left = 0
        for s in range(MOST_SIDES):
            if floor.is_side[t, s]:
                iz, ix = floor.sides[t, s]
                x, z = floor.origin[0] + ix * CELL_M, floor.origin[1] + iz * CELL_M
                is_left = not on_floor or (floor.next_room_m[iz, ix] > _STAND_M and floor.next_reached[iz, ix])
                floor.next_is_side[t, s] = is_left and is_free_to_grasp(x, z, target, one, np.int64(1), ARM_HALF_M)
                left += floor.next_is_side[t, s]
        floor.next_n_sides[t] = left
        if left < min(floor.n_sides[t], least):
            return False
    return True


@kernel
def leaves_ways(floor, one, on_floor, is_loose):
    """Whether careful ways and places to take every target from are left once the box one (1, 6) stands there; fills next_…."""
    _refresh(floor)
    if not on_floor:
        return _keeps_sides(floor, one, np.bool_(False), np.int64(SIDES_LEFT))
    takes_some = _enter_on_floor(floor, one[0])
    least = _SIDES_LEFT_BY_LOOSE if is_loose else SIDES_LEFT
    if not _keeps_sides(floor, one, np.bool_(True), np.int64(least)):  # which is sooner known
        return False
    if not takes_some:
        return True
    part = _nodes_near(one[0], CAREFUL_M + 4 * CELL_M, floor.origin, floor.room_m.shape)
    n_cut_off = _n_cut_off(floor.next_reached, part, floor.stale)
    return n_cut_off == 0 or (n_cut_off <= _CUT_OFF and _keeps_sides(floor, one, np.bool_(True), np.int64(least)))


@kernel
def put_first(floor, n, spots, size_m, bottom, room, clearance, on_floor, is_loose, corner):
    """Put a box down, as the row after n others, at the first of the spots (S, 3) that is free and leaves ways; its index, or −1.

    Spots, size, bottom, room and clearance are those of `support.first_free`; is_loose: a hand can pick it up. corner: x, z and a
    number; it is to take so many of the reachable nodes within 1 m of x and z, where the robot needs space. NaN: no such place.
    """
    first = 0
    while True:
        best, row = first_free(spots, first, size_m, bottom, room, floor.rows, n, clearance)
        if best < 0:
            return best
        first = best + 1
        if not math.isnan(corner[0]):
            x, z, least = corner
            if gap(x, z, row) < _BESIDE_M or _n_taken_nearby(floor.solid_m, floor.origin, x, z, row) < least:
                continue
        if leaves_ways(floor, row.reshape(1, 6), on_floor, is_loose):
            z0, z1, x0, x1 = floor.stale
            _copy_part(floor.next_room_m, floor.room_m, z0, z1, x0, x1)
            _copy_part(floor.next_reached, floor.reached, z0, z1, x0, x1)
            _copy_sides(floor.next_is_side, floor.next_n_sides, floor.is_side, floor.n_sides)
            for k in range(6):
                floor.rows[n, k] = row[k]
            if on_floor and not is_loose:
                stamp(floor.solid_m, floor.origin, row)
            return best


@kernel
def lay(floor, n, is_loose, rooms, holes):
    """Fill a floor's maps and sides from its walls and n boxes, of which some are loose (n,) bool.

    rooms (R, 4): x0, z0, x1, z1; holes (H, 4): 1 if an opening's wall runs along x, the wall's line, and the opening's two ends.
    """
    origin = floor.origin
    floor.solid_m[:] = 0.0
    for r in range(len(rooms)):
        middle_x, middle_z = (rooms[r, 0] + rooms[r, 2]) / 2, (rooms[r, 1] + rooms[r, 3]) / 2
        half_x, half_z = (rooms[r, 2] - rooms[r, 0]) / 2, (rooms[r, 3] - rooms[r, 1]) / 2
        z0, z1, x0, x1 = _nodes_near((middle_x, middle_z, half_x, half_z), 0.0, origin, floor.solid_m.shape)
        floor.solid_m[z0:z1, x0:x1] = _FAR_M
    for r in range(len(rooms)):
        for side in range(4):
            _lay_wall(floor.solid_m, origin, rooms[r], side, holes)
    _copy_part(floor.solid_m, floor.room_m, 0, floor.room_m.shape[0], 0, floor.room_m.shape[1])
    for i in range(n):
        stamp(floor.room_m, origin, floor.rows[i])
        if not is_loose[i]:
            stamp(floor.solid_m, origin, floor.rows[i])
    enter_largest_component(floor.room_m, CAREFUL_M, floor.reached)  # that careful ways join
    for t in range(len(floor.targets)):
        _find_sides(floor, n, t)


@kernel
def _lay_wall(solid_m, origin, room, side, holes):
    """`stamp` one of a room's walls, less its openings; room (4,), side: which of its sides, holes as `lay` has them."""
    is_along_x = side % 2 == 1
    low, high = (room[0], room[2]) if is_along_x else (room[1], room[3])
    across = room[side] + (WALL_M if side < 2 else -WALL_M) / 2
    row = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0])
    while low < high - 1e-6:
        end, onward = high, high
        for h in range(len(holes)):
            on_side = (holes[h, 0] > 0.5) == is_along_x and abs(holes[h, 1] - room[side]) < 1e-6
            if on_side and low - 1e-6 <= holes[h, 2] < end:
                end, onward = holes[h, 2], holes[h, 3]
        middle, half = (low + end) / 2, max(0.0, end - low) / 2
        row[0], row[1] = (middle, across) if is_along_x else (across, middle)
        row[2], row[3] = (half, WALL_M / 2) if is_along_x else (WALL_M / 2, half)
        stamp(solid_m, origin, row)
        low = onward


@kernel
def _find_sides(floor, n, t):
    """Enter from which nodes a target can be taken past n boxes."""
    target, found = floor.targets[t], 0
    z0, z1, x0, x1 = _nodes_near((target[0], target[1], 0.0, 0.0), _GRASP_M[1], floor.origin, floor.room_m.shape)
    for iz in range(z0, z1):
        for ix in range(x0, x1):
            if floor.room_m[iz, ix] <= _STAND_M or not floor.reached[iz, ix]:
                continue
            x, z = floor.origin[0] + ix * CELL_M, floor.origin[1] + iz * CELL_M
            if not _GRASP_M[0] <= math.hypot(x - target[0], z - target[1]) <= _GRASP_M[1]:
                continue
            if is_free_to_grasp(x, z, target, floor.rows, n, ARM_HALF_M):
                floor.sides[t, found, 0], floor.sides[t, found, 1] = iz, ix
                floor.is_side[t, found] = True
                found += 1
    floor.n_sides[t] = found
