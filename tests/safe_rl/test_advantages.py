"""Advantages: of reward and of every cost against a slow sum, scaled without blowing noise up."""

import dataclasses

import numpy as np
import pytest
import torch

from safevla.safe_rl import advantages
from tests.learning import a_method, made_up_costs, ppo_params, slow_gae


def _ends(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    terminated = torch.rand(25, 4, generator=generator) < 0.1
    return terminated, (torch.rand(25, 4, generator=generator) < 0.1) & ~terminated


def test_gae_agrees_with_a_slow_sum():
    g = torch.Generator().manual_seed(0)
    signal, value, final_value = (torch.randn(25, 4, generator=g) for _ in range(3))
    arguments = (signal, value, torch.randn(4, generator=g), final_value, *_ends(g))
    np.testing.assert_allclose(advantages.gae(*arguments, 0.9, 0.8).numpy(), slow_gae(*arguments, 0.9, 0.8), atol=1e-5)


def test_gae_of_several_signals_is_that_of_each():
    g = torch.Generator().manual_seed(1)
    signal, value, final_value = (torch.randn(25, 4, 3, generator=g) for _ in range(3))
    next_value, ends = torch.randn(4, 3, generator=g), _ends(g)
    together = advantages.gae(signal, value, next_value, final_value, *ends, 0.9, 0.8)
    for k in range(3):
        alone = slow_gae(signal[..., k], value[..., k], next_value[:, k], final_value[..., k], *ends, 0.9, 0.8)
        np.testing.assert_allclose(together[..., k].numpy(), alone, atol=1e-5)


def test_a_penalised_advantage_is_the_papers_formula():
    reward, cost = torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0, 0.5]])
    assert advantages.penalised(reward, cost, 0.0).tolist() == [[1.0, -2.0]]
    assert advantages.penalised(reward, cost, 3.0).tolist() == [[(1.0 - 9.0) / 4.0, (-2.0 - 1.5) / 4.0]]


def test_advantages_of_nothing_stay_small(rollout_and_policy):
    rollout, _, _ = rollout_and_policy
    quiet = dataclasses.replace(rollout, reward=torch.zeros_like(rollout.reward), cost=torch.zeros_like(rollout.cost))
    settings, combine = ppo_params(advantage_scale_min=1.0), a_method("ppo").advantage
    assert advantages.targets(quiet, combine, settings).advantage.std() < 0.5
    loud = dataclasses.replace(rollout, reward=100.0 * torch.randn(16, 6, generator=torch.Generator().manual_seed(0)))
    assert float(advantages.targets(loud, combine, settings).advantage.std()) == pytest.approx(1.0)


def test_a_critic_of_the_sum_is_taught_the_sum_of_all_costs(rollout_and_policy):
    rollout, _, _ = rollout_and_policy
    rollout = dataclasses.replace(rollout, cost=made_up_costs(rollout.cost))
    settings, seen = ppo_params(), []
    target = advantages.targets(rollout, lambda reward, cost: seen.append(cost) or reward, settings)
    ends = (rollout.terminated, rollout.truncated)
    values = (rollout.cost_value, rollout.next_cost_value, rollout.final_cost_value)
    values = [value[..., 0].numpy() for value in values]
    expected = slow_gae(rollout.cost.sum(-1), *values, *ends, settings.cost_gamma, settings.gae_lambda)
    assert seen[0].shape == (16, 6, 1)
    np.testing.assert_allclose(seen[0][..., 0].numpy(), expected, atol=1e-4)
    torch.testing.assert_close(target.cost_value, seen[0] + rollout.cost_value)


def test_truncated_is_not_terminated(rollout_and_policy):
    rollout, ended, _ = rollout_and_policy
    assert rollout.truncated.any() and rollout.terminated.any()
    assert not (rollout.truncated & rollout.terminated).any()
    assert (rollout.final_value[rollout.truncated] != 0).all() and (rollout.final_value[~rollout.truncated] == 0).all()
    assert len(ended) == int((rollout.truncated | rollout.terminated).sum())
    assert rollout.cost.shape == (16, 6, 5)
    starts_next = rollout.starts[1:]
    assert torch.equal(starts_next, (rollout.terminated | rollout.truncated)[:-1])
