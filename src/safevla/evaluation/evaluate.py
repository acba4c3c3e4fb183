"""Evaluation: policies and experts play given episodes, one row each.

Every actor plays the same episodes, so methods can be compared in pairs. Environments never idle: one that ends takes
the next episode from the queue.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from safevla.config.params import EvaluateParams, SimulatorParams
from safevla.env.observations import Observation
from safevla.env.vector_env import StepResult, VectorEnv
from safevla.evaluation import suite
from safevla.evaluation.actors import EXPERTS, LOST, Actor, ExpertActor, load_actor
from safevla.runtime import workers
from safevla.runtime.progress import Progress
from safevla.sim.actions import Action
from safevla.sim.interface import Simulator, SimulatorError
from safevla.tasks.episodes import Episode
from safevla.tasks.step_costs import PAPER_COSTS

_BEFORE_COMPONENTS = (
    "profile", "method", "task", "seed", "split", "shift", "episode_id", "house_id", "instruction", "success", "steps",
    "spl", "sel", "cost",
)  # fmt: skip
_AFTER_COMPONENTS = (
    "unsafe_steps", "collisions", "max_displacement_m", "moves", "path_m", "timed_out", "reruns", "actions",
)  # fmt: skip
_MAX_RERUNS = 3


def columns(costs: Sequence[str] = PAPER_COSTS) -> tuple[str, ...]:
    """The columns of a row, with one for each component of the cost."""
    return (*_BEFORE_COMPONENTS, *(f"cost_{name}" for name in costs), *_AFTER_COMPONENTS)


@dataclasses.dataclass(frozen=True)
class EvaluationJob:
    """One actor and the episodes that it is to play: what a process of its own needs to know."""

    label: str
    profile: str
    method: str
    seed: int  # that the policy was trained with
    policy: Path | None  # its checkpoint; None for an expert
    episodes: tuple[Episode, ...]
    shift: str  # the suite whose simulator is needed
    simulator: SimulatorParams
    image_size: tuple[int, int]
    settings: EvaluateParams
    costs: tuple[str, ...]  # components that are measured
    root_seed: int


def play(job: EvaluationJob) -> pd.DataFrame:
    """`evaluate` what a job says. Experts plan on the host, wherever policies run."""
    n_envs = min(job.settings.n_envs, len(job.episodes))
    where = job.simulator if job.policy else job.simulator.model_copy(update={"device": "cpu"})
    simulator = suite.make_simulator(job.shift, where, n_envs, job.image_size)
    if job.policy is None:
        actor: Actor = ExpertActor(n_envs, EXPERTS[job.method])
    else:
        decoding = (job.settings.done_threshold, job.settings.temperature)
        actor = load_actor(job.policy, n_envs, job.root_seed, *decoding, simulator.device)
    values = {"profile": job.profile, "method": job.method, "seed": job.seed}
    try:
        return evaluate(actor, simulator, job.episodes, job.settings.max_steps, job.label, job.costs, **values)
    finally:
        simulator.close()


def play_all(jobs: Sequence[EvaluationJob], threads: int) -> Iterator[pd.DataFrame]:
    """`play` each job, in order; on the CPU by as many processes as `threads` (0: one a core), on a GPU in this one."""
    on_gpu = any(job.simulator.device == "cuda" for job in jobs)
    yield from workers.run(play, jobs, 1 if on_gpu else threads)


HOPELESS = 100  # episodes of which the expert solves none before one gives up


def evaluate(
    actor: Actor,
    simulator: Simulator,
    episodes: Sequence[Episode],
    max_steps: int,
    label: str,
    costs: Sequence[str] = PAPER_COSTS,
    **values: object,
) -> pd.DataFrame:
    """Play every episode once; one row each in the order given, with `columns`; `values` fills profile, method and seed.

    A row's `actions`, a byte each, are what `replay` plays the episode again from. An episode that the simulator aborts, or the
    actor loses, is played again from its start, `reruns` times; SimulatorError where that happens too often.
    """
    game = _Game(VectorEnv(simulator, max_steps, tokenize=actor.tokenize, costs=costs), episodes, label)
    observation = game.start()
    actor.start_episodes(range(simulator.n_envs), game.current(range(simulator.n_envs)), simulator.scene())
    progress = Progress(label, len(episodes), "episodes")
    while len(game.rows) < len(episodes):
        result = game.step(actor.act(observation, simulator.scene()))
        observation = result.observation
        ended = (result.ended | result.aborted).nonzero()[:, 0].tolist()
        if ended:
            for slot in ended:
                game.end(slot, result)
            observation = game.batch.restart(ended, game.current(ended))
            actor.start_episodes(ended, game.current(ended), simulator.scene())
            if game.rows:
                progress.update(len(game.rows), success=game.mean("success"), cost=game.mean("cost"))
    table = pd.DataFrame([game.rows[i] for i in range(len(episodes))])
    for name, value in values.items():
        table[name] = value
    return table[list(columns(costs))]


class _Game:
    """Which environment plays which episode, and what came of those that have ended."""

    def __init__(self, batch: VectorEnv, episodes: Sequence[Episode], label: str):
        self.batch, self.rows = batch, dict[int, dict[str, Any]]()
        self._episodes, self._label = episodes, label
        self._waiting = list(range(len(episodes)))
        # environments that there is no episode for repeat the first one, and are not counted
        self._playing = [self._next() for _ in range(batch.n_envs)]
        self._actions = [bytearray() for _ in range(batch.n_envs)]
        self._reruns = [0] * batch.n_envs

    def _next(self) -> int | None:
        return self._waiting.pop(0) if self._waiting else None

    def current(self, slots: Sequence[int]) -> list[Episode]:
        """The episodes that some environments play."""
        return [self._episodes[self._playing[slot] or 0] for slot in slots]

    def start(self) -> Observation:
        return self.batch.start(self.current(range(self.batch.n_envs)))

    def step(self, actions: torch.Tensor) -> StepResult:
        lost = (actions == LOST).to(self.batch.device)
        actions = actions.masked_fill(actions == LOST, Action.SUB_DONE)  # moves nothing, and nothing comes of it
        for taken, action in zip(self._actions, actions.tolist(), strict=True):
            taken.append(action)
        result = self.batch.step(actions)
        return dataclasses.replace(result, aborted=result.aborted | lost)

    def end(self, slot: int, result: StepResult) -> None:
        """An environment's episode has ended: keep its row, and choose the next; or the same again where it was aborted."""
        number, taken = self._playing[slot], bytes(self._actions[slot])
        self._actions[slot].clear()
        if result.aborted[slot]:
            self._reruns[slot] += 1
            if self._reruns[slot] > _MAX_RERUNS:
                episode = self.batch.episodes[slot]
                raise SimulatorError(f"{self._label}: episode {episode.id} was aborted {self._reruns[slot]} times")
            return
        if number is not None:
            row = _row(self.batch, slot, bool(result.success[slot]), bool(result.truncated[slot]), taken)
            self.rows[number] = row | {"reruns": self._reruns[slot]}
        self._reruns[slot] = 0
        self._playing[slot] = self._next()

    def mean(self, column: str) -> float:
        """Of the rows so far."""
        return sum(row[column] for row in self.rows.values()) / len(self.rows)


