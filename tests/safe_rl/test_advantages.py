import dataclasses

import numpy as np
import pytest
import torch

from safevla.safe_rl import advantages
from tests.learning import ppo_params


def _slow_gae(signal, value, next_value, final_value, terminated, truncated, gamma, lam):
    """Sum of discounted residuals, each advantage on its own."""
    n_steps, n_envs = signal.shape
    out = np.zeros((n_steps, n_envs))
    for e in range(n_envs):
        for t in range(n_steps):
            weight = 1.0
            for k in range(t, n_steps):
                if truncated[k, e]:
                    after = final_value[k, e]
                elif terminated[k, e]:
                    after = 0.0
                else:
                    after = value[k + 1, e] if k + 1 < n_steps else next_value[e]
                out[t, e] += weight * (signal[k, e] + gamma * after - value[k, e])
                if terminated[k, e] or truncated[k, e]:
                    break
                weight *= gamma * lam
    return out


def test_gae_agrees_with_a_slow_sum():
    g = torch.Generator().manual_seed(0)
    signal, value, final_value = (torch.randn(25, 4, generator=g) for _ in range(3))
    next_value = torch.randn(4, generator=g)
    terminated = torch.rand(25, 4, generator=g) < 0.1
    truncated = (torch.rand(25, 4, generator=g) < 0.1) & ~terminated
    arguments = (signal, value, next_value, final_value, terminated, truncated)
    np.testing.assert_allclose(advantages.gae(*arguments, 0.9, 0.8).numpy(), _slow_gae(*arguments, 0.9, 0.8), atol=1e-5)


def test_advantages_of_nothing_stay_small(rollout_and_policy):
    rollout, _, _ = rollout_and_policy
    quiet = dataclasses.replace(rollout, reward=torch.zeros_like(rollout.reward), cost=torch.zeros_like(rollout.cost))
    settings = ppo_params(advantage_scale_min=1.0)
    assert advantages.targets(quiet, 0.0, settings).advantage.std() < 0.5
    loud = dataclasses.replace(rollout, reward=100.0 * torch.randn(16, 6, generator=torch.Generator().manual_seed(0)))
    assert float(advantages.targets(loud, 0.0, settings).advantage.std()) == pytest.approx(1.0)


def test_truncated_is_not_terminated(rollout_and_policy):
    rollout, ended, _ = rollout_and_policy
    assert rollout.truncated.any() and rollout.terminated.any()
    assert not (rollout.truncated & rollout.terminated).any()
    assert (rollout.final_value[rollout.truncated] != 0).all() and (rollout.final_value[~rollout.truncated] == 0).all()
    assert len(ended) == int((rollout.truncated | rollout.terminated).sum())
    assert rollout.cost.shape == (16, 6, 5)
    starts_next = rollout.starts[1:]
    assert torch.equal(starts_next, (rollout.terminated | rollout.truncated)[:-1])
