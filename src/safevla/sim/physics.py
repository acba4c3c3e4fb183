"""Quasi-static motion and contact: what one action does to one house.

There are no velocities. A motion is cut into small substeps; in each, whatever the robot's new outline meets either
blocks it (walls, fixed furniture, and things pinned against them) or is pushed ahead. A push is a transaction: the
pushed thing, what rests on it and what it meets in turn move together by the same small offset, and only if none of
them meets something fixed; otherwise nothing moves and the robot is blocked. So two things that were apart never come to
overlap by more than the substep's rounding (`CONTACT_M`), and nothing moves that was not touched. Afterwards whatever
lost its support falls straight down or over the edge, tall things topple, and bumped furniture jolts what stands
precariously on it.

Every function works on the arrays of one environment, allocates nothing and is deterministic, so that Numba compiles the
same source for the CPU and the GPU.
"""

import math

from safevla.runtime.kernels import kernel
from safevla.sim import robot
from safevla.sim.geometry import RADIANS, disc_to_rectangle, rectangle_gap, to_local, to_world, wrap_deg
from safevla.world.layout import FIXED, MOVEABLE, ON_FLOOR, PICKUPABLE, STRUCTURE

CONTACT_M = 0.005  # overlaps up to this depth count as touching
SUBSTEP_M = 0.025
SUBSTEP_DEG = 6.0
JOLT_M = 0.06
GRIP_PUSH_M = 0.03
FALL_TOPPLES_M = 0.15  # a tall thing that falls further than this ends on its side
SLENDER = 2.2  # height over the smaller side of the base from which a thing topples
REACH_M = 1.6  # things further from the robot than this cannot be met within one action
MAX_CHAIN = 10  # things that one push moves at most
ARM_ROWS = 6  # rows that pose and half have beyond the last box, scratch for the arm

# robot state, the columns of `Scene.robot`
X, Z, YAW, LIFT, EXTENSION, WRIST = range(6)

# action ids, as in interface.Action
_AHEAD, _BACK, _RIGHT, _LEFT, _RIGHT_SMALL, _LEFT_SMALL = range(6)
_PICKUP, _DROPOFF = 16, 17


@kernel
def overlap(a, b, pose, half, offset_x, offset_z):
    """Whether box a, moved by the offset, and box b overlap by more than the contact depth."""
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
def _push(first, offset_x, offset_z, pose, half, kind, support, n_boxes, held, chain):
    """Move box `first` by the offset with all that rides on it or stands in its way; False, and no change, if pinned."""
    chain[0] = first
    n_chain = 1
    position = 0
    while position < n_chain:
        moving = chain[position]
        position += 1
        for other in range(n_boxes):
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
                if not overlap(moving, other, pose, half, offset_x, offset_z):
                    continue
                if overlap(moving, other, pose, half, 0.0, 0.0):
                    continue  # they overlapped before, as boxes around real shapes may
            if kind[other] == STRUCTURE or kind[other] == FIXED or n_chain >= MAX_CHAIN:
                return False
            chain[n_chain] = other
            n_chain += 1
    for i in range(n_chain):
        pose[chain[i], 0] += offset_x
        pose[chain[i], 2] += offset_z
    for i in range(n_chain):
        _settle_after_push(chain[i], offset_x, offset_z, pose, half, kind, support, n_boxes, held)
    return True


@kernel
def _stands_on(top, below, pose, half):
    """How far the centre of `top` lies inside the top face of `below`, in metres; negative: beyond its edge."""
    yaw = pose[below, 3] * RADIANS
    right, forward = to_local(pose[top, 0] - pose[below, 0], pose[top, 2] - pose[below, 2], math.sin(yaw), math.cos(yaw))
    return min(half[below, 0] - abs(right), half[below, 2] - abs(forward))


