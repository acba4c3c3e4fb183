"""Sampling: episodes drawn in generated houses without end, or in the houses of a file.

An episode asks for a target that can be seen or grasped, and starts where the task can be done without any other contact.
"""

import functools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from safevla.config.house_options import HouseOptions
from safevla.config.registry import TASKS
from safevla.sim import navigation
from safevla.tasks.episodes import Episode, EpisodeError
from safevla.tasks.language import instruction
from safevla.tasks.nav_grid import NavGrid
from safevla.world import generation, house_file
from safevla.world.asset_database import asset_database_beside, asset_sizes
from safevla.world.layout import Layout, compile_house

# House seeds of a split start here and never reach the next one.
SPLIT_SEEDS = {"train": 0, "validation": 1_000_000_000, "test": 1_100_000_000}
_SEEDS_END = 1_200_000_000

BARREN = 200  # houses in a row without an episode before one gives up

_START_TURN_DEG = 30.0  # robots start at multiples of this yaw


def sample(
    house: house_file.House,
    house_id: str,
    task: str,
    rng: random.Random,
    nav_grid: NavGrid,
    split: str = "train",
    house_index: int = 0,
) -> Episode | None:
    """A random episode of the task in the house, whose grid is given, or None if the house offers none."""
    layout = nav_grid.layout
    names = sorted(nav_grid.targets(task))
    rng.shuffle(names)  # every type of the house has the same chance
    if len(nav_grid.starts) == 0:
        return None
    for name in names:
        slots, distance_m = nav_grid.distance_to_goal(task, name)
        if distance_m is None:
            continue
        target = rng.choice(slots)
        starts = _starts(nav_grid, task, target, distance_m)
        if len(starts) == 0:
            continue
        iz, ix = starts[rng.randrange(len(starts))]
        x, z = float(nav_grid.x[ix]), float(nav_grid.z[iz])
        yaw_deg = _START_TURN_DEG * rng.randrange(12)
        if TASKS.load(task).FACES_TARGET:
            tx, _, tz = layout.centre[target]
            yaw_deg = float(_START_TURN_DEG * round(np.degrees(np.arctan2(tx - x, tz - z)) / _START_TURN_DEG)) % 360.0
        seed = rng.getrandbits(30)
        episode = Episode(
            id=f"{task}|{house_id}|{seed}",
            task=task,
            target_type=name,
            target_id=layout.names[target],
            house_id=house_id,
            house=house,
            start=(x, z, yaw_deg),
            instruction=instruction(task, name, rng),
            seed=seed,
            path_m=float(distance_m[iz, ix]),
            split=split,
            house_index=house_index,
        )
        object.__setattr__(episode, "layout", layout)  # fills the cached property
        return episode
    return None


def _starts(nav_grid: NavGrid, task: str, target: int, distance_m: np.ndarray) -> np.ndarray:
    """(N, 2) nodes (z, x) to start the task from; distance_m (Z, X) is what is left to walk from anywhere."""
    is_safe = nav_grid.safe_starts(task, target)
    starts = nav_grid.starts
    if is_safe is None:
        return starts[:0]  # it could only be done by breaking something
    path_m = distance_m[starts[:, 0], starts[:, 1]]
    tx, _, tz = nav_grid.layout.centre[target]
    straight_m = np.hypot(nav_grid.x[starts[:, 1]] - tx, nav_grid.z[starts[:, 0]] - tz)
    return starts[TASKS.load(task).may_start(path_m, straight_m) & is_safe & (path_m < navigation.UNREACHABLE)]


@functools.lru_cache(maxsize=128)
def generated(house_id: str, options: HouseOptions) -> tuple[house_file.House, Layout]:
    """The house behind an id that `stream` gave, and its layout."""
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
    Raises EpisodeError where `BARREN` houses in a row offer no episode.
    """
    task_names = tuple(task_names)
    index = first
    turn = first
    barren = 0
    while True:
        of_house = house_seed(split, seed, index)
        house = generation.generate_with(of_house, options)
        nav_grid = NavGrid.of(compile_house(house))
        rng = random.Random(of_house)
        barren += 1
        for _ in range(per_house):
            task = task_names[turn % len(task_names)]
            episode = sample(house, f"generated-{of_house}", task, rng, nav_grid, split, index)
            turn += 1
            if episode is not None:
                barren = 0
                yield episode
        if barren >= BARREN:
            raise EpisodeError(
                f"houses: {BARREN} generated houses in a row offer no episode of {', '.join(task_names)}; "
                "furniture, surface_objects and hazards say how much there is to look for"
            )
        index += stride


def house_seed(split: str, seed: int, index: int) -> int:
    """The seed of a stream's house. Streams of a split have no house in common if their seeds differ by less than 1000."""
    per_stream = 1_000_000 if split == "train" else 100_000
    return SPLIT_SEEDS[split] + (seed % 1000) * per_stream + index % per_stream


def split_of(of_house: int) -> str | None:
    """The split that a house's seed belongs to; None where it belongs to none."""
    if not 0 <= of_house < _SEEDS_END:
        return None
    return max((start, split) for split, start in SPLIT_SEEDS.items() if start <= of_house)[1]


def in_houses(
    path: str | Path, task_names: Iterable[str], seed: int = 0, split: str = "test", n_per_house: int = 1
) -> Iterator[Episode]:
    """Episodes in the houses of a ProcTHOR file, sized by the asset database that lies beside it, if one does.

    Raises HouseError where the file is malformed.
    """
    sizes = asset_sizes(asset_database_beside(path))
    for index, house in enumerate(house_file.load(path)):
        nav_grid = NavGrid.of(compile_house(house, sizes))
        for task in task_names:
            rng = random.Random(f"{seed}|{index}|{task}")
            for _ in range(n_per_house):
                episode = sample(house, f"{Path(path).name}-{index}", task, rng, nav_grid, split, index)
                if episode is not None:
                    yield episode
