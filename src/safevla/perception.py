"""Perception targets: what the simulator knows that the policy should learn to see.

Two auxiliary tasks supervise the policy in imitation and in RL, and are dropped at evaluation:

    class map    per camera and cell of a coarse grid: which target types show there, and whether a loose thing does
    surroundings per distance and direction around the robot: is there something solid, is there something loose
"""

import math

import numpy as np
import torch
from numba import prange

from safevla import catalogue
from safevla.kernels import parallel_kernel
from safevla.layout import MOVEABLE, STRUCTURE
from safevla.sim.interface import CAMERAS, Scene
from safevla.sim.robot import BODY_TOP_M

TARGET_CLASSES = tuple(catalogue.TARGET_NOUNS)
N_CLASSES = len(TARGET_CLASSES) + 1  # the last: anything that the base can push
RING_EDGES_M = (0.20, 0.45, 0.75, 1.10, 1.60)
N_DIRECTIONS = 12
N_SURROUNDINGS = 2 * (len(RING_EDGES_M) - 1) * N_DIRECTIONS


def _class_of_type() -> torch.Tensor:
    """(types + 1,) class index by type index, −1 for types that are no target; the last entry for structure."""
    index = {name: i for i, name in enumerate(TARGET_CLASSES)}
    return torch.tensor([*(index.get(name, -1) for name in catalogue.TYPE_NAMES), -1])


CLASS_OF_TYPE = _class_of_type()


def class_map(ids: dict[str, torch.Tensor], scene: Scene, grid: tuple[int, int]) -> torch.Tensor:
    """(B, C, N_CLASSES, gh, gw) uint8: 1 where a pixel of the cell belongs to the class.

    ids: box slot per pixel and camera, (B, H, W), −1 for none.
    """
    kind = CLASS_OF_TYPE[scene.type_index.long()].numpy()  # (B, M)
    loose = (scene.kind >= MOVEABLE).numpy()
    found = np.zeros((len(kind), len(CAMERAS), N_CLASSES, *grid), np.uint8)
    for c, name in enumerate(CAMERAS):
        _mark_classes(ids[name].numpy(), kind, loose, found[:, c])
    return torch.from_numpy(found)


@parallel_kernel
def _mark_classes(ids, kind, loose, found):
    """Set found (B, N_CLASSES, gh, gw) where a pixel of ids (B, H, W) shows a class."""
    height, width = ids.shape[1:]
    grid_height, grid_width = found.shape[2:]
    for b in prange(ids.shape[0]):
        for y in range(height):
            cell_y = y * grid_height // height
            for x in range(width):
                slot = ids[b, y, x]
                if slot < 0:
                    continue
                cell_x = x * grid_width // width
                if kind[b, slot] >= 0:
                    found[b, kind[b, slot], cell_y, cell_x] = 1
                if loose[b, slot]:
                    found[b, found.shape[1] - 1, cell_y, cell_x] = 1


def surroundings(scene: Scene) -> torch.Tensor:
    """(B, N_SURROUNDINGS) uint8: for each ring and direction around the robot, is a solid box there, is a loose one.

    A box is where its nearest side is, seen from the robot's centre: exact for small things, a sample for walls.
    """
    offset = scene.pose[..., [0, 2]] - scene.robot[:, None, :2]  # (B, M, 2)
    turn = torch.deg2rad(scene.pose[..., 3])
    sine, cosine = turn.sin(), turn.cos()
    # nearest point of the box's outline to the robot, in the box's frame, and back
    right = -offset[..., 0] * cosine + offset[..., 1] * sine
    forward = -offset[..., 0] * sine - offset[..., 1] * cosine
    near_right = torch.maximum(torch.minimum(right, scene.half[..., 0]), -scene.half[..., 0])
    near_forward = torch.maximum(torch.minimum(forward, scene.half[..., 2]), -scene.half[..., 2])
    dx = offset[..., 0] + near_right * cosine + near_forward * sine
    dz = offset[..., 1] - near_right * sine + near_forward * cosine
    distance = torch.hypot(dx, dz)
    bearing = torch.atan2(dx, dz) - torch.deg2rad(scene.robot[:, 2:3])
    direction = ((bearing / (2 * math.pi) * N_DIRECTIONS).round().long()) % N_DIRECTIONS
    edges = torch.tensor(RING_EDGES_M, device=distance.device)
    ring = torch.bucketize(distance, edges) - 1
    slots = torch.arange(scene.pose.shape[1], device=distance.device)
    low = scene.pose[..., 1] - scene.half[..., 1]
    in_body_height = (low < BODY_TOP_M) & (scene.pose[..., 1] + scene.half[..., 1] > 0.01)
    used = (slots < scene.n_boxes[:, None]) & in_body_height & (slots != scene.held[:, None])
    used &= (ring >= 0) & (ring < len(RING_EDGES_M) - 1)
    loose = (scene.kind >= MOVEABLE).long()
    solid = scene.kind != STRUCTURE
    used &= solid | (loose == 0)
    found = torch.zeros(len(distance), N_SURROUNDINGS, dtype=torch.uint8, device=distance.device)
    b, m = used.nonzero(as_tuple=True)
    column = (loose[b, m] * (len(RING_EDGES_M) - 1) + ring[b, m]) * N_DIRECTIONS + direction[b, m]
    found[b, column] = 1
    return found
