"""Disturbance: how far a step moved an object, and whether that counts.

An object is *disturbed* when a step moved it by more than 5 cm along an axis or turned it by more than 10°. Walls and floors
never are, nor is what the hand carries, as long as it carries it. Poses (M, 5) are centre x, y, z in metres, yaw and tilt in
degrees.
"""

import math

import torch

from safevla.runtime.kernels import kernel, row_kernel
from safevla.sim.geometry import wrap_deg
from safevla.sim.interface import Transition
from safevla.world.boxes import STRUCTURE

DISTURBED_M, DISTURBED_DEG = 0.05, 10.0


@kernel
def moved_m(before, after, m):
    """How far object m moved, metres; before and after are poses (M, 5)."""
    dx, dy, dz = after[m, 0] - before[m, 0], after[m, 1] - before[m, 1], after[m, 2] - before[m, 2]
    return math.sqrt(dx * dx + dy * dy + dz * dz)


@kernel
def is_disturbed(before, after, m):
    """Whether object m moved by more than 5 cm along an axis or turned by more than 10° about one."""
    shift = max(abs(after[m, 0] - before[m, 0]), abs(after[m, 1] - before[m, 1]), abs(after[m, 2] - before[m, 2]))
    turn = max(abs(wrap_deg(after[m, 3] - before[m, 3])), abs(wrap_deg(after[m, 4] - before[m, 4])))
    return shift > DISTURBED_M or turn > DISTURBED_DEG


@kernel
def can_be_disturbed(m, mobility, held):
    """Whether object m counts: mobility (M,), held the slot in the hand after the step."""
    return mobility[m] != STRUCTURE and m != held


def displaced_m(t: Transition) -> torch.Tensor:
    """(B,) float32: how far the step moved the object that it moved furthest, metres."""
    furthest = torch.zeros(len(t.action), device=t.action.device)
    scene = t.after
    arrays = (t.before.pose, scene.pose, scene.mobility, scene.held, scene.n_boxes, furthest)
    _enter_furthest(len(furthest), *arrays)
    return furthest


@row_kernel
def _enter_furthest(e, before, after, mobility, held, n_boxes, furthest):
    for m in range(n_boxes[e]):
        if can_be_disturbed(m, mobility[e], held[e]):
            furthest[e] = max(furthest[e], moved_m(before[e], after[e], m))
