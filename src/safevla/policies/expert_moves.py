"""Expert moves: which action an expert with a plan takes next.

A robot state (6,) has the columns of `sim.motion`. A plan is two grids (Z, X) over the nodes of the reachable positions, of
which the first lies at origin (2,), x and z in metres: weight, the cost factor of standing at a node, and field, the distance
to the goal (`navigation.distance_field`).
"""

import math

from safevla.runtime.kernels import kernel
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.body import hand_centre
from safevla.sim.geometry import RADIANS, disc_to_rectangle, to_local, wrap_deg
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z
from safevla.sim.navigation import UNREACHABLE, line_is_free
from safevla.world.boxes import MOVEABLE

_DONE_M = 1.5  # well within what counts as found, so that who imitates the expert may err
_DONE_AT_GOAL_M = 1.98
_AT_GOAL_TURN_DEG, _AT_GOAL_NEAR_M = 4.0, 0.9  # a goal node from which nothing is seen yet: face the target, and go near
_REACHES_M = (0.32, 0.84)  # how far a target may be from the robot's origin for the arm to go out to it
# Errors that are let be. The smaller they are, the harder it is to see, for who imitates the expert, what it will do next.
_HEADING_DEG = 10.0  # walking
_AIM_DEG, _FINE_AIM_DEG = 5.5, 3.5  # of the arm; fine for the careful expert, and for any that has been stuck
_LOST_AIM_DEG = 15.0  # of an arm that is out, which is drawn in to aim again
_LIFT_M, _FINE_LIFT_M = 0.03, 0.015
_CLOSE_M = 0.055  # the hand is near enough to close
_HAND_OUT_M = 1.0  # a hand that is out stays out if the next place to grasp from is no further away, by the plan's distance
_OVER_M = 0.10  # the careful hand passes this high over the target
_HAND_TO_LIFT_M = robot.WRIST_ABOVE_LIFT_M - robot.HAND_BELOW_WRIST_M


@kernel
def _turn(error_deg):
    """The rotation that best reduces a heading error."""
    if error_deg > 18.0:
        return Action.ROTATE_RIGHT
    if error_deg < -18.0:
        return Action.ROTATE_LEFT
    return Action.ROTATE_RIGHT_SMALL if error_deg > 0.0 else Action.ROTATE_LEFT_SMALL


@kernel
def arm_in(robot_state):
    """The action that draws an arm in that reaches out."""
    return Action.MOVE_ARM_IN if robot_state[EXTENSION] > 0.08 else Action.MOVE_ARM_IN_SMALL


@kernel
def _room_m(x, z, yaw_deg, boxes):
    """Space around the body of a robot in that pose, metres to what blocks it; negative where it would not fit."""
    pose, half = boxes.pose, boxes.half
    turn = yaw_deg * RADIANS
    cx, cz = x + robot.BODY_FORWARD_M * math.sin(turn), z + robot.BODY_FORWARD_M * math.cos(turn)
    least = 1.0
    for m in range(boxes.n_boxes):
        if boxes.mobility[m] > MOVEABLE or pose[m, 1] - half[m, 1] > robot.BODY_TOP_M or pose[m, 1] + half[m, 1] < 0.01:
            continue
        away_x, away_z = cx - pose[m, 0], cz - pose[m, 2]
        reach = half[m, 0] + half[m, 2] + 1.0
        if abs(away_x) > reach or abs(away_z) > reach:
            continue
        yaw = pose[m, 3] * RADIANS
        distance, _, _ = disc_to_rectangle(away_x, away_z, math.sin(yaw), math.cos(yaw), half[m, 0], half[m, 2])
        least = min(least, distance)
    return least - robot.BODY_RADIUS_M