@kernel
def _settle_after_push(thing, offset_x, offset_z, pose, half, kind, support, n_boxes, held):
    below = int(support[thing])
    if below < 0 or _stands_on(thing, below, pose, half) >= 0.0:
        return
    length = math.sqrt(offset_x * offset_x + offset_z * offset_z) + 1e-9
    _fall(thing, offset_x / length, offset_z / length, pose, half, kind, support, n_boxes, held)


@kernel
def _rest_height(thing, x, z, pose, half, n_boxes, held):
    """(height of the thing's underside, what it rests on) when lowered at (x, z); the height is NaN if it is obstructed."""
    bottom = pose[thing, 1] - half[thing, 1]
    height = 0.0
    below = ON_FLOOR
    yaw = pose[thing, 3] * RADIANS
    sin_a, cos_a = math.sin(yaw), math.cos(yaw)
    reach_a = half[thing, 0] + half[thing, 2]
    for other in range(n_boxes):
        if other == thing or other == held:
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
            dx, dz, half[thing, 0], half[thing, 2], sin_a, cos_a,
            half[other, 0], half[other, 2], math.sin(yaw_b), math.cos(yaw_b),
        )  # fmt: skip
        if gap >= -CONTACT_M:
            continue
        if top <= bottom + CONTACT_M:
            height, below = top, other
        elif pose[other, 1] - half[other, 1] < pose[thing, 1] + half[thing, 1] - CONTACT_M:
            return math.nan, ON_FLOOR
    return height, below


@kernel
def _topple(thing, direction_x, direction_z, pose, half):
    """Lay a box on its side: its length now points along the direction."""
    tall, x, z = half[thing, 1], half[thing, 0], half[thing, 2]
    half[thing, 0] = max(x, z)
    half[thing, 1] = min(x, z)
    half[thing, 2] = tall
    pose[thing, 3] = math.atan2(direction_x, direction_z) / RADIANS
    pose[thing, 4] = 90.0


@kernel
def _is_slender(thing, pose, half):
    return pose[thing, 4] == 0.0 and half[thing, 1] > SLENDER * min(half[thing, 0], half[thing, 2]) and half[thing, 1] > 0.05


@kernel
def _fall(thing, direction_x, direction_z, pose, half, kind, support, n_boxes, held):
    """Let a thing whose support is gone, or no longer under its centre, slide off along the direction and come down."""
    for _ in range(4):
        below = int(support[thing])
        x, z = float(pose[thing, 0]), float(pose[thing, 2])
        if below >= 0 and _stands_on(thing, below, pose, half) < 0.0:
            # far enough for its outline to clear the edge that it hangs over
            reach = math.sqrt(half[thing, 0] ** 2 + half[thing, 2] ** 2) + 0.01
            x += direction_x * reach
            z += direction_z * reach
        height, rest = _rest_height(thing, x, z, pose, half, n_boxes, held)
        if math.isnan(height):
            return  # something beside it holds it where it is
        drop = pose[thing, 1] - half[thing, 1] - height
        pose[thing, 0], pose[thing, 2] = x, z
        pose[thing, 1] = height + half[thing, 1]
        support[thing] = rest
        if drop > FALL_TOPPLES_M and _is_slender(thing, pose, half):
            _topple_where_free(thing, direction_x, direction_z, pose, half, n_boxes, held)
        _drop_riders(thing, direction_x, direction_z, pose, half, support, n_boxes, held)
        if rest < 0 or _stands_on(thing, rest, pose, half) >= 0.0:
            return


@kernel
def _topple_where_free(thing, direction_x, direction_z, pose, half, n_boxes, held):
    """Topple a thing if it then meets nothing; True if it did."""
    x, y, z, yaw = pose[thing, 0], pose[thing, 1], pose[thing, 2], pose[thing, 3]
    hx, hy, hz = half[thing, 0], half[thing, 1], half[thing, 2]
    bottom = y - hy
    _topple(thing, direction_x, direction_z, pose, half)
    shift = max(0.0, half[thing, 2] - max(hx, hz))
    pose[thing, 0] += direction_x * shift
    pose[thing, 2] += direction_z * shift
    pose[thing, 1] = bottom + half[thing, 1]
    for other in range(n_boxes):
        if other != thing and other != held and overlap(thing, other, pose, half, 0.0, 0.0):
            pose[thing, 0], pose[thing, 1], pose[thing, 2], pose[thing, 3], pose[thing, 4] = x, y, z, yaw, 0.0
            half[thing, 0], half[thing, 1], half[thing, 2] = hx, hy, hz
            return False
    return True


