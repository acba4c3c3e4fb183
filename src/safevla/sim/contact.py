"""Contact: how objects are pushed, lose their support, fall and topple.

Arguments that the functions share:

    boxes     the house's `Boxes`, changed in place
    support   (M,) what each box rests on: a slot, ON_FLOOR or ON_WALL; changed in place
    held      the slot of the object in the hand, which nothing here moves or meets; negative for none
    chain     (MAX_CHAIN,) int64, scratch

Offsets are in metres, directions are unit vectors, both on the floor plane in the world's frame.
"""

import math

from safevla.runtime.kernels import kernel
from safevla.sim.geometry import RADIANS, rectangle_gap, to_local
from safevla.world.boxes import FIXED, ON_FLOOR

CONTACT_M = 0.005  # overlaps up to this depth are contact, not collision
JOLT_M = 0.06  # how far furniture that is run into shoves what stands on its edge
JOLT_EDGE_M, JOLT_SLENDER_M = 0.04, 0.15  # from the furniture's edge: what is shoved, and what topples if it is slender
FALL_TOPPLES_M = 0.15  # a tall object that falls further than this ends on its side
SLENDER = 2.2  # height over the smaller side of the base from which an object topples
MAX_CHAIN = 10  # objects that one push moves at most


@kernel
def overlap(a, b, boxes, offset_x, offset_z):
    """Whether box a, moved by the offset, and box b overlap by more than the contact depth."""
    pose, half = boxes.pose, boxes.half
    if pose[a, 1] - half[a, 1] > pose[b, 1] + half[b, 1] - CONTACT_M:
        return False
    if pose[b, 1] - half[b, 1] > pose[a, 1] + half[a, 1] - CONTACT_M:
        return False
    dx = pose[b, 0] - pose[a, 0] - offset_x
    dz = pose[b, 2] - pose[a, 2] - offset_z
    reach = half[a, 0] + half[a, 2] + half[b, 0] + half[b, 2]
    if abs(dx) > reach or abs(dz) > reach:
        return False
    yaw_a, yaw_b = pose[a, 3] * RADIANS, pose[b, 3] * RADIANS
    gap = rectangle_gap(
        dx, dz, half[a, 0], half[a, 2], math.sin(yaw_a), math.cos(yaw_a),
        half[b, 0], half[b, 2], math.sin(yaw_b), math.cos(yaw_b),
    )  # fmt: skip
    return gap < -CONTACT_M


@kernel
def push(first, offset_x, offset_z, boxes, support, held, chain):
    """Move box `first` by the offset with all that rides on it or stands in its way; False, and no change, if pinned."""
    chain[0] = first
    n_chain = 1
    position = 0
    while position < n_chain:
        moving = chain[position]
        position += 1
        for other in range(boxes.n_boxes):
            if other == held or other == moving:
                continue
            member = False
            for i in range(n_chain):
                if chain[i] == other:
                    member = True
            if member:
                continue
            rides = support[other] == moving
            if not rides:
                if not overlap(moving, other, boxes, offset_x, offset_z):
                    continue
                if overlap(moving, other, boxes, 0.0, 0.0):
                    continue  # they overlapped before, as boxes around real shapes may
            if boxes.mobility[other] <= FIXED or n_chain >= MAX_CHAIN:
                return False
            chain[n_chain] = other
            n_chain += 1
    for i in range(n_chain):
        boxes.pose[chain[i], 0] += offset_x
        boxes.pose[chain[i], 2] += offset_z
    for i in range(n_chain):
        _settle_after_push(chain[i], offset_x, offset_z, boxes, support, held)
    return True


@kernel
def _inside_m(top, below, boxes):
    """How far the centre of `top` lies inside the top face of `below`, in metres; negative: beyond its edge."""
    pose, half = boxes.pose, boxes.half
    yaw = pose[below, 3] * RADIANS
    right, forward = to_local(pose[top, 0] - pose[below, 0], pose[top, 2] - pose[below, 2], math.sin(yaw), math.cos(yaw))
    return min(half[below, 0] - abs(right), half[below, 2] - abs(forward))


@kernel
def _settle_after_push(obj, offset_x, offset_z, boxes, support, held):
    """A pushed object falls if it has lost its support."""
    below = int(support[obj])
    if below < 0 or _inside_m(obj, below, boxes) >= 0.0:
        return
    length = math.sqrt(offset_x * offset_x + offset_z * offset_z) + 1e-9
    fall(obj, offset_x / length, offset_z / length, boxes, support, held)


@kernel
def _rest_height(obj, x, z, boxes, held):
    """(height of the object's underside in metres, what it rests on) when lowered at (x, z); NaN if it is obstructed there."""
    pose, half = boxes.pose, boxes.half
    bottom = pose[obj, 1] - half[obj, 1]
    height = 0.0
    below = ON_FLOOR
    yaw = pose[obj, 3] * RADIANS
    sin_a, cos_a = math.sin(yaw), math.cos(yaw)
    reach_a = half[obj, 0] + half[obj, 2]
    for other in range(boxes.n_boxes):
        if other == obj or other == held:
            continue
        top = pose[other, 1] + half[other, 1]
        if top <= height:
            continue
        dx, dz = pose[other, 0] - x, pose[other, 2] - z
        reach = reach_a + half[other, 0] + half[other, 2]
        if abs(dx) > reach or abs(dz) > reach:
            continue
        yaw_b = pose[other, 3] * RADIANS
        gap = rectangle_gap(
            dx, dz, half[obj, 0], half[obj, 2], sin_a, cos_a,
            half[other, 0], half[other, 2], math.sin(yaw_b), math.cos(yaw_b),
        )  # fmt: skip
        if gap >= -CONTACT_M:
            continue
        if top <= bottom + CONTACT_M:
            height, below = top, other
        elif pose[other, 1] - half[other, 1] < pose[obj, 1] + half[obj, 1] - CONTACT_M:
            return math.nan, ON_FLOOR
    return height, below


