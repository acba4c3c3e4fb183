"""Collision check: whether the robot could stand, turn, move and grasp somewhere without contact.

The same bodies and the same contact depth as `sim.physics`, asked without moving anything. Sampling uses it to leave out
tasks that no robot could do, the careful expert to look before it acts.

Boxes of a mobility above `highest_mobility` do not count, nor does the one in the hand, `held`, nor the one `ignored`; both
are slots, negative for none. Boxes must have the arm's scratch rows: see `with_scratch`.
"""

import math

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim import robot
from safevla.sim.body import ARM_ROWS, arm_boxes, body_centre, body_depth, grip_on, is_tucked
from safevla.sim.boxes import Boxes
from safevla.sim.contact import CONTACT_M, overlap
from safevla.sim.geometry import RADIANS, wrap_deg
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z, motion, n_substeps, part_of_motion
from safevla.world.boxes import MOVEABLE

_TURN_DEG, _TURNS = 30.0, 3  # a robot that grasps must be able to make so many turns either way
_UNFOLDS = 4  # wrist angles, equally far apart, at which an unfolding wrist must be free
_HAND_TO_LIFT_M = robot.WRIST_ABOVE_LIFT_M - robot.HAND_BELOW_WRIST_M


@kernel
def new_contact(old, new, held, grip, ignored, highest_mobility, boxes):
    """The first box that body, arm or what it holds would meet in state `new` and do not meet in `old`; −1 for none."""
    mobility = boxes.mobility
    old_x, old_z = body_centre(old)
    x, z = body_centre(new)
    for m in range(boxes.n_boxes):
        if mobility[m] > highest_mobility or m == held or m == ignored:
            continue
        depth, _, _ = body_depth(x, z, m, boxes)
        if depth > CONTACT_M and depth > body_depth(old_x, old_z, m, boxes)[0]:
            return m
    if held < 0 and is_tucked(old) and is_tucked(new):
        return -1
    last_new, last_old = boxes.pose.shape[0] - 1, boxes.pose.shape[0] - 1 - ARM_ROWS // 2
    arm_boxes(old, held, grip, boxes, last_old)
    arm_boxes(new, held, grip, boxes, last_new)
    for part in range(3 if held >= 0 else 2):
        for m in range(boxes.n_boxes):
            if mobility[m] > highest_mobility or m == held or m == ignored:
                continue
            if overlap(last_new - part, m, boxes, 0.0, 0.0) and not overlap(last_old - part, m, boxes, 0.0, 0.0):
                return m
    return -1


@kernel
def motion_contact(action, robot_state, held, ignored, highest_mobility, boxes):
    """The first box that a motion (an action below PICKUP) would meet, or −1."""
    grip = np.zeros(4, np.float32)
    if held >= 0:
        grip_on(held, robot_state, boxes.pose, grip)
    parts = motion(action, robot_state)
    old, new = robot_state.copy(), robot_state.copy()
    steps = n_substeps(parts)
    for step in range(1, steps + 1):
        part_of_motion(robot_state, parts, step / steps, new)
        met = new_contact(old, new, held, grip, ignored, highest_mobility, boxes)
        if met >= 0:
            return met
        old[:] = new
    return -1


@kernel
def can_grasp_from(x, z, target, highest_mobility, boxes):
    """Whether a robot at (x, z) can turn its arm to the target and reach it without meeting a box up to highest_mobility."""
    pose, half = boxes.pose, boxes.half
    grip = np.zeros(4, np.float32)
    away = np.zeros(6, np.float32)  # a state far from everything, that new ones are compared with
    away[X] = away[Z] = 1e6
    robot_state = np.zeros(6, np.float32)
    distance = math.hypot(pose[target, 0] - x, pose[target, 2] - z)
    bearing_deg = math.atan2(pose[target, 0] - x, pose[target, 2] - z) / RADIANS
    offset_deg = math.asin(min(1.0, -robot.ARM_FORWARD_M / distance)) / RADIANS
    facing_deg = bearing_deg - 90.0 + offset_deg
    robot_state[X], robot_state[Z] = x, z
    robot_state[LIFT], robot_state[EXTENSION] = robot.REST_LIFT_M, robot.REST_EXTENSION_M
    robot_state[WRIST] = robot.REST_WRIST_DEG
    for side in range(-_TURNS, _TURNS + 1):
        robot_state[YAW] = wrap_deg(facing_deg + side * _TURN_DEG)
        if new_contact(away, robot_state, -1, grip, target, highest_mobility, boxes) >= 0:
            return False
    robot_state[YAW] = wrap_deg(facing_deg)
    level = max(pose[target, 1], pose[target, 1] - half[target, 1] + 0.04) - _HAND_TO_LIFT_M
    robot_state[LIFT] = min(max(level, robot.LIFT_LIMITS_M[0]), robot.LIFT_LIMITS_M[1])
    for turned in range(_UNFOLDS):
        robot_state[WRIST] = robot.REST_WRIST_DEG + 60.0 * turned
        if new_contact(away, robot_state, -1, grip, target, highest_mobility, boxes) >= 0:
            return False
    reach = distance - robot.ARM_RIGHT_M - robot.HAND_REACH_M - 0.5 * min(half[target, 0], half[target, 2])
    robot_state[EXTENSION] = min(max(reach, robot.EXTENSION_LIMITS_M[0]), robot.EXTENSION_LIMITS_M[1])
    return new_contact(away, robot_state, -1, grip, target, highest_mobility, boxes) < 0


@kernel
def _graspable(nodes, x, z, target, highest_mobility, boxes):
    """(S,) bool: `can_grasp_from` each of the nodes."""
    kept = np.zeros(len(nodes), np.bool_)
    for i in range(len(nodes)):
        kept[i] = can_grasp_from(x[nodes[i, 1]], z[nodes[i, 0]], target, highest_mobility, boxes)
    return kept


def with_scratch(boxes: Boxes) -> Boxes:
    """The boxes with the scratch rows that the arm needs; poses and half extents are copies."""
    n = int(boxes.n_boxes)

    def longer(array: np.ndarray) -> np.ndarray:
        return np.concatenate([array[:n], np.zeros((ARM_ROWS, array.shape[1]), array.dtype)])

    return Boxes(longer(boxes.pose), longer(boxes.half), boxes.mobility, n)


def graspable_from(
    nodes: np.ndarray, x: np.ndarray, z: np.ndarray, target: int, boxes: Boxes, highest_mobility: int = MOVEABLE
) -> np.ndarray:
    """Those of the grid nodes (S, 2), as (z, x), from which the arm reaches a target; x (X,) and z (Z,) are their metres.

    The boxes need no scratch rows. Those of a mobility above `highest_mobility` are thought away: the arm pushes them.
    """
    if len(nodes) == 0:
        return nodes
    return nodes[_graspable(nodes, x, z, target, highest_mobility, with_scratch(boxes))]