@kernel
def _drop_riders(below, direction_x, direction_z, pose, half, support, n_boxes, held):
    """What stood on a thing that has moved away comes straight down."""
    for rider in range(n_boxes):
        if support[rider] != below or rider == held:
            continue
        if (
            _stands_on(rider, below, pose, half) >= 0.0
            and abs(pose[rider, 1] - half[rider, 1] - pose[below, 1] - half[below, 1]) < 2 * CONTACT_M
        ):
            continue
        height, rest = _rest_height(rider, float(pose[rider, 0]), float(pose[rider, 2]), pose, half, n_boxes, held)
        if math.isnan(height):
            continue
        drop = pose[rider, 1] - half[rider, 1] - height
        pose[rider, 1] = height + half[rider, 1]
        support[rider] = rest
        if drop > FALL_TOPPLES_M and _is_slender(rider, pose, half):
            _topple_where_free(rider, direction_x, direction_z, pose, half, n_boxes, held)


@kernel
def _jolt(furniture, direction_x, direction_z, pose, half, kind, support, n_boxes, held, chain):
    """A bump moves what stands on the edge of the furniture or is slender."""
    for rider in range(n_boxes):
        if support[rider] != furniture or rider == held or kind[rider] == FIXED or kind[rider] == STRUCTURE:
            continue
        margin = _stands_on(rider, furniture, pose, half)
        if margin < 0.04:
            _push(rider, direction_x * JOLT_M, direction_z * JOLT_M, pose, half, kind, support, n_boxes, held, chain)
        elif _is_slender(rider, pose, half) and margin < 0.15:
            _topple_where_free(rider, direction_x, direction_z, pose, half, n_boxes, held)


@kernel
def hand_centre(state):
    """World (x, y, z) of the hand sphere's centre."""
    yaw = state[YAW] * RADIANS
    wrist = state[WRIST] * RADIANS
    right = robot.ARM_RIGHT_M + state[EXTENSION] + robot.HAND_REACH_M * math.cos(wrist)
    forward = robot.ARM_FORWARD_M - robot.HAND_REACH_M * math.sin(wrist)
    dx, dz = to_world(right, forward, math.sin(yaw), math.cos(yaw))
    return state[X] + dx, robot.WRIST_ABOVE_LIFT_M + state[LIFT] - robot.HAND_BELOW_WRIST_M, state[Z] + dz


@kernel
def arm_boxes(state, held, grip, pose, half, last):
    """Write the arm, the gripper and what it holds at a state as boxes into rows last, last − 1 and last − 2."""
    yaw = state[YAW] * RADIANS
    sin_yaw, cos_yaw = math.sin(yaw), math.cos(yaw)
    wrist_up = robot.WRIST_ABOVE_LIFT_M + state[LIFT]
    wrist_right = robot.ARM_RIGHT_M + state[EXTENSION]
    arm, gripper = last, last - 1
    dx, dz = to_world(wrist_right / 2, robot.ARM_FORWARD_M, sin_yaw, cos_yaw)
    pose[arm, 0], pose[arm, 1], pose[arm, 2] = state[X] + dx, wrist_up, state[Z] + dz
    pose[arm, 3] = state[YAW]
    half[arm, 0], half[arm, 1], half[arm, 2] = wrist_right / 2, robot.ARM_HALF_WIDTH_M, robot.ARM_HALF_WIDTH_M
    wrist = state[WRIST] * RADIANS
    reach = robot.HAND_REACH_M / 2
    dx, dz = to_world(wrist_right + reach * math.cos(wrist), robot.ARM_FORWARD_M - reach * math.sin(wrist), sin_yaw, cos_yaw)
    pose[gripper, 0], pose[gripper, 2] = state[X] + dx, state[Z] + dz
    pose[gripper, 1] = wrist_up - robot.HAND_BELOW_WRIST_M / 2
    pose[gripper, 3] = state[YAW] + state[WRIST]
    half[gripper, 0] = reach
    half[gripper, 1] = robot.HAND_BELOW_WRIST_M / 2
    half[gripper, 2] = robot.ARM_HALF_WIDTH_M
    if held >= 0:
        _carry(state, grip, pose, last - 2)
        for axis in range(3):
            half[last - 2, axis] = half[held, axis]


