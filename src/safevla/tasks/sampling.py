"""Sampling: episodes drawn in generated houses without end, or in the houses of a file."""

import dataclasses
import functools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from safevla.config.house_options import HouseOptions
from safevla.config.registry import TASKS
from safevla.sim import navigation
from safevla.sim.collision_check import graspable_from
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.sim.robot import NAVIGATION, VERTICAL_FOV_DEG
from safevla.tasks.definitions.object_nav import SUCCESS_DISTANCE_M
from safevla.tasks.episodes import Episode
from safevla.tasks.language import instruction
from safevla.world import catalogue, generation, house_file
from safevla.world.asset_database import AssetSizes
from safevla.world.boxes import MOVEABLE, PICKUPABLE
from safevla.world.layout import Layout, compile_house

# House seeds of a split start here and never reach the next one.
SPLIT_SEEDS = {"train": 0, "validation": 1_000_000_000, "test": 1_100_000_000}

_START_CLEARANCE_M = 0.32  # the body may turn on the spot there
_PASSAGE_M = 0.23  # a way with this much room on either side can be walked without touching anything
GRASP_REACH_M = (0.36, 0.78)  # from the robot's origin to the target, arm out, wrist straight
_GRASP_HEIGHT_M = (0.03, 1.1)
_PICTURE_MARGIN_DEG = 4.0  # a target is looked for from where it would be this far inside the picture


# --------------------------------------------------------------------------------------------------- sampling


@dataclasses.dataclass(frozen=True)
class NavGrid:
    """What sampling needs to know of a house's floor. What was found out for one episode serves the house's others."""

    layout: Layout
    pose: np.ndarray  # (M, 5)
    reachable: np.ndarray  # (Z, X) bool
    clearance_m: np.ndarray  # (Z, X) to everything that a body can meet
    x: np.ndarray  # (X,) metres
    z: np.ndarray  # (Z,)
    _found: dict[tuple, Any] = dataclasses.field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, layout: Layout) -> "NavGrid":
        reachable, origin = navigation.reachable_grid(layout)
        pose = navigation.box_poses(layout)
        clearance_m = np.empty(reachable.shape, np.float32)
        navigation.clearance(pose, layout.half, layout.mobility, layout.n_boxes, 0, 3, *origin, clearance_m)
        size_z, size_x = reachable.shape
        return cls(
            layout, pose, reachable, clearance_m,
            origin[0] + np.arange(size_x) * REACHABLE_CELL_M, origin[1] + np.arange(size_z) * REACHABLE_CELL_M,
        )  # fmt: skip

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """(N, 2) nodes (z, x) to start from."""
        return np.argwhere(self.reachable & (self.clearance_m > _START_CLEARANCE_M))

    @functools.cached_property
    def passable(self) -> np.ndarray:
        """(Z, X) bool: where a robot gets by without touching anything."""
        return self.reachable & (self.clearance_m > _PASSAGE_M)

    def targets(self, task: str) -> dict[str, list[int]]:
        """The boxes that the task may ask for, by type."""
        key = ("targets", task)
        if key not in self._found:
            kinds = {catalogue.TYPES[name].index: name for name in TASKS.load(task).TARGETS}
            by_type: dict[str, list[int]] = {}
            for slot in range(self.layout.n_structure, self.layout.n_boxes):
                name = kinds.get(int(self.layout.type_index[slot]))
                if name is not None:
                    by_type.setdefault(name, []).append(slot)
            self._found[key] = by_type
        return self._found[key]

    def ways(self, task: str, name: str) -> tuple[list[int], np.ndarray | None]:
        """The boxes of a type with which the task can be done, and how far the nearest is from anywhere, (Z, X) metres."""
        key = ("ways", task, name)
        if key not in self._found:
            slots = self.targets(task)[name]
            goals = [self._goals(task, slot, self.reachable) for slot in slots]
            found = [slot for slot, nodes in zip(slots, goals, strict=True) if len(nodes)]
            self._found[key] = found, self._field(self.reachable, np.concatenate(goals)) if found else None
        return self._found[key]

    def safely(self, task: str, target: int) -> np.ndarray | None:
        """(N,) bool: from which starts the task can be done without touching anything else; None if it cannot at all."""
        key = ("safely", task, target)
        if key not in self._found:
            nodes = self._goals(task, target, self.passable, safely=True)
            field = self._field(self.passable, nodes) if len(nodes) else None
            self._found[key] = None if field is None else field[tuple(self.starts.T)] < navigation.UNREACHABLE
        return self._found[key]

    def _goals(self, task: str, target: int, free: np.ndarray, safely: bool = False) -> np.ndarray:
        boxes = (self.pose, self.layout.half, self.layout.mobility, self.layout.n_boxes)
        return goal_nodes(task, target, free, self.x, self.z, *boxes, safely=safely)

    @staticmethod
    def _field(free: np.ndarray, goals: np.ndarray) -> np.ndarray:
        weight = np.where(free, np.float32(1.0), navigation.UNREACHABLE).astype(np.float32)
        return navigation.distance_field(weight, goals)


