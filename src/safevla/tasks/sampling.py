"""Sampling: episodes drawn in generated houses without end, or in the houses of a file.

An episode asks for a target that can be seen or grasped, and starts where the task can be done without any other contact.
"""

import collections
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

# House seeds of a split start here and never reach the next one. After the last one they start anew, for more streams.
SPLIT_SEEDS = {"train": 0, "validation": 1_000_000_000, "test": 1_100_000_000}
_ALL_SPLITS, _STREAMS = 1_200_000_000, 1000

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


class EpisodeStream(Iterator[Episode]):
    """What `stream` gives. It can be copied and pickled, and the copy goes on as the original does."""

    def __init__(
        self, task_names: Iterable[str], split: str, options: HouseOptions, seed: int, first: int, stride: int, per_house: int
    ):
        house_seed(split, seed, first)  # refuses a seed that is none
        self._task_names, self._split, self._options, self._seed = tuple(task_names), split, options, seed
        self._index, self._turn, self._stride, self._per_house = first, first, stride, per_house
        self._drawn: collections.deque[Episode] = collections.deque()  # of the last house, and not yet asked for

    def __next__(self) -> Episode:
        barren = 0
        while not self._drawn:
            if barren == BARREN:
                raise EpisodeError(
                    f"houses: {BARREN} generated houses in a row offer no episode of {', '.join(self._task_names)}; "
                    "furniture, surface_objects and hazards say how much there is to look for"
                )
            self._draw()
            barren += 1
        return self._drawn.popleft()

    def _draw(self) -> None:
        """The episodes of the next house."""
        of_house = house_seed(self._split, self._seed, self._index)
        house = generation.generate_with(of_house, self._options)
        nav_grid = NavGrid.of(compile_house(house))
        rng = random.Random(of_house)
        for _ in range(self._per_house):
            task = self._task_names[self._turn % len(self._task_names)]
            self._turn += 1
            episode = sample(house, f"generated-{of_house}", task, rng, nav_grid, self._split, self._index)
            if episode is not None:
                self._drawn.append(episode)
        self._index += self._stride


def stream(
    task_names: Iterable[str],
    split: str,
    options: HouseOptions,
    seed: int = 0,
    first: int = 0,
    stride: int = 1,
    per_house: int = 1,
) -> EpisodeStream:
    """Episodes without end, each house fresh: houses first, first + stride, … of the split's seeds, tasks in turn.

    `per_house` episodes share a house. `seed` chooses the stream within its split: streams of other seeds have no house in
    common. `stride` lets ranks share a stream. Raises ValueError for a negative seed, and, when
    it is asked, EpisodeError where `BARREN` houses in a row offer no episode.
    """
    return EpisodeStream(task_names, split, options, seed, first, stride, per_house)


def house_seed(split: str, seed: int, index: int) -> int:
    """The seed of a stream's house, another one for every split, seed and index; a stream's indices repeat at its end.

    A stream has a million houses in training and 100,000 elsewhere. Raises ValueError for a negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected a whole number of at least 0")
    per_stream = 1_000_000 if split == "train" else 100_000
    start = seed // _STREAMS * _ALL_SPLITS + SPLIT_SEEDS[split]
    return start + seed % _STREAMS * per_stream + index % per_stream


def split_of(of_house: int) -> str | None:
    """The split that a house's seed belongs to; None where it belongs to none."""
    if of_house < 0:
        return None
    return max((start, split) for split, start in SPLIT_SEEDS.items() if start <= of_house % _ALL_SPLITS)[1]


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


class HouseFileStream(Iterator[Episode]):
    """Episodes of a task without end, in the houses of a ProcTHOR file: all of them in a random order, and again.

    The order and the episodes follow from the seed, and are new each time round. However many streams there are, a process
    reads the file once, and compiles a house when an episode is first drawn there. A stream can be copied and pickled, and
    the copy goes on as the original does; a pickle has the file's path, not its houses.

    Raises HouseError where the file is malformed, ValueError for a negative seed and, at the first episode, where no house
    offers any.
    """

    def __init__(self, path: str | Path, task: str, split: str, seed: int):
        if seed < 0:
            raise ValueError(f"seed is {seed}, expected a whole number of at least 0")
        self._path, self._task, self._split, self._seed = Path(path).resolve(), task, split, seed
        self._turn = 0
        _read(self._path, _version(self._path))  # refuses a malformed file

    def __next__(self) -> Episode:
        version = _version(self._path)
        n_houses = len(_read(self._path, version))
        for _ in range(2 * n_houses):  # wherever that begins, every house is among them
            time_round, at = divmod(self._turn, n_houses)
            index = int(np.random.default_rng((self._seed, time_round)).permutation(n_houses)[at])
            self._turn += 1
            rng = random.Random(f"{self._seed}|{index}|{self._task}|{time_round}")
            house, nav_grid = _compiled(self._path, version, index)
            episode = sample(house, f"{self._path.name}-{index}", self._task, rng, nav_grid, self._split, index)
            if episode is not None:
                return episode
        raise ValueError(f"{self._path}: no house offers an episode of {self._task}")


_Version = tuple[tuple[str, int, int], ...]


def _version(path: Path) -> _Version:
    """What changes with the file, or with the asset database beside it."""
    files = [file for file in (path, asset_database_beside(path)) if file is not None and file.exists()]
    return tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)


@functools.lru_cache(maxsize=2)
def _read(path: Path, version: _Version) -> list[house_file.House]:
    """The houses of a file."""
    return list(house_file.load(path))


@functools.lru_cache(maxsize=512)
def _compiled(path: Path, version: _Version, index: int) -> tuple[house_file.House, NavGrid]:
    """A house of a file, and its grid."""
    house = _read(path, version)[index]
    return house, NavGrid.of(compile_house(house, asset_sizes(asset_database_beside(path))))
