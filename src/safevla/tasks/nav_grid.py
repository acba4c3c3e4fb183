"""Navigation grid: from where in a house a target can be seen or grasped, and how far that is from anywhere."""

import dataclasses
import functools

import numpy as np

from safevla.config.registry import TASKS
from safevla.sim import navigation
from safevla.sim.boxes import Boxes, boxes_of
from safevla.sim.collision_check import graspable_from
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.sim.robot import NAVIGATION, VERTICAL_FOV_DEG
from safevla.tasks.definitions.object_nav import SUCCESS_DISTANCE_M
from safevla.world import catalogue
from safevla.world.boxes import MOVEABLE, PICKUPABLE, STRUCTURE
from safevla.world.layout import Layout

GRASP_REACH_M = (0.36, 0.78)  # from the robot's origin to the target, arm out, wrist straight
_GRASP_HEIGHT_M = (0.03, 1.1)  # of the target's centre
_VIEW_M = SUCCESS_DISTANCE_M - 0.4
_PICTURE_MARGIN_DEG = 4.0  # a target is looked for from where it would be this far inside the picture
_EVERY, _MOST_VIEWPOINTS = 3, 60  # every third viewpoint is asked whether it sees the target, nearest first, up to sixty
_START_CLEARANCE_M = 0.32  # the body may turn on the spot there
_PASSAGE_M = 0.23  # a way with this much room on either side can be walked without contact


@dataclasses.dataclass(frozen=True)
class NavGrid:
    """What sampling needs to know of a house's floor. What was found out for one episode serves the house's others."""

    layout: Layout
    boxes: Boxes  # as they stand at the start
    reachable: np.ndarray  # (Z, X) bool
    clearance_m: np.ndarray  # (Z, X) to everything that a body can meet
    x: np.ndarray  # (X,) metres
    z: np.ndarray  # (Z,)
    _targets: dict[str, dict[str, list[int]]] = dataclasses.field(default_factory=dict, repr=False)
    _distances: dict[tuple[str, str], tuple[list[int], np.ndarray | None]] = dataclasses.field(default_factory=dict, repr=False)
    _safe_starts: dict[tuple[str, int], np.ndarray | None] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, layout: Layout) -> "NavGrid":
        """The grid of a house as it stands at the start."""
        reachable, origin = navigation.reachable_grid(layout)
        boxes = boxes_of(layout)
        clearance_m = np.empty(reachable.shape, np.float32)
        navigation.clearance(boxes, STRUCTURE, PICKUPABLE, *origin, clearance_m)
        size_z, size_x = reachable.shape
        return cls(
            layout, boxes, reachable, clearance_m,
            origin[0] + np.arange(size_x) * REACHABLE_CELL_M, origin[1] + np.arange(size_z) * REACHABLE_CELL_M,
        )  # fmt: skip

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """(N, 2) nodes (z, x) to start from."""
        return np.argwhere(self.reachable & (self.clearance_m > _START_CLEARANCE_M))

    @functools.cached_property
    def passable(self) -> np.ndarray:
        """(Z, X) bool: where a robot gets by without contact."""
        return self.reachable & (self.clearance_m > _PASSAGE_M)

    def targets(self, task: str) -> dict[str, list[int]]:
        """The slots of the boxes that the task may ask for, by type."""
        if task not in self._targets:
            name_of = {catalogue.TYPES[name].index: name for name in TASKS.load(task).TARGETS}
            by_type: dict[str, list[int]] = {}
            for slot in range(self.layout.n_structure, self.layout.n_boxes):
                name = name_of.get(int(self.layout.type_index[slot]))
                if name is not None:
                    by_type.setdefault(name, []).append(slot)
            self._targets[task] = by_type
        return self._targets[task]

    def distance_to_goal(self, task: str, name: str) -> tuple[list[int], np.ndarray | None]:
        """The boxes of a type with which the task can be done, and how far the nearest is from anywhere, (Z, X) metres.

        No boxes and None where it cannot be done with any.
        """
        key = (task, name)
        if key not in self._distances:
            slots = self.targets(task)[name]
            goals = [self._goals(task, slot, self.reachable) for slot in slots]
            found = [slot for slot, nodes in zip(slots, goals, strict=True) if len(nodes)]
            self._distances[key] = found, self._field(self.reachable, np.concatenate(goals)) if found else None
        return self._distances[key]

    def safe_starts(self, task: str, target: int) -> np.ndarray | None:
        """(N,) bool: from which of `starts` the task can be done without any other contact; None if it cannot at all."""
        key = (task, target)
        if key not in self._safe_starts:
            nodes = self._goals(task, target, self.passable, for_safe_starts=True)
            field = self._field(self.passable, nodes) if len(nodes) else None
            self._safe_starts[key] = None if field is None else field[tuple(self.starts.T)] < navigation.UNREACHABLE
        return self._safe_starts[key]

    def _goals(self, task: str, target: int, free: np.ndarray, for_safe_starts: bool = False) -> np.ndarray:
        return goal_nodes(task, target, free, self.x, self.z, self.boxes, for_safe_starts=for_safe_starts)

    @staticmethod
    def _field(free: np.ndarray, goals: np.ndarray) -> np.ndarray:
        weight = np.where(free, np.float32(1.0), navigation.UNREACHABLE).astype(np.float32)
        return navigation.distance_field(weight, goals)


def goal_nodes(
    task: str, target: int, reachable: np.ndarray, x: np.ndarray, z: np.ndarray, boxes: Boxes, for_safe_starts: bool = False
) -> np.ndarray:
    """(S, 2) grid nodes (z, x) from which the target, a slot, can be seen or grasped.

    Grasped where the task ends with the target in the hand, else seen from less than 2 m.
    for_safe_starts: without any other contact.
    reachable (Z, X) bool: where the nodes may be; x (X,) and z (Z,): the nodes' places in metres.
    """
    tx, ty, tz = boxes.pose[target, :3]
    if not TASKS.load(task).GRASPS:
        eye_m = NAVIGATION.up_m
        steepness_deg = (NAVIGATION.pitch_deg, VERTICAL_FOV_DEG / 2 - _PICTURE_MARGIN_DEG)
        nodes = navigation.viewpoints(reachable, x, z, tx, tz, _VIEW_M, eye_m - ty, *steepness_deg)
        nodes = nodes[::_EVERY][:_MOST_VIEWPOINTS]
        return nodes[navigation.seen_from(nodes, x, z, eye_m, target, boxes)]
    if not _GRASP_HEIGHT_M[0] < ty < _GRASP_HEIGHT_M[1]:
        return np.empty((0, 2), np.int64)
    low, high = GRASP_REACH_M
    distance = np.hypot(x[None, :] - tx, z[:, None] - tz)
    nodes = np.argwhere(reachable & (distance > low) & (distance < high))
    return graspable_from(nodes, x, z, target, boxes, PICKUPABLE if for_safe_starts else MOVEABLE)