def goal_nodes(
    task: str, target: int, reachable: np.ndarray, x: np.ndarray, z: np.ndarray,
    pose: np.ndarray, half: np.ndarray, mobility: np.ndarray, n_boxes: int, safely: bool = False,
) -> np.ndarray:  # fmt: skip
    """(S, 2) grid nodes (z, x) from which the target can be seen within 2 m, or grasped, or grasped touching nothing else.

    reachable (Z, X); x (X,) and z (Z,) the nodes' places in metres; the boxes' pose (M, 5), half (M, 3) and kind (M,).
    """
    tx, ty, tz = pose[target, :3]
    if not TASKS.load(task).GRASPS:
        eye_m = NAVIGATION.up_m
        within_m = SUCCESS_DISTANCE_M - 0.4
        steepness_deg = (NAVIGATION.pitch_deg, VERTICAL_FOV_DEG / 2 - _PICTURE_MARGIN_DEG)
        nodes = navigation.viewpoints(reachable, x, z, tx, tz, within_m, eye_m - ty, *steepness_deg)[::3][:60]
        return nodes[navigation.seen_from(nodes, x, z, eye_m, target, pose, half, mobility, n_boxes)]
    if not _GRASP_HEIGHT_M[0] < ty < _GRASP_HEIGHT_M[1]:
        return np.empty((0, 2), np.int64)
    low, high = GRASP_REACH_M
    distance = np.hypot(x[None, :] - tx, z[:, None] - tz)
    nodes = np.argwhere(reachable & (distance > low) & (distance < high))
    return graspable_from(nodes, x, z, target, pose, half, mobility, n_boxes, PICKUPABLE if safely else MOVEABLE)


def sample(
    house: house_file.House,
    house_id: str,
    task: str,
    rng: random.Random,
    split: str = "train",
    sizes: AssetSizes | None = None,
    layout: Layout | None = None,
    ground: NavGrid | None = None,
    house_index: int = 0,
) -> Episode | None:
    """A random episode of the task in the house, or None if the house offers none."""
    layout = layout or compile_house(house, sizes)
    ground = ground or NavGrid.of(layout)
    definition = TASKS.load(task)
    names = sorted(ground.targets(task))
    rng.shuffle(names)  # every type of the house has the same chance
    starts = ground.starts
    if len(starts) == 0:
        return None
    for name in names:
        found, field = ground.ways(task, name)
        if field is None:
            continue
        target = rng.choice(found)
        safely = ground.safely(task, target)
        if safely is None:
            continue  # it could only be done by breaking something
        away = field[starts[:, 0], starts[:, 1]]
        tx, _, tz = layout.centre[target]
        straight = np.hypot(ground.x[starts[:, 1]] - tx, ground.z[starts[:, 0]] - tz)
        choices = starts[definition.may_start(away, straight) & safely & (away < navigation.UNREACHABLE)]
        if len(choices) == 0:
            continue
        iz, ix = choices[rng.randrange(len(choices))]
        x, z = float(ground.x[ix]), float(ground.z[iz])
        yaw_deg = 30.0 * rng.randrange(12)
        if definition.FACES_TARGET:
            yaw_deg = float(30.0 * round(np.degrees(np.arctan2(tx - x, tz - z)) / 30.0)) % 360.0
        seed = rng.getrandbits(30)
        return Episode(
            id=f"{task}|{house_id}|{seed}",
            task=task,
            target_type=name,
            target_id=layout.names[target],
            house_id=house_id,
            house=house,
            start=(x, z, yaw_deg),
            instruction=instruction(task, name, rng),
            seed=seed,
            path_m=float(field[iz, ix]),
            split=split,
            house_index=house_index,
        )
    return None


def generated_house(house_id: str, options: HouseOptions) -> house_file.House:
    """The house behind an id that `stream` gave."""
    return generated(house_id, options)[0]


@functools.lru_cache(maxsize=128)
def generated(house_id: str, options: HouseOptions) -> tuple[house_file.House, Layout]:
    house = generation.generate_with(int(house_id.removeprefix("generated-")), options)
    return house, compile_house(house)


def stream(
    task_names: Iterable[str],
    split: str,
    options: HouseOptions,
    seed: int = 0,
    first: int = 0,
    stride: int = 1,
    per_house: int = 1,
) -> Iterator[Episode]:
    """Episodes without end, each house fresh: houses first, first + stride, … of the split's seeds, tasks in turn.

    `per_house` episodes share a house. `seed` moves the whole stream within its split; `stride` lets ranks share it.
    """
    task_names = tuple(task_names)
    index = first
    turn = first
    while True:
        house_seed = SPLIT_SEEDS[split] + (seed % 1000) * 100_000 + index if split != "train" else seed * 1_000_003 + index
        if split == "train":
            house_seed %= SPLIT_SEEDS["validation"]
        house = generation.generate_with(house_seed, options)
        layout = compile_house(house)
        ground = NavGrid.of(layout)
        rng = random.Random(house_seed)
        for _ in range(per_house):
            episode = sample(
                house, f"generated-{house_seed}", task_names[turn % len(task_names)], rng, split,
                layout=layout, ground=ground, house_index=index,
            )  # fmt: skip
            turn += 1
            if episode is not None:
                object.__setattr__(episode, "layout", layout)  # fills the cached property
                yield episode
        index += stride


def in_houses(
    path: str | Path, task_names: Iterable[str], seed: int = 0, split: str = "test", n_per_house: int = 1
) -> Iterator[Episode]:
    """Episodes in the houses of a ProcTHOR file, sized by the asset database that lies beside it, if one does."""
    from safevla.world.asset_database import asset_database_beside, asset_sizes

    sizes = asset_sizes(asset_database_beside(path))
    for index, house in enumerate(house_file.load(path)):
        layout = compile_house(house, sizes)
        ground = NavGrid.of(layout)
        for task in task_names:
            rng = random.Random(f"{seed}|{index}|{task}")
            for _ in range(n_per_house):
                episode = sample(
                    house, f"{Path(path).name}-{index}", task, rng, split, layout=layout, ground=ground, house_index=index
                )
                if episode is not None:
                    object.__setattr__(episode, "layout", layout)
                    yield episode
