"""Motion: the robot's state, and what an action asks of it."""

import math

from safevla.runtime.kernels import kernel
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.geometry import RADIANS, wrap_deg

SUBSTEP_M = 0.025
SUBSTEP_DEG = 6.0

# robot state, the columns of `Scene.robot_state`
X, Z, YAW, LIFT, EXTENSION, WRIST = range(6)


@kernel
def motion(action, robot_state):
    """What a motion (an action below PICKUP) asks for within the limits: (ahead m, turn °, lift m, extension m, wrist °)."""
    ahead, turn, lift, extend, wrist = 0.0, 0.0, 0.0, 0.0, 0.0
    if action == Action.MOVE_AHEAD:
        ahead = robot.MOVE_M
    elif action == Action.MOVE_BACK:
        ahead = -robot.MOVE_M
    elif action == Action.ROTATE_RIGHT:
        turn = robot.ROTATE_DEG
    elif action == Action.ROTATE_LEFT:
        turn = -robot.ROTATE_DEG
    elif action == Action.ROTATE_RIGHT_SMALL:
        turn = robot.ROTATE_SMALL_DEG
    elif action == Action.ROTATE_LEFT_SMALL:
        turn = -robot.ROTATE_SMALL_DEG
    elif action == Action.MOVE_ARM_UP:
        lift = robot.ARM_STEP_M
    elif action == Action.MOVE_ARM_DOWN:
        lift = -robot.ARM_STEP_M
    elif action == Action.MOVE_ARM_UP_SMALL:
        lift = robot.ARM_STEP_SMALL_M
    elif action == Action.MOVE_ARM_DOWN_SMALL:
        lift = -robot.ARM_STEP_SMALL_M
    elif action == Action.MOVE_ARM_OUT:
        extend = robot.ARM_STEP_M
    elif action == Action.MOVE_ARM_IN:
        extend = -robot.ARM_STEP_M
    elif action == Action.MOVE_ARM_OUT_SMALL:
        extend = robot.ARM_STEP_SMALL_M
    elif action == Action.MOVE_ARM_IN_SMALL:
        extend = -robot.ARM_STEP_SMALL_M
    elif action == Action.WRIST_OPEN:
        wrist = -robot.WRIST_STEP_DEG
    else:
        wrist = robot.WRIST_STEP_DEG

    lift = min(max(robot_state[LIFT] + lift, robot.LIFT_LIMITS_M[0]), robot.LIFT_LIMITS_M[1]) - robot_state[LIFT]
    extend = (
        min(max(robot_state[EXTENSION] + extend, robot.EXTENSION_LIMITS_M[0]), robot.EXTENSION_LIMITS_M[1])
        - robot_state[EXTENSION]
    )
    wrist = min(max(robot_state[WRIST] + wrist, robot.WRIST_LIMITS_DEG[0]), robot.WRIST_LIMITS_DEG[1]) - robot_state[WRIST]
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
