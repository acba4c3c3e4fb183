"""Boxes: what every part of a house's structure and every object is to the simulator."""

import numpy as np

from safevla.world import catalogue
from safevla.world.parts import Parts

STRUCTURE, FIXED, MOVEABLE, PICKUPABLE = 0, 1, 2, 3  # `Layout.mobility`
MOBILITIES = {catalogue.FIXED: FIXED, catalogue.MOVEABLE: MOVEABLE, catalogue.PICKUPABLE: PICKUPABLE}
ON_FLOOR, ON_WALL = -1, -2  # `Layout.support`, besides the index of the box below


class BoxList:
    """Boxes as they are added, in lists named as the arrays of `Layout`."""

    def __init__(self) -> None:
        self.centre, self.half, self.yaw_deg, self.names = [], [], [], []
        self.mobility, self.type_index, self.support, self.palette, self.material, self.parts = [], [], [], [], [], []

    def add(self, name, centre, half, yaw_deg, mobility, type_index, support, palette, material, parts=None) -> int:
        """Add a box; its slot. parts: what it looks like, if not the box that it is."""
        self.names.append(name)
        self.centre.append(centre)
        self.half.append(half)
        self.yaw_deg.append((yaw_deg + 180.0) % 360.0 - 180.0)
        self.mobility.append(mobility)
        self.type_index.append(type_index)
        self.support.append(support)
        self.palette.append(palette)
        self.material.append(material)
        self.parts.append(_solid(half) if parts is None else parts)
        return len(self.names) - 1


def _solid(half) -> np.ndarray:
    """One part that fills a box of these half extents."""
    size = [2 * extent for extent in half]
    parts = Parts(size)
    parts.box((0, half[1], 0), size)
    return parts.array()
