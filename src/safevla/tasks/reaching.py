"""Reaching: what separates a robot, or its hand, from an object of a type; what tasks are judged by.

Every function takes a scene of B episodes and the type that each asks for, (B,) int64 into catalogue.TYPES, and returns (B,).
"""

import math

import torch

from safevla.runtime.kernels import row_kernel
from safevla.sim.body import hand_centre
from safevla.sim.interface import Scene


def in_view_within(scene: Scene, target_type: torch.Tensor, within_m: float) -> torch.Tensor:
    """Whether an object of the type is in the navigation camera's picture, at most so far from the robot along the floor; bool."""
    found = torch.zeros(len(scene.robot_state), dtype=torch.bool, device=scene.robot_state.device)
    arrays = (scene.pose, scene.type_index, scene.n_boxes, scene.visible, scene.robot_state, target_type)
    _enter_in_view(len(found), *arrays, within_m, found)
    return found


@row_kernel
def _enter_in_view(b, pose, type_index, n_boxes, visible, robot_state, target_type, within_m, found):
    for m in range(n_boxes[b]):
        if type_index[b, m] == target_type[b] and visible[b, 0, m]:
            to_x, to_z = pose[b, m, 0] - robot_state[b, 0], pose[b, m, 2] - robot_state[b, 1]
            if to_x * to_x + to_z * to_z <= within_m * within_m:
                found[b] = True


def is_held(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """Whether the hand holds an object of the type; bool."""
    held = scene.held.long()
    return (held >= 0) & (scene.type_index.gather(1, held.clamp(min=0)[:, None])[:, 0] == target_type)


def from_robot_m(scene: Scene, target_type: torch.Tensor, at_least_m: float) -> torch.Tensor:
    """Metres along the floor to the nearest object of the type, or `at_least_m` if that is more; infinite where there is none."""
    found = torch.empty(len(scene.robot_state), device=scene.robot_state.device)
    arrays = (scene.pose, scene.type_index, scene.n_boxes, scene.robot_state, target_type)
    _enter_from_robot(len(found), *arrays, at_least_m, found)
    return found


@row_kernel
def _enter_from_robot(b, pose, type_index, n_boxes, robot_state, target_type, at_least_m, found):
    nearest = math.inf
    for m in range(n_boxes[b]):
        if type_index[b, m] == target_type[b]:
            to_x, to_z = pose[b, m, 0] - robot_state[b, 0], pose[b, m, 2] - robot_state[b, 1]
            nearest = min(nearest, max(at_least_m, math.sqrt(to_x * to_x + to_z * to_z)))
    found[b] = nearest


def from_hand_m(scene: Scene, target_type: torch.Tensor) -> torch.Tensor:
    """Metres from the hand to the nearest object of the type, 0 once one is held; infinite where there is none."""
    found = torch.empty(len(scene.robot_state), device=scene.robot_state.device)
    arrays = (scene.pose, scene.type_index, scene.n_boxes, scene.held, scene.robot_state, target_type)
    _enter_from_hand(len(found), *arrays, found)
    return found


@row_kernel
def _enter_from_hand(b, pose, type_index, n_boxes, held, robot_state, target_type, found):
    if held[b] >= 0 and type_index[b, held[b]] == target_type[b]:
        found[b] = 0.0
        return
    hand_x, hand_y, hand_z = hand_centre(robot_state[b])
    nearest = math.inf
    for m in range(n_boxes[b]):
        if type_index[b, m] == target_type[b]:
            to_x, to_y, to_z = pose[b, m, 0] - hand_x, pose[b, m, 1] - hand_y, pose[b, m, 2] - hand_z
            nearest = min(nearest, math.sqrt(to_x * to_x + to_y * to_y + to_z * to_z))
    found[b] = nearest
