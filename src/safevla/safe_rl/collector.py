"""Rollouts: a policy plays T steps in B environments, and everything that learning needs is kept.

Each ended episode is replaced by a fresh one from the source. Terminated (the robot said done) and truncated (its steps
ran out) are kept apart: the value of a truncated episode's last observation is part of the rollout.
"""

import dataclasses

import torch

from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.kv_cache import KVCache
from safevla.policies.outputs import FrozenFeatures
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
    privileged: privileged_targets.PrivilegedTargets | None  # None where critics are not informed


class Collector:
    """Keeps B episodes going between rollouts.

    frozen_encoder: keep what the encoder saw, instead of the pictures and what it should have seen.
    """

    def __init__(self, batch: VectorEnv, source: EpisodeSource, generator: torch.Generator, frozen_encoder: bool):
        self.batch, self.source, self.generator = batch, source, generator
        self.frozen_encoder = frozen_encoder
        self._observation = source.restart(batch, torch.arange(batch.n_envs, device=batch.device))
        self._starts = torch.ones(batch.n_envs, dtype=torch.bool, device=batch.device)
        self._kv_cache: KVCache | None = None

    @torch.no_grad()
    def collect(self, policy: Policy, n_steps: int) -> tuple[Rollout, list[EndedEpisode]]:
        """Play n steps and return them with the episodes that ended."""
        batch = self.batch
        kv_cache = self._kv_cache if self._kv_cache is not None else policy.new_kv_cache(batch.n_envs, batch.device)
        first_kv_cache = kv_cache.clone()
        steps: dict[str, list[torch.Tensor]] = {}
        seen: list[Observation] = []
        frozen: list[FrozenFeatures] = []
        privileged_steps: list[privileged_targets.PrivilegedTargets] = []
        cut_off: list[_CutOff] = []
        grid = None if self.frozen_encoder else policy.config.map_size
        for _ in range(n_steps):
            privileged_steps.append(privileged_targets.privileged_targets(batch.simulator, batch.goals, grid))
            keep = {"starts": self._starts}
            kv_cache.reset_rows(self._starts)
            output, kv_cache = policy.act(self._observation, kv_cache, privileged_steps[-1])
            log_probs = output.logits.log_softmax(-1)
            action = torch.multinomial(log_probs.exp(), 1, generator=self.generator)[:, 0]
            seen.append(self._observation.without_pictures() if self.frozen_encoder else self._observation)
            frozen.append(output.frozen_features)
            outcome = batch.step(action)
            rows = outcome.truncated.nonzero()[:, 0]
            if len(rows):
                left = outcome.observation.map(lambda x, rows=rows: x[rows])
                privileged = self._privileged(policy)
                privileged = privileged and privileged.map(lambda x, rows=rows: x[rows])
                cut_off.append(_CutOff(len(seen) - 1, rows, left, kv_cache.select(rows).from_the_start(), privileged))
            keep |= {
                "action": action,
                "log_prob": log_probs.gather(1, action[:, None])[:, 0],
                "reward": outcome.reward,
                "cost": outcome.cost,
                "terminated": outcome.terminated,
                "truncated": outcome.truncated,
                "value": output.value,
                "cost_value": output.cost_value,
                "success": outcome.success,
                "aborted": outcome.aborted,
                "total_cost": batch.total_cost.sum(1),
                "steps": batch.steps.clone(),
                "moves": batch.moves.clone(),
            }
            for name, tensor in keep.items():
                steps.setdefault(name, []).append(tensor)
            self._observation, self._starts = outcome.observation, outcome.ended
            slots = outcome.ended.nonzero()[:, 0]
            if len(slots):
                self._observation = self.source.restart(batch, slots)
        self._kv_cache = kv_cache
        after = kv_cache.clone()
        after.reset_rows(self._starts)
        following, _ = policy.act(self._observation, after, self._privileged(policy))
        final_value, final_cost_value = self._values_of(policy, cut_off, n_steps)
        played = {name: torch.stack(tensors) for name, tensors in steps.items()}
        names = {field.name for field in dataclasses.fields(Rollout)}
        rollout = Rollout(
            observation=Observation.stack(seen),
            privileged=privileged_targets.PrivilegedTargets.stack(privileged_steps),
            next_value=following.value,
            next_cost_value=following.cost_value,
            final_value=final_value,
            final_cost_value=final_cost_value,
            kv_cache=first_kv_cache,
            frozen_features=FrozenFeatures.stack(frozen) if self.frozen_encoder else None,
            **{name: tensor for name, tensor in played.items() if name in names},
        )
        return rollout, ended(played)

    def _privileged(self, policy: Policy) -> privileged_targets.PrivilegedTargets | None:
        """What asymmetric critics are told of the present; others need not wait for it."""
        return (
            privileged_targets.privileged_targets(self.batch.simulator, self.batch.goals, None)
            if policy.config.asymmetric_critic
            else None
        )

    def _values_of(self, policy: Policy, cut_off: list[_CutOff], n_steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (T, B) of reward and cost of the observations that truncated episodes ended with, 0 elsewhere."""
        value, cost_value = torch.zeros(2, n_steps, self.batch.n_envs, device=self.batch.device)
        if cut_off:  # all at once, for a policy takes hardly longer for many than for one
            times = torch.cat([torch.full_like(some.rows, some.time) for some in cut_off])
            rows = torch.cat([some.rows for some in cut_off])
            observation = Observation.cat([some.observation for some in cut_off])
            privileged = (
                privileged_targets.PrivilegedTargets.cat([some.privileged for some in cut_off])
                if policy.config.asymmetric_critic
                else None
            )
            output, _ = policy.act(observation, KVCache.join([some.kv_cache for some in cut_off]), privileged)
            value[times, rows], cost_value[times, rows] = output.value, output.cost_value
        return value, cost_value
