"""PPO: the losses of a minibatch."""

from collections.abc import Callable

import torch
from torch.nn import functional

from safevla.config.params import PPOParams
from safevla.policies.perception_loss import perception_loss
from safevla.safe_rl.advantages import Targets
from safevla.safe_rl.rollout import Rollout

METHODS = ("ppo", "ppo_shaped", "ppo_lagrangian")


def of(envs: torch.Tensor, of_all):
    """Some environments' share of an Observation, Percept or Truth (T, B, …); None of None."""
    return None if of_all is None else of_all.map(lambda t: t[:, envs])


def losses(
    policy: Callable, rollout: Rollout, target: Targets, envs: torch.Tensor, params: PPOParams, anchor: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """PPO's losses on some environments' whole sequences, envs (n,) int64.

    anchor (T, B, N_ACTIONS): log-probabilities of the policy to stay near, if there is one.
    """
    observation, frozen_features, privileged = (
        of(envs, rollout.observation),
        of(envs, rollout.frozen_features),
        of(envs, rollout.privileged),
    )
    output, _ = policy(observation, rollout.starts[:, envs], rollout.kv_cache.select(envs), frozen_features, privileged)
    log_probs = output.logits.log_softmax(-1)
    log_prob = log_probs.gather(-1, rollout.action[:, envs, None])[..., 0]
    ratio = (log_prob - rollout.log_prob[:, envs]).exp()
    advantage = target.advantage[:, envs]
    clipped = ratio.clamp(1.0 - params.clip, 1.0 + params.clip)
    apart = advantage.new_zeros(()) if anchor is None else (log_probs.exp() * (log_probs - anchor[:, envs])).sum(-1).mean()
    return {
        "policy": -torch.minimum(ratio * advantage, clipped * advantage).mean(),
        "value": functional.smooth_l1_loss(output.value, target.value[:, envs]),
        "cost_value": functional.smooth_l1_loss(output.cost_value, target.cost_value[:, envs]),
        "anchor": apart,  # KL(π ‖ π₀)
        "entropy": -(log_probs.exp() * log_probs).sum(-1).mean(),
        "perception": perception_loss(output, privileged, target.n_positions * len(envs) / rollout.action.shape[1]),
        "clipped": ((ratio - 1.0).abs() > params.clip).float().mean(),
    }
