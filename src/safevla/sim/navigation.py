"""Navigation: where a robot's centre fits, how far it is from anywhere, and the way there.

A grid of nodes 0.15 m apart, as AI2-THOR's reachable positions. Distances are geodesic over eight neighbours, weighted by
what it costs to stand near objects, so that one function serves the metric (plain metres, for SPL) and both experts.
"""

import heapq
import math

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.boxes import boxes_of
from safevla.sim.geometry import RADIANS, disc_to_rectangle
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.sim.robot import BODY_TOP_M
from safevla.world.boxes import MOVEABLE, STRUCTURE
from safevla.world.floor import enter_largest_component
from safevla.world.layout import FLOOR_CELL_M, Layout

FIT_RADIUS_M = 0.20  # a node is reachable where a disc of this radius fits
CLEARANCE_CAP_M = 0.60  # clearances beyond this count as this
UNREACHABLE = np.float32(1e9)


@kernel
def clearance(boxes, lowest_mobility, highest_mobility, origin_x, origin_z, out):
    """Distance from each node to the nearest box that a body can meet, into out (Z, X), metres, at most CLEARANCE_CAP_M.

    Counts boxes of a mobility from `lowest_mobility` to `highest_mobility`. (origin_x, origin_z) is where out[0, 0] lies.
    """
    pose, half = boxes.pose, boxes.half
    out[:] = CLEARANCE_CAP_M
    size_z, size_x = out.shape
    for m in range(boxes.n_boxes):
        if boxes.mobility[m] < lowest_mobility or boxes.mobility[m] > highest_mobility:
            continue
        if pose[m, 1] - half[m, 1] > BODY_TOP_M or pose[m, 1] + half[m, 1] < 0.01:
            continue
        turn = pose[m, 3] * RADIANS
        sin_yaw, cos_yaw = math.sin(turn), math.cos(turn)
        reach_x = abs(half[m, 0] * cos_yaw) + abs(half[m, 2] * sin_yaw) + CLEARANCE_CAP_M
        reach_z = abs(half[m, 0] * sin_yaw) + abs(half[m, 2] * cos_yaw) + CLEARANCE_CAP_M
        x0 = max(0, int(math.ceil((pose[m, 0] - reach_x - origin_x) / REACHABLE_CELL_M)))
        x1 = min(size_x - 1, int(math.floor((pose[m, 0] + reach_x - origin_x) / REACHABLE_CELL_M)))
        z0 = max(0, int(math.ceil((pose[m, 2] - reach_z - origin_z) / REACHABLE_CELL_M)))
        z1 = min(size_z - 1, int(math.floor((pose[m, 2] + reach_z - origin_z) / REACHABLE_CELL_M)))
        for iz in range(z0, z1 + 1):
            for ix in range(x0, x1 + 1):
                distance, _, _ = disc_to_rectangle(
                    origin_x + ix * REACHABLE_CELL_M - pose[m, 0],
                    origin_z + iz * REACHABLE_CELL_M - pose[m, 2],
                    sin_yaw, cos_yaw, half[m, 0], half[m, 2],
                )  # fmt: skip
                if distance < out[iz, ix]:
                    out[iz, ix] = distance


@kernel
def distance_field(weight, sources, handicap=0.0):
    """Geodesic distance of every node to the nearest source, (Z, X) float32 metres times weight.

    weight (Z, X): cost factor of standing at a node, infinite where it cannot be stood on. sources (S, 2): (z, x)
    indices; a source starts at handicap × (its weight − 1), so that a comfortable one is preferred. Unreachable nodes
    get UNREACHABLE.
    """
    size_z, size_x = weight.shape
    field = np.full((size_z, size_x), UNREACHABLE)
    heap = [(np.float32(0.0), np.int64(0))]
    heap.pop()
    for i in range(sources.shape[0]):
        iz, ix = sources[i, 0], sources[i, 1]
        if weight[iz, ix] < UNREACHABLE:
            start = np.float32(handicap * (weight[iz, ix] - 1.0))
            field[iz, ix] = start
            heapq.heappush(heap, (start, np.int64(iz * size_x + ix)))
    while len(heap) > 0:
        distance, node = heapq.heappop(heap)
        iz, ix = node // size_x, node % size_x
        if distance > field[iz, ix]:
            continue
        for dz in range(-1, 2):
            for dx in range(-1, 2):
                nz, nx = iz + dz, ix + dx
                if (dz == 0 and dx == 0) or nz < 0 or nx < 0 or nz >= size_z or nx >= size_x:
                    continue
                if weight[nz, nx] >= UNREACHABLE:
                    continue
                if dz != 0 and dx != 0 and (weight[iz, nx] >= UNREACHABLE or weight[nz, ix] >= UNREACHABLE):
                    continue  # no cutting of corners
                length = REACHABLE_CELL_M * (1.4142135 if dz != 0 and dx != 0 else 1.0)
                candidate = np.float32(distance + length * 0.5 * (weight[iz, ix] + weight[nz, nx]))
                if candidate < field[nz, nx]:
                    field[nz, nx] = candidate
                    heapq.heappush(heap, (candidate, np.int64(nz * size_x + nx)))
    return field


