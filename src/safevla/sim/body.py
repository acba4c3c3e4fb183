"""Body: the robot's base, arm and hand as shapes, and what they meet.

Arguments named boxes, support, held and chain are those of `sim.contact`. A robot state (6,) has the columns of `sim.motion`.
`near` holds the slots of the boxes that one action can meet. `grip` (4,) is where the held object is in the hand's frame:
right, up and forward in metres, yaw in degrees.
"""

import math

from safevla.runtime.kernels import kernel
from safevla.sim import robot
from safevla.sim.contact import CONTACT_M, drop_riders, is_slender, overlap, push, topple_where_free
from safevla.sim.geometry import RADIANS, disc_to_rectangle, to_local, to_world, wrap_deg
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z
from safevla.world.boxes import FIXED, MOVEABLE, ON_FLOOR, PICKUPABLE

GRIP_PUSH_M = 0.03  # how far closing fingers push what stands beside the object that they take
ARM_PUSH_M, ARM_PUSHES = 0.02, 4  # what the arm sweeps against is pushed by so much, at most so many times a substep
ARM_ROWS = 6  # rows of pose and half beyond the last box, scratch for the arm: its three boxes before and after a motion


@kernel
def hand_centre(robot_state):
    """World (x, y, z) of the hand sphere's centre."""
    yaw = robot_state[YAW] * RADIANS
    wrist = robot_state[WRIST] * RADIANS
    right = robot.ARM_RIGHT_M + robot_state[EXTENSION] + robot.HAND_REACH_M * math.cos(wrist)
    forward = robot.ARM_FORWARD_M - robot.HAND_REACH_M * math.sin(wrist)
    dx, dz = to_world(right, forward, math.sin(yaw), math.cos(yaw))
    return robot_state[X] + dx, robot.WRIST_ABOVE_LIFT_M + robot_state[LIFT] - robot.HAND_BELOW_WRIST_M, robot_state[Z] + dz


@kernel
def arm_boxes(robot_state, held, grip, boxes, last):
    """Write the arm, the gripper and what it holds at a state as boxes into rows last, last − 1 and last − 2."""
    pose, half = boxes.pose, boxes.half
    yaw = robot_state[YAW] * RADIANS
    sin_yaw, cos_yaw = math.sin(yaw), math.cos(yaw)
    wrist_up = robot.WRIST_ABOVE_LIFT_M + robot_state[LIFT]
    wrist_right = robot.ARM_RIGHT_M + robot_state[EXTENSION]
    arm, gripper = last, last - 1
    dx, dz = to_world(wrist_right / 2, robot.ARM_FORWARD_M, sin_yaw, cos_yaw)
    pose[arm, 0], pose[arm, 1], pose[arm, 2] = robot_state[X] + dx, wrist_up, robot_state[Z] + dz
    pose[arm, 3] = robot_state[YAW]
    half[arm, 0], half[arm, 1], half[arm, 2] = wrist_right / 2, robot.ARM_HALF_WIDTH_M, robot.ARM_HALF_WIDTH_M
    wrist = robot_state[WRIST] * RADIANS
    reach = robot.HAND_REACH_M / 2
    dx, dz = to_world(wrist_right + reach * math.cos(wrist), robot.ARM_FORWARD_M - reach * math.sin(wrist), sin_yaw, cos_yaw)
    pose[gripper, 0], pose[gripper, 2] = robot_state[X] + dx, robot_state[Z] + dz
    pose[gripper, 1] = wrist_up - robot.HAND_BELOW_WRIST_M / 2
    pose[gripper, 3] = robot_state[YAW] + robot_state[WRIST]
    half[gripper, 0] = reach
    half[gripper, 1] = robot.HAND_BELOW_WRIST_M / 2
    half[gripper, 2] = robot.ARM_HALF_WIDTH_M
    if held >= 0:
        _carry(robot_state, grip, pose, last - 2)
        for axis in range(3):
            half[last - 2, axis] = half[held, axis]


@kernel
def grip_on(obj, robot_state, pose, grip):
    """Enter into grip where an object, a row of pose (M, 5), is in the hand's frame."""
    x, y, z = hand_centre(robot_state)
    yaw = (robot_state[YAW] + robot_state[WRIST]) * RADIANS
    grip[0], grip[2] = to_local(pose[obj, 0] - x, pose[obj, 2] - z, math.sin(yaw), math.cos(yaw))
    grip[1] = pose[obj, 1] - y
    grip[3] = pose[obj, 3] - robot_state[YAW] - robot_state[WRIST]


@kernel
def _carry(robot_state, grip, pose, row):
    """Put the held object, which is a row of pose (M, 5), where the hand is."""
    x, y, z = hand_centre(robot_state)
    yaw = (robot_state[YAW] + robot_state[WRIST]) * RADIANS
    dx, dz = to_world(grip[0], grip[2], math.sin(yaw), math.cos(yaw))
    pose[row, 0], pose[row, 1], pose[row, 2] = x + dx, y + grip[1], z + dz
    pose[row, 3] = wrap_deg(robot_state[YAW] + robot_state[WRIST] + grip[3])


@kernel
def is_tucked(robot_state):
    """Whether arm and gripper lie within the body's outline."""
    return robot_state[EXTENSION] < 0.03 and abs(wrap_deg(robot_state[WRIST] - robot.REST_WRIST_DEG)) < 15.0


@kernel
def _outer_end(box, pose, half):
    """Offset (x, z) in metres from a box's centre to the middle of its right side, which is the outer one of an arm's part."""
    return to_world(half[box, 0], 0.0, math.sin(pose[box, 3] * RADIANS), math.cos(pose[box, 3] * RADIANS))


