"""Quasi-static motion and contact: what one action does to one house.

There are no velocities. A motion is cut into small substeps; in each, whatever the robot's new outline meets either
blocks it (walls, fixed furniture, and objects pinned against them) or is pushed ahead. A push is a transaction: the
pushed object, what rests on it and what it meets in turn move together by the same small offset, and only if none of
them meets something fixed; otherwise nothing moves and the robot is blocked. So two objects that were apart never come to
overlap by more than the substep's rounding (`CONTACT_M`), and nothing moves without contact. Afterwards whatever
lost its support falls straight down or over the edge, tall objects topple, and furniture that was run into jolts what
stands precariously on it.

Every function works on the arrays of one environment, allocates nothing and is deterministic, so that Numba compiles the
same source for the CPU and the GPU. Arguments named boxes, support, held, chain, near and grip are those of `sim.contact`
and `sim.body`.
"""

import math

from safevla.runtime.kernels import kernel
from safevla.sim.actions import Action
from safevla.sim.body import arm_meets, body_meets, grasp
from safevla.sim.contact import fall, jolt
from safevla.sim.geometry import RADIANS, wrap_deg
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z, motion, n_substeps, part_of_motion
from safevla.world.boxes import FIXED, ON_FLOOR

REACH_M = 1.6  # objects further from the robot than this cannot be met within one action


@kernel
def _gather_near(robot_state, boxes, near):
    """Enter the slots of the boxes that one action can meet into near (M,); their count."""
    n_near = 0
    for m in range(boxes.n_boxes):
        reach = REACH_M + boxes.half[m, 0] + boxes.half[m, 2]
        if abs(boxes.pose[m, 0] - robot_state[X]) < reach and abs(boxes.pose[m, 2] - robot_state[Z]) < reach:
            near[n_near] = m
            n_near += 1
    return n_near


@kernel
def _attempt(old, new, held, grip, boxes, support, near, chain, base_moves):
    """One substep from the state `old` to `new`; the slot that blocks it, or −1 (then `old` becomes `new`)."""
    if base_moves:
        blocker = body_meets(old, new, boxes, support, near, held, chain)
        if blocker >= 0:
            return blocker
    blocker = arm_meets(old, new, held, grip, boxes, support, near, chain)
    if blocker >= 0:
        return blocker
    for i in range(6):
        old[i] = new[i]
    return -1


@kernel
def _let_go(robot_state, held, boxes, support):
    """Let the held object fall, away from the robot's right side if it has to slide."""
    yaw = robot_state[YAW] * RADIANS
    support[held] = ON_FLOOR
    nobody = held - held - 1  # a plain int64: a literal would compile all that `fall` calls once more
    fall(held, math.cos(yaw), -math.sin(yaw), boxes, support, nobody)


@kernel
def act(action, robot_state, held, grip, boxes, support, actuation_noise, scratch):
    """Carry out one action; returns (slot that blocked it or −1, slot in the hand or −1, whether the state changed).

    robot_state, grip, boxes and support change in place. A motion of the base goes 1 + actuation_noise times as far as asked.
    scratch: near (M,) and chain (MAX_CHAIN,) int64, old and new (6,) as robot_state; the last ARM_ROWS of the boxes are too.
    """
    near, chain, old, new = scratch
    near = near[: _gather_near(robot_state, boxes, near)]
    if action == Action.PICKUP:
        if held >= 0:
            return -1, held, False
        taken = grasp(robot_state, boxes, support, near, grip, chain)
        return -1, taken, taken >= 0
    if action == Action.DROPOFF:
        if held < 0:
            return -1, held, False
        _let_go(robot_state, held, boxes, support)
        return -1, -1, True
    if action > Action.WRIST_CLOSE:
        return -1, held, False

    ahead, turn, lift, extend, wrist = motion(action, robot_state)
    ahead, turn = ahead * (1.0 + actuation_noise), turn * (1.0 + actuation_noise)
    parts = (ahead, turn, lift, extend, wrist)
    substeps = n_substeps(parts)
    yaw = robot_state[YAW] * RADIANS
    start_x, start_z, start_yaw = robot_state[X], robot_state[Z], robot_state[YAW]
    start_arm = robot_state[LIFT] + robot_state[EXTENSION] + robot_state[WRIST]
    for i in range(6):
        old[i] = robot_state[i]
    blocker = -1
    for step in range(1, substeps + 1):
        part_of_motion(robot_state, parts, step / substeps, new)
        blocker = _attempt(old, new, held, grip, boxes, support, near, chain, ahead != 0.0 or turn != 0.0)
        if blocker >= 0:
            if boxes.mobility[blocker] == FIXED and ahead != 0.0:
                sign = 1.0 if ahead > 0.0 else -1.0
                jolt(blocker, sign * math.sin(yaw), sign * math.cos(yaw), boxes, support, held, chain)
            break
    for i in range(6):
        robot_state[i] = old[i]
    moved = (
        abs(robot_state[X] - start_x) + abs(robot_state[Z] - start_z) > 0.01
        or abs(wrap_deg(robot_state[YAW] - start_yaw)) > 1.5
        or abs(robot_state[LIFT] + robot_state[EXTENSION] + robot_state[WRIST] - start_arm) > 0.005
    )
    return blocker, held, moved