@kernel
def to_make_room(robot_state, boxes):
    """The move that gives the body most space around it: a turn at a wall needs some, for the body lies behind its axis."""
    x, z, yaw_deg = robot_state[X], robot_state[Z], robot_state[YAW]
    ahead_x, ahead_z = robot.MOVE_M * math.sin(yaw_deg * RADIANS), robot.MOVE_M * math.cos(yaw_deg * RADIANS)
    back = _room_m(x - ahead_x, z - ahead_z, yaw_deg, boxes)
    ahead = _room_m(x + ahead_x, z + ahead_z, yaw_deg, boxes)
    return Action.MOVE_BACK if back >= ahead else Action.MOVE_AHEAD


@kernel
def choose(is_nav, careful, fine, at_goal, holds, right_one, robot_state, targets, boxes, visible, weight, field, origin):
    """The next action, if nothing is in the way that the plan does not know of.

    is_nav: the target is to be seen, not grasped; careful: grasp from above; fine: aim with small errors; at_goal: this is a
    place to see or grasp the target from; holds, right_one: the hand holds something, a target. targets (T,) are the slots of
    what is asked for, visible (M,) bool what the navigation camera shows.
    """
    pose = boxes.pose
    x, z, yaw_deg = robot_state[X], robot_state[Z], robot_state[YAW]
    nearest, distance = targets[0], 1e9
    for target in targets:
        away = math.hypot(pose[target, 0] - x, pose[target, 2] - z)
        if is_nav and visible[target] and away <= (_DONE_AT_GOAL_M if at_goal else _DONE_M):
            return Action.DONE
        if away < distance:
            nearest, distance = target, away
    if right_one:
        return Action.DONE
    if holds:
        return Action.DROPOFF
    bearing_deg = math.atan2(pose[nearest, 0] - x, pose[nearest, 2] - z) / RADIANS
    ix = min(max(int(round((x - origin[0]) / REACHABLE_CELL_M)), 0), weight.shape[1] - 1)
    iz = min(max(int(round((z - origin[1]) / REACHABLE_CELL_M)), 0), weight.shape[0] - 1)
    if is_nav and at_goal:
        error = wrap_deg(bearing_deg - yaw_deg)
        if abs(error) > _AT_GOAL_TURN_DEG:
            return _turn(error)
        return Action.MOVE_AHEAD if distance > _AT_GOAL_NEAR_M else Action.DONE
    if not is_nav and at_goal and _REACHES_M[0] < distance < _REACHES_M[1]:
        return _reach(careful, fine, robot_state, nearest, bearing_deg, distance, boxes)
    if robot_state[EXTENSION] > 0.02:
        return arm_in(robot_state)
    if abs(wrap_deg(robot_state[WRIST] - robot.REST_WRIST_DEG)) > 15.0 and field[iz, ix] > _HAND_OUT_M:
        return Action.WRIST_OPEN  # it does not drive about with its hand out
    return _follow(ix, iz, x, z, yaw_deg, weight, field, origin)


