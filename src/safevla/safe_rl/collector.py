"""Collector: a policy plays T steps in B environments, and everything that learning needs is kept.

Each ended episode is replaced by a fresh one from the source. Terminated (the robot said done) and truncated (its steps
ran out) are kept apart: the value of a truncated episode's last observation is part of the rollout.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.env.privileged_targets import PrivilegedTargets
from safevla.env.vector_env import StepResult, VectorEnv
from safevla.policies.kv_cache import KVCache
from safevla.policies.vla import Policy
from safevla.safe_rl.episode_source import EpisodeSource
from safevla.safe_rl.rollout import EndedEpisode, Rollout, ended


@dataclasses.dataclass(frozen=True)
class _CutOff:
    """Where episodes were truncated at one step, rows (n,), and what their value hangs on."""

    time: int
    rows: torch.Tensor
    observation: Observation  # the last one, (n, …)
    kv_cache: KVCache  # of what came before it
    privileged: PrivilegedTargets | None  # None where the critics see what the actor sees


class Collector:
    """Keeps B episodes going between rollouts.

    frozen_encoder: keep what the encoder saw, instead of the pictures and what it should have seen. filter_action: a method's
    hook, (B, N_ACTIONS) logits and what the robots see → the logits to act by.
    """

    def __init__(
        self,
        batch: VectorEnv,
        source: EpisodeSource,
        generator: torch.Generator,
        frozen_encoder: bool,
        filter_action: Callable[[torch.Tensor, Observation], torch.Tensor] | None = None,
    ):
        self.batch, self.source, self.generator = batch, source, generator
        self.frozen_encoder, self.filter_action = frozen_encoder, filter_action
        self._observation = source.restart(batch, torch.arange(batch.n_envs, device=batch.device))
        self._starts = torch.ones(batch.n_envs, dtype=torch.bool, device=batch.device)
        self._kv_cache: KVCache | None = None

    @torch.no_grad()
    def collect(self, policy: Policy, n_steps: int) -> tuple[Rollout, list[EndedEpisode]]:
        """Play n steps and return them with the episodes that ended."""
        batch = self.batch
        if self._kv_cache is None:
            self._kv_cache = policy.new_kv_cache(batch.n_envs, batch.device)
        first_kv_cache = self._kv_cache.clone()
        played: list[dict[str, Any]] = []
        cut_off: list[_CutOff] = []
        for time in range(n_steps):
            step, result = self._step(policy)
            played.append(step)
            rows = result.truncated.nonzero()[:, 0]
            if len(rows):
                left = result.observation.map(lambda x, rows=rows: x[rows])
                privileged = self._privileged(policy)
                privileged = privileged and privileged.map(lambda x, rows=rows: x[rows])
                cut_off.append(_CutOff(time, rows, left, self._kv_cache.select(rows).from_the_start(), privileged))
            self._observation, self._starts = result.observation, result.ended
            slots = result.ended.nonzero()[:, 0]
            if len(slots):
                self._observation = self.source.restart(batch, slots)
        after = self._kv_cache.clone()
        after.reset_rows(self._starts)
        following, _ = policy.act(self._observation, after, self._privileged(policy))
        final_value, final_cost_value = self._values_of(policy, cut_off, n_steps)
        stacked = {name: _stacked([step[name] for step in played]) for name in played[0]}
        names = {field.name for field in dataclasses.fields(Rollout)}
        rollout = Rollout(
            next_value=following.value,
            next_cost_value=following.cost_value,
            final_value=final_value,
            final_cost_value=final_cost_value,
            kv_cache=first_kv_cache,
            **{name: value for name, value in stacked.items() if name in names},
        )
        return rollout, ended(stacked)

    def _step(self, policy: Policy) -> tuple[dict[str, Any], StepResult]:
        """Act once: what a rollout keeps of the step, and what came of it."""
        batch, seen, starts = self.batch, self._observation, self._starts
        grid = None if self.frozen_encoder else policy.class_map_size
        privileged = privileged_targets.privileged_targets(batch.simulator, batch.goals, grid)
        self._kv_cache.reset_rows(starts)
        output, self._kv_cache = policy.act(seen, self._kv_cache, privileged)
        logits = output.logits if self.filter_action is None else self.filter_action(output.logits, seen)
        log_probs = logits.log_softmax(-1)
        action = torch.multinomial(log_probs.exp(), 1, generator=self.generator)[:, 0]
        observation = seen.without_pictures() if self.frozen_encoder else seen
        result = batch.step(action)
        kept = {
            "observation": observation,
            "privileged": privileged,
            "frozen_features": output.frozen_features if self.frozen_encoder else None,
            "logit_shift": None if self.filter_action is None else logits - output.logits,
            "starts": starts,
            "action": action,
            "log_prob": log_probs.gather(1, action[:, None])[:, 0],
            "reward": result.reward,
            "cost": result.cost,
            "terminated": result.terminated,
            "truncated": result.truncated,
            "value": output.value,
            "cost_value": output.cost_value,
            "success": result.success,
            "aborted": result.aborted,
            "total_cost": batch.total_cost.sum(1),
            "steps": batch.steps.clone(),
            "moves": batch.moves.clone(),
        }
        return kept, result

    def _privileged(self, policy: Policy) -> PrivilegedTargets | None:
        """What an asymmetric critic knows of the present; other critics need not wait for it."""
        if not policy.config.asymmetric_critic:
            return None
        return privileged_targets.privileged_targets(self.batch.simulator, self.batch.goals, None)

    def _values_of(self, policy: Policy, cut_off: list[_CutOff], n_steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (T, B) and (T, B, H) of reward and cost of what truncated episodes ended with, 0 elsewhere."""
        shape, device = (n_steps, self.batch.n_envs), self.batch.device
        value, cost_value = torch.zeros(shape, device=device), torch.zeros(*shape, policy.config.cost_heads, device=device)
        if cut_off:  # all at once, for a policy takes hardly longer for many than for one
            times = torch.cat([torch.full_like(some.rows, some.time) for some in cut_off])
            rows = torch.cat([some.rows for some in cut_off])
            observation = Observation.cat([some.observation for some in cut_off])
            privileged = PrivilegedTargets.cat([some.privileged for some in cut_off]) if policy.config.asymmetric_critic else None
            output, _ = policy.act(observation, KVCache.join([some.kv_cache for some in cut_off]), privileged)
            value[times, rows], cost_value[times, rows] = output.value, output.cost_value
        return value, cost_value


def _stacked(steps: list[Any]) -> Any:
    """T tensors (B, …), or Observations and their like, as one of (T, B, …); None of Nones."""
    first = steps[0]
    if first is None:
        return None
    return torch.stack(steps) if isinstance(first, torch.Tensor) else type(first).stack(steps)
