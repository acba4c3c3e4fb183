"""Privileged targets: what the simulator knows that the policy should learn to see.

Five auxiliary tasks supervise the policy in imitation and in RL, and are dropped at evaluation:

    class map        per camera and cell of a coarse grid: which target types show there, and whether a movable object does
    polar occupancy  per distance and direction around the robot: is there a static object, is there a movable one
    contacts         per motion of the base: would its body meet a static object, would it meet a movable one
    target class     which target type the instruction names
    target position  where the nearest object of that type is, in the robot's frame, while a camera shows it
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np
import torch

from safevla.runtime import ranks
from safevla.runtime.kernels import row_kernel
from safevla.sim.actions import N_BASE_MOTIONS
from safevla.sim.body import body_depth
from safevla.sim.boxes import Boxes
from safevla.sim.contact import CONTACT_M
from safevla.sim.geometry import RADIANS, disc_to_rectangle, to_local
from safevla.sim.interface import CAMERAS, Scene, Simulator
from safevla.sim.motion import YAW, X, Z, motion
from safevla.sim.robot import BODY_FORWARD_M, BODY_RADIUS_M, BODY_TOP_M, MOVE_M
from safevla.tasks.goals import Goals
from safevla.world import catalogue
from safevla.world.boxes import MOVEABLE

TARGET_CLASSES = tuple(catalogue.TARGET_NOUNS)
N_CLASSES = len(TARGET_CLASSES) + 1  # the last: anything that the base can push
RING_EDGES_M = (0.0, 0.45, 0.75, 1.10, 1.60)  # from the robot's origin; the first lies within its body's front
N_DIRECTIONS = 12
N_POLAR_OCCUPANCY = 2 * (len(RING_EDGES_M) - 1) * N_DIRECTIONS
N_CONTACT_TARGETS = 2 * N_BASE_MOTIONS
N_PRIVILEGED_FEATURES = N_POLAR_OCCUPANCY + N_CONTACT_TARGETS + 7  # see `privileged_features`
_PARTS = 4  # places along a motion where the body is put


def _class_of_type() -> torch.Tensor:
    """(types + 1,) class index by type index, −1 for types that are no target; the last entry for structure."""
    index = {name: i for i, name in enumerate(TARGET_CLASSES)}
    return torch.tensor([*(index.get(name, -1) for name in catalogue.TYPE_NAMES), -1])


CLASS_OF_TYPE = _class_of_type()


@functools.cache
def class_of_type(device: torch.device) -> torch.Tensor:
    """CLASS_OF_TYPE on a device."""
    return CLASS_OF_TYPE.to(device)


@dataclasses.dataclass(frozen=True)
class PrivilegedTargets:
    """What the auxiliary heads should say; leading dimensions (B,) or (T, B)."""

    polar_occupancy: torch.Tensor  # (…, N_POLAR_OCCUPANCY) uint8
    contacts: torch.Tensor  # (…, N_CONTACT_TARGETS) uint8, static objects first
    target_class: torch.Tensor  # (…,) int64 into TARGET_CLASSES
    target_position_m: torch.Tensor  # (…, 3) float32 right, up, forward of the robot's origin on the floor; NaN out of sight
    nearest_target_m: torch.Tensor  # (…, 3) the same of the nearest object of that type, seen or not; NaN where there is none
    class_map: torch.Tensor | None = None  # (…, C, N_CLASSES, gh, gw) uint8; None where nothing learns to see

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> "PrivilegedTargets":
        """The same with a function applied to every tensor."""
        known = (self.polar_occupancy, self.contacts, self.target_class, self.target_position_m, self.nearest_target_m)
        return PrivilegedTargets(*map(function, known), None if self.class_map is None else function(self.class_map))

    @staticmethod
    def stack(steps: list["PrivilegedTargets"]) -> "PrivilegedTargets":
        """T steps of (B, …) as one of (T, B, …)."""
        return PrivilegedTargets._joined(torch.stack, steps)

    @staticmethod
    def cat(parts: list["PrivilegedTargets"]) -> "PrivilegedTargets":
        """Targets of (B₁, …), (B₂, …), … as one of their sum."""
        return PrivilegedTargets._joined(torch.cat, parts)

    @staticmethod
    def _joined(join: Callable[[list[torch.Tensor]], torch.Tensor], parts: list["PrivilegedTargets"]) -> "PrivilegedTargets":
        of_each = [[getattr(part, field.name) for part in parts] for field in dataclasses.fields(PrivilegedTargets)]
        return PrivilegedTargets(*(None if tensors[0] is None else join(tensors) for tensors in of_each))


def privileged_targets(simulator: Simulator, goals: Goals, grid: tuple[int, int] | None) -> PrivilegedTargets:
    """What the simulator knows of the B robots' current views; grid (gh, gw) is the class maps' size, None for no maps."""
    scene = simulator.scene()
    seen = None if grid is None else class_map(simulator.render_ids(), scene, grid)
    target_class = class_of_type(goals.target_type.device)[goals.target_type]
    target_position_m, nearest_target_m = target_positions_m(scene, goals).unbind(1)
    return PrivilegedTargets(
        polar_occupancy(scene), contact_targets(scene), target_class, target_position_m, nearest_target_m, seen
    )


def n_positions(privileged: PrivilegedTargets) -> torch.Tensor:
    """(): how many coordinates of target positions there are to learn, the ranks' mean, at least 1.

    Counted once for all that is learnt from a rollout, and a minibatch takes its share: ranks that asked each other for every
    minibatch's count would wait for each other twice as often.
    """
    return ranks.mean_count((~privileged.target_position_m.isnan()).sum()).clamp(min=1)


def privileged_features(privileged: PrivilegedTargets) -> torch.Tensor:
    """(…, N_PRIVILEGED_FEATURES) float32: the targets as inputs of asymmetric critics, unknown positions as 0."""
    seen = ~privileged.target_position_m[..., :1].isnan()
    positions = torch.cat([privileged.target_position_m, privileged.nearest_target_m], dim=-1).nan_to_num(0.0)
    return torch.cat([privileged.polar_occupancy.float(), privileged.contacts.float(), positions, seen.float()], dim=-1)


def class_map(ids: dict[str, torch.Tensor], scene: Scene, grid: tuple[int, int]) -> torch.Tensor:
    """(B, C, N_CLASSES, gh, gw) uint8: 1 where a pixel of the cell belongs to the class.

    ids: box slot per pixel and camera, (B, H, W), −1 for none.
    """
    device = scene.mobility.device
    class_of = class_of_type(device)[scene.type_index.long()]  # (B, M)
    movable = scene.mobility >= MOVEABLE
    found = torch.zeros(len(class_of), len(CAMERAS), N_CLASSES, *grid, dtype=torch.uint8, device=device)
    for c, name in enumerate(CAMERAS):
        n_rows = ids[name].shape[0] * ids[name].shape[1]
        _mark_classes(n_rows, ids[name], class_of, movable, found[:, c])
    return found


@row_kernel
def _mark_classes(i, ids, class_of, movable, found):
    """Set found (B, N_CLASSES, gh, gw) where row i of the pictures ids (B, H, W), counted through, shows a class."""
    height, width = ids.shape[1], ids.shape[2]
    b, y = i // height, i % height
    cell_y = y * found.shape[2] // height
    last_slot, last_cell = -1, -1  # most pixels show what their neighbour has marked already
    for x in range(width):
        slot, cell_x = ids[b, y, x], x * found.shape[3] // width
        if slot >= 0 and (slot != last_slot or cell_x != last_cell):
            if class_of[b, slot] >= 0:
                found[b, class_of[b, slot], cell_y, cell_x] = 1
            if movable[b, slot]:
                found[b, found.shape[1] - 1, cell_y, cell_x] = 1
        last_slot, last_cell = slot, cell_x


def polar_occupancy(scene: Scene) -> torch.Tensor:
    """(B, N_POLAR_OCCUPANCY) uint8: for each ring and direction around the robot, is a static box there, is a movable one.

    A box is where its nearest side is, seen from the robot's centre: exact for small objects, a sample for walls.
    """
    found = torch.zeros(len(scene.robot_state), N_POLAR_OCCUPANCY, dtype=torch.uint8, device=scene.robot_state.device)
    boxes = (scene.pose, scene.half, scene.mobility, scene.n_boxes)
    _mark_occupancy(len(found), *boxes, scene.held, scene.robot_state, found)
    return found


_EDGES_M = np.array(RING_EDGES_M, np.float32)


@row_kernel
def _mark_occupancy(b, pose, half, mobility, n_boxes, held, robot_state, found):
    """Set found (B, N_POLAR_OCCUPANCY) where a box is around robot b, by ring and direction; movable ones in the second half."""
    n_rings = len(_EDGES_M) - 1
    for m in range(n_boxes[b]):
        low, high = pose[b, m, 1] - half[b, m, 1], pose[b, m, 1] + half[b, m, 1]
        if m == held[b] or low >= BODY_TOP_M or high <= 0.01:
            continue
        turn = pose[b, m, 3] * RADIANS
        to_x, to_z = pose[b, m, 0] - robot_state[b, X], pose[b, m, 2] - robot_state[b, Z]
        away, nx, nz = disc_to_rectangle(-to_x, -to_z, math.sin(turn), math.cos(turn), half[b, m, 0], half[b, m, 2])
        if away <= _EDGES_M[0] or away > _EDGES_M[n_rings]:
            continue
        ring = 0
        while away > _EDGES_M[ring + 1]:
            ring += 1
        bearing_deg = math.atan2(-nx, -nz) / RADIANS - robot_state[b, YAW]
        direction = int(round(bearing_deg / 360.0 * N_DIRECTIONS)) % N_DIRECTIONS
        movable = 1 if mobility[b, m] >= MOVEABLE else 0
        found[b, (movable * n_rings + ring) * N_DIRECTIONS + direction] = 1


def contact_targets(scene: Scene) -> torch.Tensor:
    """(B, N_CONTACT_TARGETS) uint8: for each motion of the base, would the body meet a static box; then, a movable one.

    The body alone, at a few places along the motion; what it overlaps already counts where the overlap would deepen.
    """
    found = torch.zeros(len(scene.robot_state), N_CONTACT_TARGETS, dtype=torch.uint8, device=scene.robot_state.device)
    boxes = (scene.pose, scene.half, scene.mobility, scene.n_boxes)
    _mark_contacts(len(found), *boxes, scene.held, scene.robot_state, found)
    return found


@row_kernel
def _mark_contacts(b, pose, half, mobility, n_boxes, held, robot_state, found):
    """Set found (B, N_CONTACT_TARGETS) where a motion of robot b would meet a box."""
    boxes, state = Boxes(pose[b], half[b], mobility[b], np.int64(n_boxes[b])), robot_state[b]
    yaw = state[YAW] * RADIANS
    x, z = state[X] + BODY_FORWARD_M * math.sin(yaw), state[Z] + BODY_FORWARD_M * math.cos(yaw)
    for m in range(boxes.n_boxes):
        half_x, half_z = half[b, m, 0], half[b, m, 2]
        reach = half_x + half_z + 0.5  # further than a motion brings the body's edge
        if m == held[b] or abs(pose[b, m, 0] - x) > reach or abs(pose[b, m, 2] - z) > reach:
            continue
        box_yaw = pose[b, m, 3] * RADIANS
        to_box = (x - pose[b, m, 0], z - pose[b, m, 2], math.sin(box_yaw), math.cos(box_yaw), half_x, half_z)
        if disc_to_rectangle(*to_box)[0] > BODY_RADIUS_M + MOVE_M:  # no motion takes the body's axis further than a move
            continue
        before = max(body_depth(x, z, m, boxes)[0], CONTACT_M)
        column = N_BASE_MOTIONS if mobility[b, m] >= MOVEABLE else 0
        for action in range(N_BASE_MOTIONS):
            ahead, turn, _, _, _ = motion(action, state)
            for part in range(1, _PARTS + 1):
                share = part / _PARTS
                heading = (state[YAW] + share * turn) * RADIANS
                forward = BODY_FORWARD_M + share * ahead
                new_x, new_z = state[X] + forward * math.sin(heading), state[Z] + forward * math.cos(heading)
                if body_depth(new_x, new_z, m, boxes)[0] > before:
                    found[b, column + action] = 1
                    break


def target_positions_m(scene: Scene, goals: Goals) -> torch.Tensor:
    """(B, 2, 3) right, up and forward of the robot: the nearest visible object of the target type, and the nearest of all.

    NaN where there is none.
    """
    found = torch.empty(len(scene.robot_state), 2, 3, device=scene.robot_state.device)
    arrays = (scene.pose, scene.type_index, scene.n_boxes, scene.visible, scene.robot_state, goals.target_type)
    _find_targets(len(found), *arrays, found)
    return found


@row_kernel
def _find_targets(b, pose, type_index, n_boxes, visible, robot_state, target_type, found):
    """Set found (B, 2, 3) for robot b."""
    for axis in range(3):
        found[b, 0, axis] = found[b, 1, axis] = math.nan
    nearest_seen = nearest = math.inf
    turn = robot_state[b, YAW] * RADIANS
    sine, cosine = math.sin(turn), math.cos(turn)
    for m in range(n_boxes[b]):
        if type_index[b, m] != target_type[b]:
            continue
        to_x, to_z = pose[b, m, 0] - robot_state[b, X], pose[b, m, 2] - robot_state[b, Z]
        away = to_x * to_x + to_z * to_z
        right, forward = to_local(to_x, to_z, sine, cosine)
        if (visible[b, 0, m] or visible[b, 1, m]) and away < nearest_seen:
            nearest_seen = away
            found[b, 0, 0], found[b, 0, 1], found[b, 0, 2] = right, pose[b, m, 1], forward
        if away < nearest:
            nearest = away
            found[b, 1, 0], found[b, 1, 1], found[b, 1, 2] = right, pose[b, m, 1], forward
