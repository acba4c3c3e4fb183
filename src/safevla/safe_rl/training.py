"""Training: rollouts and updates in turn, with progress, checkpoints and a curve."""

import math
import time
from pathlib import Path

import pandas as pd
import torch

from safevla.config.params import PPOParams
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.runtime import ranks
from safevla.runtime.progress import Progress
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import EpisodeSource
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.method import Method
from safevla.safe_rl.rollout import EndedEpisode
from safevla.sim.interface import Simulator


def train(
    policy: Policy,
    method: Method,
    simulator: Simulator,
    source: EpisodeSource,
    params: PPOParams,
    seed: int,
    resume_at: Path,
    label: str,
    follows: Path | None = None,
    until: float = 1.0,
) -> Learner:
    """Fine-tune a policy by a method for its task's `params.steps`; progress is kept in `resume_at` and resumed from there.

    follows: checkpoint of a training whose steps count as this one's first. until: the share of the steps to end after.
    """
    task = method.task
    learner = Learner(policy.to(simulator.device), method, params)
    if resume_at.exists():
        learner.restore(resume_at)
        print(f"{label} resumes at step {learner.steps:,}", flush=True)
    elif follows:
        learner.follow(follows)
    generator = torch.Generator(simulator.device).manual_seed((seed * 1_000_003 + learner.steps) * 1000 + ranks.rank())
    rewards = (params.wrong_done_penalty[task], params.progress_reward)
    batch = VectorEnv(simulator, params.max_steps, *rewards, policy.tokenize, params.coverage_reward[task], method.costs)
    collector = Collector(batch, source, generator, params.freeze_encoder, learner.filter_action if learner.filters else None)
    steps_per_rollout = simulator.n_envs * params.rollout * ranks.n_ranks()
    last_step = until * learner.total_steps
    progress = Progress(label, math.ceil(last_step), done=learner.steps)
    # All environments begin at once, and short episodes, which are cheap, end first: means are of all kinds once the
    # longest could have ended.
    mixed_from = learner.steps + simulator.n_envs * params.max_steps * ranks.n_ranks()
    recent: list[EndedEpisode] = []
    iteration = 0
    started = time.monotonic() - (learner.curve[-1]["seconds"] if learner.curve else 0.0)
    while learner.steps < last_step:
        source.refresh()
        rollout, ended = collector.collect(learner.policy, params.rollout)
        if learner.steps < mixed_from:
            ended = []
        recent = (recent + ended)[-params.recent_episodes :]
        learner.after_rollout(rollout, ended)
        cost_weight = learner.cost_weight
        terms = learner.learn(rollout, generator, only_values=learner.steps < params.value_warmup)
        learner.steps += steps_per_rollout
        iteration += 1
        row = _curve_row(recent, learner.steps, cost_weight, terms) | {"seconds": time.monotonic() - started}
        learner.curve.append(row)
        progress.update(
            min(learner.steps, math.ceil(last_step)),
            success=row["success"], cost=row["cost"], multiplier=row["multiplier"], length=row["length"],
        )  # fmt: skip
        if iteration % params.checkpoint_rollouts == 0 and ranks.rank() == 0:
            learner.save(resume_at)
    print(f"{label}: {time.monotonic() - started:.0f} s", flush=True)
    return learner


def _curve_row(recent: list[EndedEpisode], steps: int, cost_weight: float, terms: dict[str, float]) -> dict[str, float]:
    n = len(recent)
    return {
        "steps": steps,
        "episodes": n,  # that the means below are of
        "success": ranks.mean(sum(e.success for e in recent), n),
        "cost": ranks.mean(sum(e.cost for e in recent), n),
        "length": ranks.mean(sum(e.steps for e in recent), n),
        "wrong_done": ranks.mean(sum(e.wrong_done for e in recent), n),
        "cost_per_move": ranks.mean(sum(e.cost for e in recent), sum(e.moves for e in recent)),
        "multiplier": cost_weight,
        **{f"loss_{name}": value for name, value in terms.items()},
    }


def curve_table(learner: Learner) -> pd.DataFrame:
    """The training curve, a row per rollout."""
    return pd.DataFrame(learner.curve)