def largest_component(free):
    """The largest 4-connected part of a boolean grid (Z, X)."""
    found = np.zeros(free.shape, np.bool_)
    enter_largest_component(free, False, found)
    return found


@kernel
def line_is_free(weight, limit, x0, z0, x1, z1):
    """Whether every node near the straight line between two points, in grid units, weighs at most `limit`."""
    steps = int(max(abs(x1 - x0), abs(z1 - z0)) * 2.0) + 1
    for i in range(steps + 1):
        share = i / steps
        ix = int(round(x0 + share * (x1 - x0)))
        iz = int(round(z0 + share * (z1 - z0)))
        if iz < 0 or ix < 0 or iz >= weight.shape[0] or ix >= weight.shape[1] or weight[iz, ix] > limit:
            return False
    return True


@kernel
def sees(eye_x, eye_y, eye_z, target, boxes):
    """Whether the straight line from an eye to a box, three quarters of the way up, passes no wall and no furniture."""
    pose, half = boxes.pose, boxes.half
    tx, ty, tz = pose[target, 0], pose[target, 1] + 0.5 * half[target, 1], pose[target, 2]
    for m in range(boxes.n_boxes):
        if m == target or boxes.mobility[m] > MOVEABLE:
            continue
        turn = pose[m, 3] * RADIANS
        s, c = math.sin(turn), math.cos(turn)
        near, far = 0.0, 1.0
        ox, oz = eye_x - pose[m, 0], eye_z - pose[m, 2]
        dx, dz = tx - eye_x, tz - eye_z
        blocked = True
        for axis in range(3):
            if axis == 0:
                origin, direction, reach = ox * c - oz * s, dx * c - dz * s, half[m, 0]
            elif axis == 1:
                origin, direction, reach = eye_y - pose[m, 1], ty - eye_y, half[m, 1]
            else:
                origin, direction, reach = ox * s + oz * c, dx * s + dz * c, half[m, 2]
            if abs(direction) < 1e-9:
                if abs(origin) > reach:
                    blocked = False
                continue
            a, b = (-reach - origin) / direction, (reach - origin) / direction
            near, far = max(near, min(a, b)), min(far, max(a, b))
        if blocked and near < far:
            return False
    return True


@kernel
def viewpoints(free, x, z, target_x, target_z, within_m, up_m, pitch_deg, margin_deg):
    """(S, 2) nodes (z, x) nearer than `within_m` to a target that have it in a camera's picture, nearest first.

    free (Z, X) bool: where the nodes may be; x (X,) and z (Z,) in metres; up_m: the camera's height above the target;
    pitch_deg: the camera's, downwards; margin_deg: how far above or below its axis the target may appear.
    """
    nodes, away_m = np.empty((free.size, 2), np.int64), np.empty(free.size)
    n = 0
    for iz in range(free.shape[0]):
        if abs(z[iz] - target_z) >= within_m:
            continue
        for ix in range(free.shape[1]):
            distance = math.hypot(x[ix] - target_x, z[iz] - target_z)
            if not free[iz, ix] or distance >= within_m:
                continue
            if abs(math.atan2(up_m, distance) / RADIANS - pitch_deg) < margin_deg:
                nodes[n, 0], nodes[n, 1], away_m[n] = iz, ix, distance
                n += 1
    return nodes[:n][np.argsort(away_m[:n], kind="mergesort")]


@kernel
def seen_from(nodes, x, z, eye_y, target, boxes):
    """(S,) bool: whether an eye at that height sees a box from grid nodes (S, 2), as (z, x); x (X,) and z (Z,) in metres."""
    found = np.empty(len(nodes), np.bool_)
    for i in range(len(nodes)):
        found[i] = sees(x[nodes[i, 1]], eye_y, z[nodes[i, 0]], target, boxes)
    return found


def reachable_grid(layout: Layout) -> tuple[np.ndarray, tuple[float, float]]:
    """Which nodes a robot's centre can stand on, (Z, X) bool, and the (x, z) of the first node in metres.

    The largest connected part of the floor where a disc of FIT_RADIUS_M meets no wall, furniture or moveable object. What
    a hand can pick up does not count: the base pushes it.
    """
    size_z, size_x = layout.room.shape
    cells_x = int(size_x * FLOOR_CELL_M / REACHABLE_CELL_M) + 1
    cells_z = int(size_z * FLOOR_CELL_M / REACHABLE_CELL_M) + 1
    distance = np.empty((cells_z, cells_x), np.float32)
    clearance(boxes_of(layout), STRUCTURE, MOVEABLE, *layout.origin, distance)
    x = np.minimum((np.arange(cells_x) * REACHABLE_CELL_M / FLOOR_CELL_M).astype(int), size_x - 1)
    z = np.minimum((np.arange(cells_z) * REACHABLE_CELL_M / FLOOR_CELL_M).astype(int), size_z - 1)
    indoors = layout.room[np.ix_(z, x)] >= 0
    return largest_component(indoors & (distance > FIT_RADIUS_M)), layout.origin
