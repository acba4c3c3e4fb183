"""Advantages: what a rollout teaches about reward and about cost."""

import dataclasses

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
    """Generalised advantage estimates, (T, B), of a reward or a cost (arXiv 1506.02438, eq. 16).

    signal, value, terminated, truncated (T, B); next_value (B,) after the last step; final_value (T, B) the value of
    what a truncated episode ended with. A terminated episode is worth nothing afterwards; a truncated one what its last
    observation promised. No advantage flows from one episode into another.
    """
    advantage = torch.zeros_like(signal)
    ended = terminated | truncated
    following, running = next_value, torch.zeros_like(next_value)
    for t in reversed(range(len(signal))):
        after = torch.where(ended[t], torch.where(truncated[t], final_value[t], 0.0), following)
        delta = signal[t] + gamma * after - value[t]  # δ_t = r_t + γ V(s_{t+1}) − V(s_t)
        running = delta + gamma * lam * running * ~ended[t]
        advantage[t] = running
        following = value[t]
    return advantage


@dataclasses.dataclass(frozen=True)
class Targets:
    """What a rollout teaches."""

    advantage: torch.Tensor  # (T, B)
    value: torch.Tensor  # (T, B)
    cost_value: torch.Tensor  # (T, B)
    n_positions: torch.Tensor  # (), of `privileged_targets.n_positions`


def targets(rollout: Rollout, multiplier: float, params: PPOParams) -> Targets:
    """Advantages and value targets of a rollout."""
    ends, lam = (rollout.terminated, rollout.truncated), params.gae_lambda
    step_cost = rollout.cost.sum(-1)
    reward_advantage = gae(rollout.reward, rollout.value, rollout.next_value, rollout.final_value, *ends, params.gamma, lam)
    cost_advantage = gae(
        step_cost, rollout.cost_value, rollout.next_cost_value, rollout.final_cost_value, *ends, params.cost_gamma, lam
    )
    # A = (A_r − λ A_c) / (1 + λ)                                                      SafeVLA, eq. 7
    advantage = (reward_advantage - multiplier * cost_advantage) / (1.0 + multiplier)
    # where hardly anything was won or lost, dividing by the standard deviation would blow noise up
    advantage = ranks.standardised(advantage, params.advantage_scale_min)
    values = (reward_advantage + rollout.value, cost_advantage + rollout.cost_value)
    return Targets(advantage, *values, privileged_targets.n_positions(rollout.privileged))