@kernel
def _topple(obj, direction_x, direction_z, boxes):
    """Lay a box on its side: its length now points along the direction."""
    pose, half = boxes.pose, boxes.half
    tall, x, z = half[obj, 1], half[obj, 0], half[obj, 2]
    half[obj, 0] = max(x, z)
    half[obj, 1] = min(x, z)
    half[obj, 2] = tall
    pose[obj, 3] = math.atan2(direction_x, direction_z) / RADIANS
    pose[obj, 4] = 90.0


@kernel
def is_slender(obj, boxes):
    """Whether an object stands, and is so tall for its base that it topples."""
    half = boxes.half
    return boxes.pose[obj, 4] == 0.0 and half[obj, 1] > SLENDER * min(half[obj, 0], half[obj, 2]) and half[obj, 1] > 0.05


@kernel
def fall(obj, direction_x, direction_z, boxes, support, held):
    """Let an object whose support is gone, or no longer under its centre, slide off along the direction and come down."""
    pose, half = boxes.pose, boxes.half
    for _ in range(4):
        below = int(support[obj])
        x, z = float(pose[obj, 0]), float(pose[obj, 2])
        if below >= 0 and _inside_m(obj, below, boxes) < 0.0:
            # far enough for its outline to clear the edge that it hangs over
            reach = math.sqrt(half[obj, 0] ** 2 + half[obj, 2] ** 2) + 0.01
            x += direction_x * reach
            z += direction_z * reach
        height, rest = _rest_height(obj, x, z, boxes, held)
        if math.isnan(height):
            return  # something beside it holds it where it is
        drop = pose[obj, 1] - half[obj, 1] - height
        pose[obj, 0], pose[obj, 2] = x, z
        pose[obj, 1] = height + half[obj, 1]
        support[obj] = rest
        if drop > FALL_TOPPLES_M and is_slender(obj, boxes):
            topple_where_free(obj, direction_x, direction_z, boxes, held)
        drop_riders(obj, direction_x, direction_z, boxes, support, held)
        if rest < 0 or _inside_m(obj, rest, boxes) >= 0.0:
            return


@kernel
def topple_where_free(obj, direction_x, direction_z, boxes, held):
    """Topple an object if it then meets nothing; True if it did."""
    pose, half = boxes.pose, boxes.half
    x, y, z, yaw = pose[obj, 0], pose[obj, 1], pose[obj, 2], pose[obj, 3]
    hx, hy, hz = half[obj, 0], half[obj, 1], half[obj, 2]
    bottom = y - hy
    _topple(obj, direction_x, direction_z, boxes)
    shift = max(0.0, half[obj, 2] - max(hx, hz))
    pose[obj, 0] += direction_x * shift
    pose[obj, 2] += direction_z * shift
    pose[obj, 1] = bottom + half[obj, 1]
    for other in range(boxes.n_boxes):
        if other != obj and other != held and overlap(obj, other, boxes, 0.0, 0.0):
            pose[obj, 0], pose[obj, 1], pose[obj, 2], pose[obj, 3], pose[obj, 4] = x, y, z, yaw, 0.0
            half[obj, 0], half[obj, 1], half[obj, 2] = hx, hy, hz
            return False
    return True


@kernel
def drop_riders(below, direction_x, direction_z, boxes, support, held):
    """What stood on an object that has moved away comes straight down; what topples then falls along the direction."""
    pose, half = boxes.pose, boxes.half
    for rider in range(boxes.n_boxes):
        if support[rider] != below or rider == held:
            continue
        if (
            _inside_m(rider, below, boxes) >= 0.0
            and abs(pose[rider, 1] - half[rider, 1] - pose[below, 1] - half[below, 1]) < 2 * CONTACT_M
        ):
            continue
        height, rest = _rest_height(rider, float(pose[rider, 0]), float(pose[rider, 2]), boxes, held)
        if math.isnan(height):
            continue
        drop = pose[rider, 1] - half[rider, 1] - height
        pose[rider, 1] = height + half[rider, 1]
        support[rider] = rest
        if drop > FALL_TOPPLES_M and is_slender(rider, boxes):
            topple_where_free(rider, direction_x, direction_z, boxes, held)


@kernel
def jolt(furniture, direction_x, direction_z, boxes, support, held, chain):
    """Fixed furniture is run into: what stands on its edge is shoved along the direction, what is slender topples."""
    for rider in range(boxes.n_boxes):
        if support[rider] != furniture or rider == held or boxes.mobility[rider] <= FIXED:
            continue
        margin = _inside_m(rider, furniture, boxes)
        if margin < JOLT_EDGE_M:
            push(rider, direction_x * JOLT_M, direction_z * JOLT_M, boxes, support, held, chain)
        elif is_slender(rider, boxes) and margin < JOLT_SLENDER_M:
            topple_where_free(rider, direction_x, direction_z, boxes, held)
