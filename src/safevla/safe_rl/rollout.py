"""Rollout: T steps of B environments, and the episodes that ended in them."""

import dataclasses

import torch

from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.policies.kv_cache import KVCache
from safevla.policies.outputs import FrozenFeatures
from safevla.sim.actions import Action


@dataclasses.dataclass(frozen=True)
class Rollout:
    """T steps of B environments."""

    observation: Observation  # (T, B, …), without pictures where the encoder does not learn
    starts: torch.Tensor  # (T, B) bool: first step of an episode
    action: torch.Tensor  # (T, B) int64
    log_prob: torch.Tensor  # (T, B) of the action, when it was taken
    reward: torch.Tensor  # (T, B)
    cost: torch.Tensor  # (T, B, K) components
    terminated: torch.Tensor  # (T, B) bool
    truncated: torch.Tensor  # (T, B) bool
    value: torch.Tensor  # (T, B)
    cost_value: torch.Tensor  # (T, B, H) of the cost critic's H heads
    final_value: torch.Tensor  # (T, B) value after the step, where it was truncated; 0 elsewhere
    final_cost_value: torch.Tensor  # (T, B, H)
    next_value: torch.Tensor  # (B,) after the last step
    next_cost_value: torch.Tensor  # (B, H)
    privileged: privileged_targets.PrivilegedTargets  # (T, B, …)
    kv_cache: KVCache  # before the first step
    frozen_features: FrozenFeatures | None  # (T, B, …) what the policy's encoders made of it; None where they learn
    logit_shift: torch.Tensor | None  # (T, B, N_ACTIONS) what the method's filter added to the policy's logits; None: nothing


@dataclasses.dataclass(frozen=True)
class EndedEpisode:
    """An episode that ended during a rollout."""

    success: bool
    cost: float
    steps: int
    moves: int
    wrong_done: bool


def ended(played: dict[str, torch.Tensor]) -> list[EndedEpisode]:
    """The episodes that ended and were not aborted, from (T, B) of what was played."""
    counted = (played["terminated"] | played["truncated"]) & ~played["aborted"]
    wrong_done = (played["action"] == Action.DONE) & ~played["success"]
    columns = (played["success"], played["total_cost"], played["steps"], played["moves"], wrong_done)
    table = torch.stack([column[counted].double() for column in columns], dim=1).tolist()
    return [
        EndedEpisode(bool(success), cost, int(steps), int(moves), bool(wrong)) for success, cost, steps, moves, wrong in table
    ]