@kernel
def _carry(state, grip, pose, row):
    """Put the held thing, which is box `row`, where the hand is; grip is its (right, up, forward, yaw) in the hand's frame."""
    x, y, z = hand_centre(state)
    yaw = (state[YAW] + state[WRIST]) * RADIANS
    dx, dz = to_world(grip[0], grip[2], math.sin(yaw), math.cos(yaw))
    pose[row, 0], pose[row, 1], pose[row, 2] = x + dx, y + grip[1], z + dz
    pose[row, 3] = wrap_deg(state[YAW] + state[WRIST] + grip[3])


@kernel
def is_tucked(state):
    """Whether arm and gripper lie within the body's outline."""
    return state[EXTENSION] < 0.03 and abs(wrap_deg(state[WRIST] - robot.REST_WRIST_DEG)) < 15.0


@kernel
def _arm_meets(old, new, held, grip, pose, half, kind, support, near, n_near, n_boxes, chain):
    """Move arm, gripper and held thing from one robot state to another; the slot that blocks them, or −1.

    On −1 the held thing stands at the new state and pushable things have made way; else nothing of the arm has moved.
    The last ARM_ROWS rows of pose and half are scratch: the arm's boxes at both states.
    """
    if held < 0 and is_tucked(new) and is_tucked(old):
        return -1
    last_new, last_old = pose.shape[0] - 1, pose.shape[0] - 4
    arm_boxes(old, held, grip, pose, half, last_old)
    arm_boxes(new, held, grip, pose, half, last_new)
    for part in range(3 if held >= 0 else 2):
        mover, before = last_new - part, last_old - part
        # what is met is pushed along the motion of the mover's outer end
        end_x, end_z = to_world(half[mover, 0], 0.0, math.sin(pose[mover, 3] * RADIANS), math.cos(pose[mover, 3] * RADIANS))
        start_x, start_z = to_world(
            half[before, 0], 0.0, math.sin(pose[before, 3] * RADIANS), math.cos(pose[before, 3] * RADIANS)
        )
        dx = pose[mover, 0] + end_x - pose[before, 0] - start_x
        dz = pose[mover, 2] + end_z - pose[before, 2] - start_z
        length = math.sqrt(dx * dx + dz * dz)
        sweeps = abs(pose[mover, 1] - pose[before, 1]) < 1e-4 and length > 1e-6
        for i in range(n_near):
            other = near[i]
            if other == held or not overlap(mover, other, pose, half, 0.0, 0.0):
                continue
            if overlap(before, other, pose, half, 0.0, 0.0):
                continue
            pushed = False
            if sweeps and (kind[other] == PICKUPABLE or kind[other] == MOVEABLE):
                for _ in range(4):
                    if not _push(other, dx / length * 0.02, dz / length * 0.02, pose, half, kind, support, n_boxes, held, chain):
                        break
                    if not overlap(mover, other, pose, half, 0.0, 0.0):
                        pushed = True
                        break
            if not pushed:
                return other
    if held >= 0:
        _carry(new, grip, pose, held)
    return -1


