"""Advantages: what a rollout teaches about reward and about cost."""

import dataclasses
from collections.abc import Callable

import torch

from safevla.config.params import PPOParams
from safevla.env import privileged_targets
from safevla.runtime import ranks
from safevla.safe_rl.rollout import Rollout


def gae(
    signal: torch.Tensor,
    value: torch.Tensor,
    next_value: torch.Tensor,
    final_value: torch.Tensor,
    terminated: torch.Tensor,
    truncated: torch.Tensor,
    gamma: float,
    lam: float,
) -> torch.Tensor:
    """Generalised advantage estimates, (T, B, …), of a reward or of costs (arXiv 1506.02438, eq. 16).

    signal, value (T, B, …); terminated, truncated (T, B); next_value (B, …) after the last step; final_value (T, B, …) the
    value of what a truncated episode ended with. A terminated episode is worth nothing afterwards; a truncated one what its
    last observation promised. No advantage flows from one episode into another.
    """
    advantage = torch.zeros_like(signal)
    more = (1,) * (signal.ndim - terminated.ndim)  # dimensions of the signal beyond (T, B)
    truncated = truncated.reshape(*truncated.shape, *more)
    ended = terminated.reshape(truncated.shape) | truncated
    following, running = next_value, torch.zeros_like(next_value)
    for t in reversed(range(len(signal))):
        after = torch.where(ended[t], torch.where(truncated[t], final_value[t], 0.0), following)
        delta = signal[t] + gamma * after - value[t]  # δ_t = r_t + γ V(s_{t+1}) − V(s_t)
        running = delta + gamma * lam * running * ~ended[t]
        advantage[t] = running
        following = value[t]
    return advantage


def penalised(reward: torch.Tensor, cost: torch.Tensor, weight: float) -> torch.Tensor:
    """A = (A_r − λ A_c) / (1 + λ) (SafeVLA, eq. 7); reward, cost (T, B), weight λ."""
    return (reward - weight * cost) / (1.0 + weight)


@dataclasses.dataclass(frozen=True)
class Targets:
    """What a rollout teaches."""

    advantage: torch.Tensor  # (T, B)
    value: torch.Tensor  # (T, B)
    cost_value: torch.Tensor  # (T, B, H), H heads of the cost critic: one for the sum, or one a component
    n_positions: torch.Tensor  # (), of `privileged_targets.n_positions`


def targets(rollout: Rollout, combine: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], params: PPOParams) -> Targets:
    """Advantages and value targets of a rollout; combine: a method's `advantage`."""
    ends, lam = (rollout.terminated, rollout.truncated), params.gae_lambda
    n_heads = rollout.cost_value.shape[-1]
    step_cost = rollout.cost if n_heads > 1 else rollout.cost.sum(-1, keepdim=True)  # (T, B, H)
    reward = gae(rollout.reward, rollout.value, rollout.next_value, rollout.final_value, *ends, params.gamma, lam)
    cost = gae(step_cost, rollout.cost_value, rollout.next_cost_value, rollout.final_cost_value, *ends, params.cost_gamma, lam)
    # where hardly anything was won or lost, dividing by the standard deviation would blow noise up
    advantage = ranks.standardised(combine(reward, cost), params.advantage_scale_min)
    return Targets(
        advantage, reward + rollout.value, cost + rollout.cost_value, privileged_targets.n_positions(rollout.privileged)
    )
