"""Boxes: a house's boxes as kernels take them are the layout's own, each with poses of its own."""

import numpy as np

from safevla.sim.boxes import boxes_of
from safevla.world import generation, layout


def test_boxes_share_the_layout_but_not_their_poses():
    compiled = layout.compile_house(generation.generate(3, rooms=(1, 2)))
    before = compiled.centre.copy()
    boxes = boxes_of(compiled)
    assert boxes.n_boxes == compiled.n_boxes == len(boxes.pose)
    assert boxes.half is compiled.half and boxes.mobility is compiled.mobility
    assert (boxes.pose[:, :3] == compiled.centre).all() and (boxes.pose[:, 3] == compiled.yaw_deg).all()
    assert not boxes.pose[:, 4].any()  # everything stands upright
    boxes.pose[:, :3] += 1.0  # a kernel moves what it has been given
    np.testing.assert_array_equal(compiled.centre, before)