@kernel
def body_centre(state):
    """World (x, z) of the body's axis."""
    yaw = state[YAW] * RADIANS
    dx, dz = to_world(0.0, robot.BODY_FORWARD_M, math.sin(yaw), math.cos(yaw))
    return state[X] + dx, state[Z] + dz


@kernel
def body_depth(x, z, other, pose, half):
    """How deep the body's disc at (x, z) overlaps a box, and the direction from the disc to the box: (depth, nx, nz)."""
    if pose[other, 1] - half[other, 1] > robot.BODY_TOP_M or pose[other, 1] + half[other, 1] < CONTACT_M:
        return -1.0, 0.0, 0.0
    dx, dz = x - pose[other, 0], z - pose[other, 2]
    reach = half[other, 0] + half[other, 2] + robot.BODY_RADIUS_M
    if abs(dx) > reach or abs(dz) > reach:
        return -1.0, 0.0, 0.0
    turn = pose[other, 3] * RADIANS
    gap, nx, nz = disc_to_rectangle(dx, dz, math.sin(turn), math.cos(turn), half[other, 0], half[other, 2])
    return robot.BODY_RADIUS_M - gap, -nx, -nz


@kernel
def _body_meets(old, new, pose, half, kind, support, near, n_near, n_boxes, held, chain):
    """Push what the body's disc meets on its way from one state to another; the slot that blocks it, or −1.

    Fixed things are looked at first, so that a blocked motion pushes nothing. A motion out of an overlap, as when
    something fell against the robot, is free.
    """
    old_x, old_z = body_centre(old)
    x, z = body_centre(new)
    deepest, blocker = CONTACT_M, -1
    for i in range(n_near):
        if kind[near[i]] <= FIXED:
            depth, _, _ = body_depth(x, z, near[i], pose, half)
            if depth > deepest and depth > body_depth(old_x, old_z, near[i], pose, half)[0]:
                deepest, blocker = depth, near[i]
    if blocker >= 0:
        return blocker
    for i in range(n_near):
        other = near[i]
        if other == held or kind[other] <= FIXED:
            continue
        depth, nx, nz = body_depth(x, z, other, pose, half)
        if depth <= CONTACT_M:
            continue
        if (
            _is_slender(other, pose, half)
            and support[other] == ON_FLOOR
            and _topple_where_free(other, nx, nz, pose, half, n_boxes, held)
        ):
            _drop_riders(other, nx, nz, pose, half, support, n_boxes, held)
            continue
        deeper = depth > body_depth(old_x, old_z, other, pose, half)[0]
        if not _push(other, nx * depth, nz * depth, pose, half, kind, support, n_boxes, held, chain) and deeper:
            return other
    return -1


@kernel
def _gather_near(state, pose, half, n_boxes, near):
    """Collect the boxes that one action can meet; their count."""
    n_near = 0
    for m in range(n_boxes):
        reach = REACH_M + half[m, 0] + half[m, 2]
        if abs(pose[m, 0] - state[X]) < reach and abs(pose[m, 2] - state[Z]) < reach:
            near[n_near] = m
            n_near += 1
    return n_near


@kernel
def _attempt(old, new, held, grip, pose, half, kind, support, near, n_near, n_boxes, chain, base_moves):
    """One substep from the state `old` to `new`; the slot that blocks it, or −1 (then `old` becomes `new`)."""
    if base_moves:
        blocker = _body_meets(old, new, pose, half, kind, support, near, n_near, n_boxes, held, chain)
        if blocker >= 0:
            return blocker
    blocker = _arm_meets(old, new, held, grip, pose, half, kind, support, near, n_near, n_boxes, chain)
    if blocker >= 0:
        return blocker
    for i in range(6):
        old[i] = new[i]
    return -1


