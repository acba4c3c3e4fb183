"""Boxes: what every part of a house's structure and every object is to the simulator."""

from safevla.world import catalogue

STRUCTURE, FIXED, MOVEABLE, PICKUPABLE = 0, 1, 2, 3  # `Layout.mobility`
MOBILITIES = {catalogue.FIXED: FIXED, catalogue.MOVEABLE: MOVEABLE, catalogue.PICKUPABLE: PICKUPABLE}
ON_FLOOR, ON_WALL = -1, -2  # `Layout.support`, besides the index of the box below


class BoxList:
    """Boxes as they are added, in lists named as the arrays of `Layout`."""

    def __init__(self) -> None:
        self.centre, self.half, self.size_m, self.yaw_deg, self.names = [], [], [], [], []
        self.mobility, self.type_index, self.support, self.colour, self.pattern = [], [], [], [], []

    def add(self, name, centre, half, yaw_deg, mobility, type_index, support, colour, pattern, size_m=None) -> int:
        """Add a box; its slot. size_m: full extents of what is drawn, where that differs from what is solid."""
        self.names.append(name)
        self.centre.append(centre)
        self.half.append(half)
        self.size_m.append(tuple(2 * extent for extent in half) if size_m is None else size_m)
        self.yaw_deg.append((yaw_deg + 180.0) % 360.0 - 180.0)
        self.mobility.append(mobility)
        self.type_index.append(type_index)
        self.support.append(support)
        self.colour.append(colour)
        self.pattern.append(pattern)
        return len(self.names) - 1
