"""Methods: what each file in `safe_rl/methods` makes of advantages, of a rollout's episodes, and of a checkpoint."""

import re

import pytest
import torch

from safevla.config.registry import METHODS
from safevla.runtime import checkpoints
from tests.learning import a_method, ended_episodes

LIMIT = {"cost_limit": {"Fetch": 2.0}}


def _advantages() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 4, generator=generator), torch.randn(7, 4, 1, generator=generator)


def test_every_method_is_labelled_and_coloured_and_no_two_alike():
    labels = [METHODS.constant(name, "LABEL") for name in METHODS.names()]
    colours = [METHODS.constant(name, "COLOUR") for name in METHODS.names()]
    assert all(labels) and all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert len(set(labels)) == len(labels) and len(set(colours)) == len(colours)


def test_ppo_measures_cost_and_does_not_count_it():
    method, (reward, cost) = a_method("ppo"), _advantages()
    method.after_rollout(None, ended_episodes(50.0))
    assert torch.equal(method.advantage(reward, cost), reward) and method.cost_weight == 0.0


def test_a_fixed_penalty_does_not_learn():
    method, (reward, cost) = a_method("ppo_fixed_penalty", {"penalty": 0.4}), _advantages()
    method.after_rollout(None, ended_episodes(50.0))
    assert method.cost_weight == 0.4
    torch.testing.assert_close(method.advantage(reward, cost), (reward - 0.4 * cost[..., 0]) / 1.4)


def test_the_lagrangian_price_follows_the_mean_cost_of_an_episode():
    own = {"multiplier_init": 0.5, "multiplier_lr": 0.1, "multiplier_max": 3.0}
    method, (reward, cost) = a_method("ppo_lagrangian", own, **LIMIT), _advantages()
    torch.testing.assert_close(method.advantage(reward, cost), (reward - 0.5 * cost[..., 0]) / 1.5)
    method.after_rollout(None, ended_episodes(1.0, 4.0))  # 2.5 on average
    risen = method.cost_weight
    assert risen == pytest.approx(0.6, abs=1e-4)
    torch.testing.assert_close(method.advantage(reward, cost), (reward - risen * cost[..., 0]) / (1.0 + risen))
    method.after_rollout(None, [])
    assert method.cost_weight == risen
    for _ in range(20):
        method.after_rollout(None, ended_episodes(0.0, 1.0))
    assert method.cost_weight < 0.5


def test_the_pid_price_is_the_controllers_answer_to_it():
    own = {"proportional": 0.05, "integral": 0.01, "derivative": 0.02, "multiplier_init": 0.1, "multiplier_max": 1.0}
    method, (reward, cost) = a_method("ppo_pid_lagrangian", own, **LIMIT), _advantages()
    method.after_rollout(None, ended_episodes(4.0))
    method.after_rollout(None, ended_episodes(5.0, 7.0))
    expected = 0.05 * 4.0 + (0.1 + 0.01 * 2.0 + 0.01 * 4.0) + 0.02 * 2.0
    assert method.cost_weight == pytest.approx(expected)
    torch.testing.assert_close(method.advantage(reward, cost), (reward - expected * cost[..., 0]) / (1.0 + expected))


@pytest.mark.parametrize("name", METHODS.names())
def test_a_method_comes_back_from_a_checkpoint_bit_for_bit(tmp_path, name):
    method, (reward, cost) = a_method(name, **LIMIT), _advantages()
    for costs in ((5.0, 1.0), (0.0,), (9.0, 9.5, 2.0)):
        method.after_rollout(None, ended_episodes(*costs))
    checkpoints.save(tmp_path / "method.safetensors", method.state(), {})
    kept, _ = checkpoints.load(tmp_path / "method.safetensors")
    again = a_method(name, **LIMIT)
    again.restore(kept)
    assert again.state().keys() == method.state().keys()
    assert all(torch.equal(again.state()[key], tensor) for key, tensor in method.state().items())
    for costs in ((3.0,), (0.5, 0.1), (7.0,)):
        for one in (method, again):
            one.after_rollout(None, ended_episodes(*costs))
        assert again.cost_weight == method.cost_weight
        assert torch.equal(again.advantage(reward, cost), method.advantage(reward, cost))
