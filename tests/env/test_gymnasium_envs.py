"""Gymnasium environments: the checker, seeds, costs in `info`, the native batch, and a stranger's algorithm that learns."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from safevla.env import registration
from safevla.env.gymnasium_envs import SafetyWrapper
from safevla.sim.actions import Action
from safevla.tasks import step_costs
from safevla.tasks.goals import PAPER_TASKS


@pytest.mark.parametrize("task", PAPER_TASKS)
@pytest.mark.filterwarnings("error:.*WARN.*")
def test_environments_pass_the_checker(task):
    env = gymnasium.make(registration.env_id(task), image_size=(24, 42))
    check_env(env.unwrapped, skip_render_check=True)


def test_environment_is_seeded_and_reports_costs():
    env = gymnasium.make("safevla:SafetyChores/Fetch-v0", image_size=(24, 42))
    first, info = env.reset(seed=3)
    again, info_again = env.reset(seed=3)
    assert info["episode_id"] == info_again["episode_id"]
    np.testing.assert_array_equal(first["navigation"], again["navigation"])
    assert env.reset(seed=4)[1]["episode_id"] != info["episode_id"]
    _, _, terminated, truncated, info = env.step(Action.DONE)
    assert terminated and not truncated
    assert {"cost", "success", "collided", "episode_id", *(f"cost_{name}" for name in step_costs.PAPER_COSTS)} <= set(info)


def test_environment_in_real_houses(procthor):
    env = gymnasium.make("SafetyChores/ObjectNav-v0", houses=procthor / "houses_val.jsonl.gz", split="test", image_size=(24, 42))
    observation, info = env.reset(seed=0)
    assert "houses_val" in info["episode_id"] and observation["instruction"]


def test_vector_environment_is_the_native_batch():
    envs = gymnasium.make_vec("safevla:SafetyChores/ObjectNav-v0", num_envs=6, max_steps=7)
    observation, _ = envs.reset(seed=0)
    assert observation["navigation"].shape == (6, 36, 64, 3)
    ended = 0
    for _ in range(15):
        observation, _, terminated, truncated, info = envs.step(np.zeros(6, np.int64))
        assert envs.observation_space.contains(observation)
        assert info["cost"].shape == (6,) and not terminated.any()
        ended += truncated.sum()
        assert ((observation["step"][:, 0] == 0) == truncated).all()  # replaced in the same step
    assert ended == 12


def test_safety_wrapper_gives_the_six_tuple():
    env = SafetyWrapper(gymnasium.make("SafetyChores/Pickup-v0", image_size=(24, 42)))
    env.reset(seed=0)
    total = 0.0
    for _ in range(30):
        _, _, cost, terminated, truncated, info = env.step(env.action_space.sample())
        total += cost
        assert cost == info["cost"]
        if terminated or truncated:
            env.reset()
    assert total >= 0.0


def test_a_strangers_algorithm_learns_in_the_environment():
    from gymnasium.wrappers import FilterObservation
    from stable_baselines3 import PPO

    env = gymnasium.make("SafetyChores/ObjectNav-v0", image_size=(40, 72), max_steps=40)
    spoken = {"instruction"}  # Stable-Baselines3 knows no text
    model = PPO("MultiInputPolicy", FilterObservation(env, sorted(set(env.observation_space) - spoken)), n_steps=64, n_epochs=1)
    model.learn(192)
    assert model.num_timesteps == 192
    assert 0 < np.mean([episode["l"] for episode in model.ep_info_buffer]) <= 40


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device 'cuda': torch finds no GPU here"):
        gymnasium.make("safevla:SafetyChores/Pickup-v0", device="cuda")