@kernel
def _grasp(state, pose, half, kind, support, near, n_near, n_boxes, grip, chain):
    """Take the pickupable thing nearest to the hand, if one meets its sphere; its slot, or −1."""
    x, y, z = hand_centre(state)
    nearest, best = -1, robot.HAND_RADIUS_M
    for i in range(n_near):
        thing = near[i]
        if kind[thing] != PICKUPABLE:
            continue
        distance = _distance_to_box(x, y, z, thing, pose, half)
        if distance <= best:
            nearest, best = thing, distance
    if nearest < 0:
        return -1
    yaw = (state[YAW] + state[WRIST]) * RADIANS
    grip[0], grip[2] = to_local(pose[nearest, 0] - x, pose[nearest, 2] - z, math.sin(yaw), math.cos(yaw))
    grip[1] = pose[nearest, 1] - y
    grip[3] = pose[nearest, 3] - state[YAW] - state[WRIST]
    support[nearest] = ON_FLOOR
    for i in range(n_near):  # the closing fingers nudge what stands close by
        thing = near[i]
        if thing == nearest or (kind[thing] != PICKUPABLE and kind[thing] != MOVEABLE):
            continue
        if _distance_to_box(x, y, z, thing, pose, half) <= robot.HAND_RADIUS_M:
            dx, dz = pose[thing, 0] - x, pose[thing, 2] - z
            length = math.sqrt(dx * dx + dz * dz) + 1e-6
            _push(thing, dx / length * GRIP_PUSH_M, dz / length * GRIP_PUSH_M, pose, half, kind, support, n_boxes, nearest, chain)
    _drop_riders(nearest, 0.0, 1.0, pose, half, support, n_boxes, nearest)
    return nearest


@kernel
def _distance_to_box(x, y, z, thing, pose, half):
    yaw = pose[thing, 3] * RADIANS
    right, forward = to_local(x - pose[thing, 0], z - pose[thing, 2], math.sin(yaw), math.cos(yaw))
    dx = max(0.0, abs(right) - half[thing, 0])
    dy = max(0.0, abs(y - pose[thing, 1]) - half[thing, 1])
    dz = max(0.0, abs(forward) - half[thing, 2])
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@kernel
def motion(action, state):
    """What a motion (an action below PICKUP) asks for within the limits: (ahead m, turn °, lift m, extension m, wrist °)."""
    ahead, turn, lift, extend, wrist = 0.0, 0.0, 0.0, 0.0, 0.0
    if action == _AHEAD:
        ahead = robot.MOVE_M
    elif action == _BACK:
        ahead = -robot.MOVE_M
    elif action == _RIGHT:
        turn = robot.ROTATE_DEG
    elif action == _LEFT:
        turn = -robot.ROTATE_DEG
    elif action == _RIGHT_SMALL:
        turn = robot.ROTATE_SMALL_DEG
    elif action == _LEFT_SMALL:
        turn = -robot.ROTATE_SMALL_DEG
    elif action == 6:
        lift = robot.ARM_STEP_M
    elif action == 7:
        lift = -robot.ARM_STEP_M
    elif action == 8:
        lift = robot.ARM_STEP_SMALL_M
    elif action == 9:
        lift = -robot.ARM_STEP_SMALL_M
    elif action == 10:
        extend = robot.ARM_STEP_M
    elif action == 11:
        extend = -robot.ARM_STEP_M
    elif action == 12:
        extend = robot.ARM_STEP_SMALL_M
    elif action == 13:
        extend = -robot.ARM_STEP_SMALL_M
    elif action == 14:
        wrist = -robot.WRIST_STEP_DEG
    else:
        wrist = robot.WRIST_STEP_DEG

    lift = min(max(state[LIFT] + lift, robot.LIFT_LIMITS_M[0]), robot.LIFT_LIMITS_M[1]) - state[LIFT]
    extend = min(max(state[EXTENSION] + extend, robot.EXTENSION_LIMITS_M[0]), robot.EXTENSION_LIMITS_M[1]) - state[EXTENSION]
    wrist = min(max(state[WRIST] + wrist, robot.WRIST_LIMITS_DEG[0]), robot.WRIST_LIMITS_DEG[1]) - state[WRIST]
    return ahead, turn, lift, extend, wrist