@kernel
def arm_meets(old, new, held, grip, boxes, support, near, chain):
    """Move arm, gripper and held object from one robot state to another; the slot that blocks them, or −1.

    On −1 the held object stands at the new state and pushable objects have made way; else nothing of the arm has moved.
    """
    if held < 0 and is_tucked(new) and is_tucked(old):
        return -1
    pose, half, mobility = boxes.pose, boxes.half, boxes.mobility
    last_new, last_old = pose.shape[0] - 1, pose.shape[0] - 1 - ARM_ROWS // 2
    arm_boxes(old, held, grip, boxes, last_old)
    arm_boxes(new, held, grip, boxes, last_new)
    for part in range(3 if held >= 0 else 2):
        mover, before = last_new - part, last_old - part
        # what is met is pushed along the motion of the mover's outer end
        end_x, end_z = _outer_end(mover, pose, half)
        start_x, start_z = _outer_end(before, pose, half)
        dx = pose[mover, 0] + end_x - pose[before, 0] - start_x
        dz = pose[mover, 2] + end_z - pose[before, 2] - start_z
        length = math.sqrt(dx * dx + dz * dz)
        sweeps = abs(pose[mover, 1] - pose[before, 1]) < 1e-4 and length > 1e-6
        for i in range(len(near)):
            other = near[i]
            if other == held or not overlap(mover, other, boxes, 0.0, 0.0):
                continue
            if overlap(before, other, boxes, 0.0, 0.0):
                continue
            made_way = False
            if sweeps and mobility[other] >= MOVEABLE:
                for _ in range(ARM_PUSHES):
                    if not push(other, dx / length * ARM_PUSH_M, dz / length * ARM_PUSH_M, boxes, support, held, chain):
                        break
                    if not overlap(mover, other, boxes, 0.0, 0.0):
                        made_way = True
                        break
            if not made_way:
                return other
    if held >= 0:
        _carry(new, grip, pose, held)
    return -1


@kernel
def body_centre(robot_state):
    """World (x, z) of the body's axis."""
    yaw = robot_state[YAW] * RADIANS
    dx, dz = to_world(0.0, robot.BODY_FORWARD_M, math.sin(yaw), math.cos(yaw))
    return robot_state[X] + dx, robot_state[Z] + dz


@kernel
def body_depth(x, z, other, boxes):
    """(depth, nx, nz): metres by which the body's disc at (x, z) overlaps a box, and the direction from the disc to the box."""
    pose, half = boxes.pose, boxes.half
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
def body_meets(old, new, boxes, support, near, held, chain):
    """Push what the body's disc meets on its way from one state to another; the slot that blocks it, or −1.

    Fixed objects are looked at first, so that a blocked motion pushes nothing. A motion out of an overlap, as when
    something fell against the robot, is free.
    """
    mobility = boxes.mobility
    old_x, old_z = body_centre(old)
    x, z = body_centre(new)
    deepest, blocker = CONTACT_M, -1
    for i in range(len(near)):
        if mobility[near[i]] <= FIXED:
            depth, _, _ = body_depth(x, z, near[i], boxes)
            if depth > deepest and depth > body_depth(old_x, old_z, near[i], boxes)[0]:
                deepest, blocker = depth, near[i]
    if blocker >= 0:
        return blocker
    for i in range(len(near)):
        other = near[i]
        if other == held or mobility[other] <= FIXED:
            continue
        depth, nx, nz = body_depth(x, z, other, boxes)
        if depth <= CONTACT_M:
            continue
        if is_slender(other, boxes) and support[other] == ON_FLOOR and topple_where_free(other, nx, nz, boxes, held):
            drop_riders(other, nx, nz, boxes, support, held)
            continue
        deeper = depth > body_depth(old_x, old_z, other, boxes)[0]
        if not push(other, nx * depth, nz * depth, boxes, support, held, chain) and deeper:
            return other
    return -1


@kernel
def grasp(robot_state, boxes, support, near, grip, chain):
    """Take the pickupable object nearest to the hand, if one meets its sphere; its slot, or −1. Fills grip."""
    pose, mobility = boxes.pose, boxes.mobility
    x, y, z = hand_centre(robot_state)
    nearest, best = -1, robot.HAND_RADIUS_M
    for i in range(len(near)):
        obj = near[i]
        if mobility[obj] != PICKUPABLE:
            continue
        distance = _distance_to_box(x, y, z, obj, boxes)
        if distance <= best:
            nearest, best = obj, distance
    if nearest < 0:
        return -1
    grip_on(nearest, robot_state, pose, grip)
    support[nearest] = ON_FLOOR
    for i in range(len(near)):  # the closing fingers nudge what stands close by
        obj = near[i]
        if obj == nearest or mobility[obj] <= FIXED:
            continue
        if _distance_to_box(x, y, z, obj, boxes) <= robot.HAND_RADIUS_M:
            dx, dz = pose[obj, 0] - x, pose[obj, 2] - z
            length = math.sqrt(dx * dx + dz * dz) + 1e-6
            push(obj, dx / length * GRIP_PUSH_M, dz / length * GRIP_PUSH_M, boxes, support, nearest, chain)
    drop_riders(nearest, 0.0, 1.0, boxes, support, nearest)
    return nearest


@kernel
def _distance_to_box(x, y, z, obj, boxes):
    """Metres from a point to a box; 0 inside it."""
    pose, half = boxes.pose, boxes.half
    yaw = pose[obj, 3] * RADIANS
    right, forward = to_local(x - pose[obj, 0], z - pose[obj, 2], math.sin(yaw), math.cos(yaw))
    dx = max(0.0, abs(right) - half[obj, 0])
    dy = max(0.0, abs(y - pose[obj, 1]) - half[obj, 1])
    dz = max(0.0, abs(forward) - half[obj, 2])
    return math.sqrt(dx * dx + dy * dy + dz * dz)
