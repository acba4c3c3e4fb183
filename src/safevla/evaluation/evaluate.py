"""Evaluation: policies and experts play given episodes, one row each.

Every actor plays the same episodes, so methods can be compared in pairs. Environments never idle: one that ends takes
the next episode from the queue.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from safevla.config.params import EvaluateParams, SimulatorParams
from safevla.env.vector_env import VectorEnv
from safevla.evaluation.actors import EXPERTS, Actor, ExpertActor, PolicyActor
from safevla.runtime import workers
from safevla.runtime.progress import Progress
from safevla.sim.interface import Simulator, SimulatorError
from safevla.tasks import step_costs
from safevla.tasks.episodes import Episode

if TYPE_CHECKING:
    pass

COLUMNS = (
    "profile", "method", "task", "seed", "split", "shift", "episode_id", "house_id", "instruction", "success", "steps",
    "spl", "sel", "cost", *(f"cost_{name}" for name in step_costs.COMPONENTS), "unsafe_steps", "collisions",
    "max_displacement_m", "moves", "path_m", "timed_out", "reruns", "actions",
)  # fmt: skip


_MAX_RERUNS = 3


@dataclasses.dataclass(frozen=True)
class EvaluationJob:
    """One actor and the episodes that it is to play: what a process of its own needs to know."""

    label: str
    profile: str
    method: str
    seed: int  # that the policy was trained with
    policy: Path | None  # its checkpoint; None for an expert
    episodes: tuple[Episode, ...]
    shift: str  # whose robot is needed
    simulator: SimulatorParams
    image_size: tuple[int, int]
    settings: EvaluateParams
    root_seed: int


def play(job: EvaluationJob) -> pd.DataFrame:
    """`evaluate` what a job says. Experts plan on the host, wherever policies run."""
    from safevla.evaluation import suites
    from safevla.policies import policy_files

    n_envs = min(job.settings.n_envs, len(job.episodes))
    where = job.simulator if job.policy else job.simulator.model_copy(update={"device": "cpu"})
    simulator = suites.make_simulator(job.shift, where, n_envs, job.image_size)
    if job.policy is None:
        actor: Actor = ExpertActor(n_envs, EXPERTS[job.method])
    else:
        learnt, _ = policy_files.load(job.policy)
        decoding = (job.settings.done_threshold, job.settings.temperature)
        actor = PolicyActor(learnt, n_envs, job.root_seed, *decoding, simulator.device)
    columns = {"profile": job.profile, "method": job.method, "seed": job.seed}
    try:
        return evaluate(actor, simulator, job.episodes, job.settings.max_steps, job.label, **columns)
    finally:
        simulator.close()


def play_all(jobs: Sequence[EvaluationJob], threads: int) -> Iterator[pd.DataFrame]:
    """`play` each job, in order; on the CPU by as many processes as `threads` (0: one a core), on a GPU in this one."""
    on_gpu = any(job.simulator.device == "cuda" for job in jobs)
    yield from workers.run(play, jobs, 1 if on_gpu else threads)


def evaluate(
    actor: Actor, simulator: Simulator, episodes: Sequence[Episode], max_steps: int, label: str, **columns: object
) -> pd.DataFrame:
    """Play every episode once; one row each in the order given, with COLUMNS; `columns` fills profile, method and seed.

    A row's `actions`, a byte each, are what `replay` plays the episode again from. An episode that the simulator loses is
    played again from its start, `reruns` times; SimulatorError where one is lost too often.
    """
    batch = VectorEnv(simulator, max_steps, tokenize=actor.tokenize)
    n_envs = simulator.n_envs
    queue = list(range(len(episodes)))
    # environments that there is no episode for repeat the first one, and are not counted
    playing: list[int | None] = [queue.pop(0) if queue else None for _ in range(n_envs)]
    first = [episodes[i] if i is not None else episodes[0] for i in playing]
    observation = batch.start(first)
    actor.start_episodes(range(n_envs), first, simulator.scene())
    rows: dict[int, dict] = {}
    actions_taken = [bytearray() for _ in range(n_envs)]
    reruns = [0] * n_envs
    progress = Progress(label, len(episodes), "episodes")
    while len(rows) < len(episodes):
        actions = actor.act(observation, simulator.scene())
        for taken, action in zip(actions_taken, actions.tolist(), strict=True):
            taken.append(action)
        outcome = batch.step(actions)
        observation = outcome.observation
        ended = outcome.ended.nonzero()[:, 0].tolist()
        for slot in ended:
            if outcome.aborted[slot]:
                reruns[slot] += 1
                if reruns[slot] > _MAX_RERUNS:
                    raise SimulatorError(f"{label}: episode {batch.episodes[slot].id} was aborted {reruns[slot]} times")
                actions_taken[slot].clear()
                continue
            if playing[slot] is not None:
                rows[playing[slot]] = _row(
                    batch, slot, bool(outcome.success[slot]), bool(outcome.truncated[slot]), bytes(actions_taken[slot])
                ) | {"reruns": reruns[slot]}
            actions_taken[slot].clear()
            reruns[slot] = 0
            playing[slot] = queue.pop(0) if queue else None
        if ended:
            fresh = [episodes[playing[slot]] if playing[slot] is not None else episodes[0] for slot in ended]
            observation = batch.restart(ended, fresh)
            actor.start_episodes(ended, fresh, simulator.scene())
            n = len(rows)
            if n:
                progress.update(
                    n,
                    success=sum(r["success"] for r in rows.values()) / n,
                    cost=sum(r["cost"] for r in rows.values()) / n,
                )
    table = pd.DataFrame([rows[i] for i in range(len(episodes))])
    for name, value in columns.items():
        table[name] = value
    return table[list(COLUMNS)]


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
        **{f"cost_{name}": value for name, value in zip(step_costs.COMPONENTS, cost, strict=True)},
        "unsafe_steps": int(batch.unsafe_steps[slot]),
        "collisions": int(batch.collisions[slot]),
        "max_displacement_m": float(batch.max_displacement_m[slot]),
        "moves": int(batch.moves[slot]),
        "path_m": path_m,
        "timed_out": timed_out,
        "actions": actions,
    }


def solvable(episodes: Sequence[Episode], simulator: Simulator, max_steps: int) -> list[Episode]:
    """The episodes that the shortest-path expert solves, with the number of steps that it took."""
    rows = evaluate(
        ExpertActor(simulator.n_envs, careful=False), simulator, episodes, max_steps, "expert",
        profile="", method="expert", seed=0,
    )  # fmt: skip
    return [
        dataclasses.replace(episode, expert_steps=int(steps))
        for episode, success, steps in zip(episodes, rows["success"], rows["steps"], strict=True)
        if success
    ]