@kernel
def n_substeps(parts):
    """How many small steps a motion is cut into."""
    ahead, turn, lift, extend, wrist = parts
    metres = math.ceil(max(abs(ahead), abs(lift), abs(extend)) / SUBSTEP_M - 1e-6)
    degrees = math.ceil(max(abs(turn), abs(wrist)) / SUBSTEP_DEG - 1e-6)
    return int(max(1.0, metres, degrees))


@kernel
def part_of_motion(start, parts, share, new):
    """The state (6,) after a share of a motion from `start`, into new."""
    ahead, turn, lift, extend, wrist = parts
    yaw = start[YAW] * RADIANS
    new[X] = start[X] + math.sin(yaw) * ahead * share
    new[Z] = start[Z] + math.cos(yaw) * ahead * share
    new[YAW] = wrap_deg(start[YAW] + turn * share)
    new[LIFT] = start[LIFT] + lift * share
    new[EXTENSION] = start[EXTENSION] + extend * share
    new[WRIST] = start[WRIST] + wrist * share


@kernel
def act(action, state, held, grip, pose, half, kind, support, n_boxes, slip, near, chain, old, new):
    """Carry out one action; returns (slot that blocked it or −1, slot in the hand or −1, whether the state changed).

    state (6,), grip (4,) and the boxes' pose (M + ARM_ROWS, 5), half (M + ARM_ROWS, 3), support (M,) change in place;
    the base goes 1 + slip times as far as it was told to. `near` (M,), `chain` (MAX_CHAIN,), `old` and `new` (6,) are
    scratch, and so are the last rows of pose and half.
    """
    n_near = _gather_near(state, pose, half, n_boxes, near)
    if action == _PICKUP:
        if held >= 0:
            return -1, held, False
        taken = _grasp(state, pose, half, kind, support, near, n_near, n_boxes, grip, chain)
        return -1, taken, taken >= 0
    if action == _DROPOFF:
        if held < 0:
            return -1, held, False
        yaw = state[YAW] * RADIANS
        support[held] = ON_FLOOR
        nobody = held - held - 1  # a plain int64: a literal would compile everything below once more
        _fall(held, math.cos(yaw), -math.sin(yaw), pose, half, kind, support, n_boxes, nobody)
        return -1, -1, True
    if action > 15:
        return -1, held, False

    ahead, turn, lift, extend, wrist = motion(action, state)
    ahead, turn = ahead * (1.0 + slip), turn * (1.0 + slip)
    parts = (ahead, turn, lift, extend, wrist)
    substeps = n_substeps(parts)
    yaw = state[YAW] * RADIANS
    start_x, start_z, start_yaw = state[X], state[Z], state[YAW]
    start_arm = state[LIFT] + state[EXTENSION] + state[WRIST]
    for i in range(6):
        old[i] = state[i]
    blocker = -1
    for step in range(1, substeps + 1):
        part_of_motion(state, parts, step / substeps, new)
        blocker = _attempt(
            old, new, held, grip, pose, half, kind, support, near, n_near, n_boxes, chain, ahead != 0.0 or turn != 0.0
        )
        if blocker >= 0:
            if kind[blocker] == FIXED and ahead != 0.0:
                sign = 1.0 if ahead > 0.0 else -1.0
                _jolt(blocker, sign * math.sin(yaw), sign * math.cos(yaw), pose, half, kind, support, n_boxes, held, chain)
            break
    for i in range(6):
        state[i] = old[i]
    moved = (
        abs(state[X] - start_x) + abs(state[Z] - start_z) > 0.01
        or abs(wrap_deg(state[YAW] - start_yaw)) > 1.5
        or abs(state[LIFT] + state[EXTENSION] + state[WRIST] - start_arm) > 0.005
    )
    return blocker, held, moved