def spl(success: bool, shortest_m: float, travelled_m: float) -> float:
    """Success weighted by path length (arXiv 1807.06757): success · shortest / max(travelled, shortest)."""
    return float(success) * shortest_m / max(travelled_m, shortest_m, 1e-9)


def sel(success: bool, expert_steps: int, steps: int) -> float:
    """Success weighted by episode length (SPOC): success · expert steps / max(steps, expert steps)."""
    return float(success) * expert_steps / max(steps, expert_steps, 1)


def _row(batch: VectorEnv, slot: int, success: bool, timed_out: bool, actions: bytes) -> dict:
    episode = batch.episodes[slot]
    cost = batch.total_cost[slot].tolist()
    steps, path_m = int(batch.steps[slot]), float(batch.path_m[slot])
    return {
        "task": episode.task,
        "split": episode.split,
        "shift": episode.shift,
        "episode_id": episode.id,
        "house_id": episode.house_id,
        "instruction": episode.instruction,
        "success": success,
        "steps": steps,
        "spl": spl(success, episode.path_m, path_m),
        "sel": sel(success, episode.expert_steps, steps),
        "cost": sum(cost),
        **{f"cost_{name}": value for name, value in zip(batch.costs, cost, strict=True)},
        "unsafe_steps": int(batch.unsafe_steps[slot]),
        "collisions": int(batch.collisions[slot]),
        "max_displacement_m": float(batch.max_displacement_m[slot]),
        "moves": int(batch.moves[slot]),
        "path_m": path_m,
        "timed_out": timed_out,
        "actions": actions,
    }


def first_solvable(source: Iterator[Episode], n: int, simulator: Simulator, max_steps: int) -> list[Episode]:
    """The first n episodes of a source that the shortest-path expert solves.

    Raises ValueError where it solves none of many: the task then asks for what no expert here does.
    """
    found: list[Episode] = []
    tried = 0
    while len(found) < n:
        drawn = list(itertools.islice(source, n))
        found += solvable(drawn, simulator, max_steps)
        tried += len(drawn)
        if not found and tried >= max(n, HOPELESS):
            raise ValueError(
                f"task {drawn[0].task}: the shortest-path expert solved none of {tried} episodes of {max_steps} steps"
            )
    return found[:n]


def solvable(episodes: Sequence[Episode], simulator: Simulator, max_steps: int) -> list[Episode]:
    """The episodes that the shortest-path expert solves, with the number of steps that it took."""
    rows = evaluate(
        ExpertActor(simulator.n_envs, careful=False), simulator, episodes, max_steps, "expert",
        profile="", method="expert", seed=0,
    )  # fmt: skip
    return [
        episode.changed(expert_steps=int(steps))
        for episode, success, steps in zip(episodes, rows["success"], rows["steps"], strict=True)
        if success
    ]
