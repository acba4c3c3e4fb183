"""Demonstrations: what an expert did, as a table from which every frame can be drawn again.

One row per episode: its record in the public schema, the actions that were carried out and the action that the expert
would have taken in each state. Some actions are replaced by random ones, so that the states include recoveries; the
labels stay the expert's.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from safevla.config.house_options import HouseOptions
from safevla.config.params import CollectParams, SimulatorParams
from safevla.env.vector_env import VectorEnv
from safevla.policies.expert import Expert
from safevla.runtime import ranks, workers
from safevla.runtime.progress import Progress
from safevla.sim.actions import N_ACTIONS, Action
from safevla.sim.factory import make_simulator
from safevla.sim.interface import Simulator
from safevla.tasks import episode_files, episodes, goals, sampling
from safevla.tasks.episodes import Episode
from safevla.tasks.step_costs import PAPER_COSTS

COLUMNS = ("record", "actions", "labels", "success", "steps", "cost")  # and cost_<component> for each
# What a replaced action is: mostly a base motion, sometimes an arm motion, sometimes a grasp at nothing. Without the last
# a policy learns that a grasp is followed by `done`, whether or not it took hold of anything.
_NOISE = np.array([0.1] * 6 + [0.03] * 10 + [0.1])
HOPELESS = 200  # episodes, disturbed ones, of which the expert solves none before one gives up
_GOES_ON = 0.5  # chance that a replaced action is repeated: only a robot driven into a wall can show the way out


@dataclasses.dataclass(frozen=True)
class Shard:
    """A share of the demonstrations, with the houses first, first + stride, … of the stream of training houses."""

    simulator: SimulatorParams
    image_size: tuple[int, int]
    tasks: tuple[str, ...]
    costs: tuple[str, ...]  # components that are measured
    houses: HouseOptions
    collect: CollectParams
    seed: int
    first: int
    stride: int


def demonstrate_shard(shard: Shard) -> pd.DataFrame:
    """Let the shortest-path expert play a shard's episodes; see `demonstrate`."""
    collect = shard.collect
    n_episodes = collect.episodes // shard.stride + (shard.first < collect.episodes % shard.stride)
    simulator = make_simulator(shard.simulator, max(1, shard.simulator.n_envs // shard.stride), shard.image_size)
    source = sampling.stream(
        shard.tasks, "train", shard.houses, shard.seed, shard.first, shard.stride, collect.episodes_per_house
    )
    try:
        return demonstrate(
            simulator, source, n_episodes, collect.noise, collect.max_steps, [shard.seed, shard.first], shard.costs
        )
    finally:
        simulator.close()


def demonstrate_all(
    simulator: SimulatorParams,
    image_size: tuple[int, int],
    task_names: Sequence[str],
    costs: Sequence[str],
    houses: HouseOptions,
    collect: CollectParams,
    seed: int,
    n_workers: int = 0,
) -> pd.DataFrame:
    """All demonstrations, in `collect.shards` shards that n_workers processes share (0: one a core)."""
    shards = [
        Shard(simulator, image_size, tuple(task_names), tuple(costs), houses, collect, seed, first, collect.shards)
        for first in range(min(collect.shards, collect.episodes))
    ]
    progress = Progress("shards of demonstrations", len(shards), "shards")

    def recorded(mine: Sequence[Shard]) -> Iterator[pd.DataFrame]:
        for done, part in enumerate(workers.run(demonstrate_shard, mine, n_workers), start=1):
            progress.update(done * ranks.n_ranks(), success=part.attrs["expert_success"])
            yield part

    parts = ranks.shard_map(recorded, shards)
    table = pd.concat(parts, ignore_index=True)
    table.attrs = {"expert_success": float(np.mean([part.attrs["expert_success"] for part in parts]))}
    return table


def demonstrate(
    simulator: Simulator,
    source: Iterator[Episode],
    n_episodes: int,
    noise: float,
    max_steps: int,
    seed: int | Sequence[int],
    costs: Sequence[str] = PAPER_COSTS,
    careful: bool = False,
) -> pd.DataFrame:
    """Let an expert play n episodes and keep those that succeed, in the order of the source: COLUMNS and cost_<component>.

    Raises ValueError where the expert solves none of many.
    """
    rng = np.random.default_rng(seed)
    batch, expert = VectorEnv(simulator, max_steps, costs=costs), Expert(simulator.n_envs, careful)
    waiting = [next(source) for _ in range(simulator.n_envs)]
    order = list(range(simulator.n_envs))
    batch.start(waiting)
    expert.start_episodes(range(simulator.n_envs), waiting, simulator.scene())
    started = simulator.n_envs
    traces: list[tuple[list[int], list[int]]] = [([], []) for _ in range(simulator.n_envs)]
    rows: dict[int, dict] = {}
    tried = succeeded = 0
    actions, replaced = None, np.zeros(simulator.n_envs, np.bool_)
    while len(rows) < n_episodes:
        labels = expert.act(simulator.scene(), actions)
        actions, replaced = _disturbed(labels, actions, replaced, noise, rng)
        for slot, (done, wanted) in enumerate(traces):
            done.append(int(actions[slot]))
            wanted.append(int(labels[slot]))
        result = batch.step(torch.from_numpy(actions))
        ended = result.ended.nonzero()[:, 0].tolist()
        for slot in ended:
            tried += 1
            if result.success[slot]:
                succeeded += 1
                rows[order[slot]] = _row(batch, slot, traces[slot])
            order[slot], started = started, started + 1
            traces[slot] = ([], [])
        if succeeded == 0 and tried >= HOPELESS:
            raise ValueError(f"the expert solved none of {tried} episodes of {max_steps} steps: there is nothing to demonstrate")
        if ended:
            fresh = [next(source) for _ in ended]
            batch.restart(ended, fresh)
            expert.start_episodes(ended, fresh, simulator.scene())
    table = pd.DataFrame([rows[key] for key in sorted(rows)][:n_episodes])
    table.attrs["expert_success"] = succeeded / tried
    return table


def _disturbed(
    labels: np.ndarray, last: np.ndarray | None, replaced: np.ndarray, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The expert's actions (B,) with a share `noise` of them replaced, and which ones were, (B,) bool.

    last (B,): the actions before these, of which those that were replaced may go on. `done` is never replaced.
    """
    n = len(labels)
    goes_on = replaced & (rng.random(n) < _GOES_ON) & (labels != Action.DONE)
    begins = ~goes_on & (rng.random(n) < noise * (1.0 - _GOES_ON)) & (labels != Action.DONE)
    actions = np.where(begins, rng.choice(len(_NOISE), n, p=_NOISE / _NOISE.sum()), labels)
    return actions if last is None else np.where(goes_on, last, actions), goes_on | begins


def _row(batch: VectorEnv, slot: int, trace: tuple[list[int], list[int]]) -> dict:
    episode = batch.episodes[slot]
    cost = batch.total_cost[slot].tolist()
    return {
        "record": json.dumps(episode_files.to_record(episode)),
        "actions": bytes(trace[0]),
        "labels": bytes(trace[1]),
        "success": True,
        "steps": len(trace[0]),
        "cost": sum(cost),
        **{f"cost_{name}": value for name, value in zip(batch.costs, cost, strict=True)},
    }


def write(table: pd.DataFrame, path: str | Path) -> None:
    table.to_parquet(path, index=False)


def read(path: str | Path) -> pd.DataFrame:
    """A table that `write` made; EpisodeError names the file, the row and what is wrong."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise episodes.EpisodeError(f"{path}: not a readable table: {error}") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise episodes.EpisodeError(f"{path}: column {missing[0]} is missing")
    if table.empty:
        raise episodes.EpisodeError(f"{path}: holds no demonstration")
    for row, (steps, *taken) in enumerate(zip(table["steps"], table["actions"], table["labels"], strict=True)):
        for name, choices in zip(("actions", "labels"), taken, strict=True):
            if not isinstance(choices, bytes) or len(choices) != steps or max(choices, default=N_ACTIONS) >= N_ACTIONS:
                raise episodes.EpisodeError(f"{path}: row {row}: {name}: not {steps} bytes below {N_ACTIONS}, one a step")
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Episodes, mean length and mean cost per task."""
    task_of = {name: task for task, name in goals.public_names().items()}
    task = table["record"].map(lambda text: task_of[json.loads(text)["task_type"]])
    return table.groupby(task.rename("task")).agg(episodes=("steps", "size"), steps=("steps", "mean"), cost=("cost", "mean"))
