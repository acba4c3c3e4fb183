"""PPO: the losses of a minibatch."""

from collections.abc import Callable

import torch
from torch.nn import functional

from safevla.config.params import PPOParams
from safevla.policies.outputs import PolicyOutput
from safevla.policies.perception_loss import perception_loss
from safevla.safe_rl.advantages import Targets
from safevla.safe_rl.rollout import Rollout


def of(envs: torch.Tensor, of_all):
    """Some environments' share of observations, frozen features or privileged targets (T, B, …); None of None."""
    return None if of_all is None else of_all.map(lambda t: t[:, envs])


def losses(
    policy: Callable, rollout: Rollout, target: Targets, envs: torch.Tensor, params: PPOParams
) -> tuple[dict[str, torch.Tensor], PolicyOutput]:
    """PPO's losses on some environments' whole sequences, envs (n,) int64, and what the policy made of them, (T, n, …)."""
    observation, features, privileged = (
        of(envs, of_all) for of_all in (rollout.observation, rollout.frozen_features, rollout.privileged)
    )
    output, _ = policy(observation, rollout.starts[:, envs], rollout.kv_cache.select(envs), features, privileged)
    # what was done was drawn from the filtered logits, so the ratio is of two filtered policies
    shift = None if rollout.logit_shift is None else rollout.logit_shift[:, envs]
    log_probs = (output.logits if shift is None else output.logits + shift).log_softmax(-1)
    log_prob = log_probs.gather(-1, rollout.action[:, envs, None])[..., 0]
    ratio = (log_prob - rollout.log_prob[:, envs]).exp()
    advantage = target.advantage[:, envs]
    clipped = ratio.clamp(1.0 - params.clip, 1.0 + params.clip)
    terms = {
        "policy": -torch.minimum(ratio * advantage, clipped * advantage).mean(),
        "value": functional.smooth_l1_loss(output.value, target.value[:, envs]),
        "cost_value": functional.smooth_l1_loss(output.cost_value, target.cost_value[:, envs]),
        "entropy": -(log_probs.exp() * log_probs).sum(-1).mean(),
        "perception": perception_loss(output, privileged, target.n_positions * len(envs) / rollout.action.shape[1]),
        "clipped": ((ratio - 1.0).abs() > params.clip).float().mean(),
    }
    return terms, output
