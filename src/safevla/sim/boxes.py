"""Boxes: the boxes of one house, as the kernels take them."""

from typing import NamedTuple

import numpy as np

from safevla.world.layout import Layout


class Boxes(NamedTuple):
    """The boxes of one house, a row each.

    The arrays are shared with whoever made them: a kernel that moves a box writes into them. Rows from `n_boxes` on are no
    boxes. Where the arm is to be moved, the last `body.ARM_ROWS` rows are scratch for it.
    """

    pose: np.ndarray  # (M, 5) float32: centre x, y, z in metres; yaw; tilt, 0 upright and 90 toppled, in degrees
    half: np.ndarray  # (M, 3) float32: half extents in metres along the box's own x, y and z
    mobility: np.ndarray  # (M,) int8: STRUCTURE, FIXED, MOVEABLE or PICKUPABLE, of `world.boxes`
    n_boxes: int


def boxes_of(layout: Layout) -> Boxes:
    """A house's boxes as they stand at the start; all but the poses are the layout's own arrays."""
    return Boxes(starting_poses(layout), layout.half, layout.mobility, layout.n_boxes)


def starting_poses(layout: Layout) -> np.ndarray:
    """The boxes' poses at the start, (M, 5) float32, as `Boxes.pose`."""
    pose = np.zeros((layout.n_boxes, 5), np.float32)
    pose[:, :3] = layout.centre
    pose[:, 3] = layout.yaw_deg
    return pose