@kernel
def _reach(careful, fine, robot_state, target, bearing_deg, distance, boxes):
    """Standing `distance` metres from the target: face it with the arm, raise the hand, unfold the wrist, reach out, close."""
    pose, half = boxes.pose, boxes.half
    tx, ty, tz = pose[target, 0], pose[target, 1], pose[target, 2]
    hx, hy, hz = hand_centre(robot_state)
    yaw = pose[target, 3] * RADIANS
    right, forward = to_local(hx - tx, hz - tz, math.sin(yaw), math.cos(yaw))
    gap_x = max(0.0, abs(right) - half[target, 0])
    gap_y = max(0.0, abs(hy - ty) - half[target, 1])
    gap_z = max(0.0, abs(forward) - half[target, 2])
    if math.sqrt(gap_x * gap_x + gap_y * gap_y + gap_z * gap_z) <= _CLOSE_M:
        return Action.PICKUP
    # the arm points 90° to the right of the heading and is mounted a little behind the centre
    offset_deg = math.asin(min(1.0, -robot.ARM_FORWARD_M / distance)) / RADIANS
    error = wrap_deg(bearing_deg - 90.0 + offset_deg - robot_state[YAW])
    if abs(error) > (_FINE_AIM_DEG if fine else _AIM_DEG) and robot_state[EXTENSION] < 0.05:
        return _turn(error)
    if abs(error) > _LOST_AIM_DEG:
        return arm_in(robot_state)
    level = max(ty, ty - half[target, 1] + 0.04)
    over = min(ty + half[target, 1] + _OVER_M, robot.LIFT_LIMITS_M[1] + _HAND_TO_LIFT_M)
    from_above = careful and over > ty + half[target, 1] + 0.03
    # once it is out, it may be swung further, or it would have to be drawn in again and again
    unfolded = abs(wrap_deg(robot_state[WRIST])) < (26.0 if robot_state[EXTENSION] < 0.05 else 56.0)
    # the target in the robot's frame, seen from the hand
    out, ahead = to_local(tx - hx, tz - hz, math.sin(robot_state[YAW] * RADIANS), math.cos(robot_state[YAW] * RADIANS))
    aligned = unfolded and abs(out) < 0.025
    lift_error = (over if from_above and not aligned else level) - (robot_state[LIFT] + _HAND_TO_LIFT_M)
    may_lift = robot_state[EXTENSION] < 0.02 or from_above or abs(lift_error) > 0.03
    if abs(lift_error) > (_FINE_LIFT_M if fine else _LIFT_M) and may_lift:
        if abs(lift_error) > 0.07:
            return Action.MOVE_ARM_UP if lift_error > 0.0 else Action.MOVE_ARM_DOWN
        return Action.MOVE_ARM_UP_SMALL if lift_error > 0.0 else Action.MOVE_ARM_DOWN_SMALL
    if not unfolded:
        return Action.WRIST_CLOSE if robot_state[WRIST] < 0.0 else Action.WRIST_OPEN
    if aligned:  # right distance, wrong direction: swing the wrist
        return Action.WRIST_OPEN if ahead > 0.0 else Action.WRIST_CLOSE
    if abs(out) > 0.07:
        return Action.MOVE_ARM_OUT if out > 0.0 else Action.MOVE_ARM_IN
    return Action.MOVE_ARM_OUT_SMALL if out > 0.0 else Action.MOVE_ARM_IN_SMALL


@kernel
def _follow(ix, iz, x, z, yaw_deg, weight, field, origin):
    """Walk down the distance field from node (iz, ix): turn to the furthest node in a straight free line, and move."""
    size_z, size_x = weight.shape
    if field[iz, ix] >= UNREACHABLE:  # off the grid: make for the nearest node that leads on
        best, bx, bz = 1e9, ix, iz
        for nz in range(max(0, iz - 3), min(size_z, iz + 4)):
            for nx in range(max(0, ix - 3), min(size_x, ix + 4)):
                away = math.hypot(nx - ix, nz - iz)
                if field[nz, nx] < UNREACHABLE and away < best:
                    best, bx, bz = away, nx, nz
        ix, iz = bx, bz
    gx, gz = (x - origin[0]) / REACHABLE_CELL_M, (z - origin[1]) / REACHABLE_CELL_M
    limit = weight[iz, ix]
    cx, cz = ix, iz
    way_x, way_z = ix, iz
    for step in range(12):
        best, nx, nz = field[cz, cx], cx, cz
        for dz in range(-1, 2):
            for dx in range(-1, 2):
                px, pz = cx + dx, cz + dz
                if 0 <= px < size_x and 0 <= pz < size_z and field[pz, px] < best:
                    if dx != 0 and dz != 0 and (weight[cz, px] >= UNREACHABLE or weight[pz, cx] >= UNREACHABLE):
                        continue
                    best, nx, nz = field[pz, px], px, pz
        if nx == cx and nz == cz:
            break
        cx, cz = nx, nz
        limit = max(limit, weight[cz, cx])
        if step == 0 or line_is_free(weight, limit + 0.5, gx, gz, cx, cz):
            way_x, way_z = cx, cz
    error = wrap_deg(math.atan2(way_x - gx, way_z - gz) / RADIANS - yaw_deg)
    if abs(error) > _HEADING_DEG:
        return _turn(error)
    return Action.MOVE_AHEAD
