"""Step: what an action does to one environment of a batch, and what its pictures then show, on either device.

Environments are rows e of arrays named and shaped as those of `sim.state`.
"""

import math

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.boxes import Boxes
from safevla.sim.geometry import noise
from safevla.sim.interface import NEVER
from safevla.sim.motion import X, Z
from safevla.sim.physics import act

SEEN_WITHIN_M = 4.0  # a visible object that is further away does not count as seen
# An object is visible when its share of the picture is at least this: one pixel of 36x64, thirty-seven of 224x384.
VISIBLE_SHARE = 1.0 / (36 * 64)


def pixels_needed(image_size: tuple[int, int]) -> int:
    """Pixels of a picture of that size (height, width) from which an object counts as visible."""
    return max(1, math.ceil(VISIBLE_SHARE * image_size[0] * image_size[1] - 1e-6))


@kernel
def actuation_noise_at(seed, step, actuation_noise):
    """By which share the base goes further than asked at an episode's step; from −actuation_noise to actuation_noise."""
    return actuation_noise * (2.0 * noise(seed, 100 + step) - 1.0)


@kernel
def step_row(
    e, actions, robot_state, held, grip, pose, half, mobility, n_boxes, support, step, seed, actuation_noise, blocker, changed,
    scratch,
):  # fmt: skip
    """Carry out environment e's action (B,), and enter what came of it; scratch is that of `physics.act`."""
    boxes = Boxes(pose[e], half[e], mobility[e], np.int64(n_boxes[e]))
    further = actuation_noise_at(seed[e], step[e], actuation_noise)
    met, taken, moved = act(actions[e], robot_state[e], np.int64(held[e]), grip[e], boxes, support[e], further, scratch)
    blocker[e] = met
    held[e] = taken
    changed[e] = moved
    step[e] += 1


@kernel
def note_seen(m, robot_state, pose, pixels, visible, seen, needed):
    """Enter what the pictures show of box m of one environment into visible (C, M) and seen (M,)."""
    if seen[m] < NEVER:
        seen[m] += 1
    off_x, off_z = pose[m, 0] - robot_state[X], pose[m, 2] - robot_state[Z]
    is_near = off_x * off_x + off_z * off_z <= SEEN_WITHIN_M * SEEN_WITHIN_M
    for c in range(pixels.shape[0]):
        visible[c, m] = pixels[c, m] >= needed
        if visible[c, m] and is_near:
            seen[m] = 0
