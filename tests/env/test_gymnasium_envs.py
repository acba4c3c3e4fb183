"""Gymnasium environments: its checker, seeds, real houses, batches, and a stranger's algorithm that learns in them."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from safevla.env import registration
from safevla.env.gymnasium_envs import SafetyWrapper
from safevla.sim.actions import Action
from safevla.tasks import step_costs
from safevla.tasks.goals import PAPER_TASKS
from safevla.world.house_file import HouseError


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


def _vector(**options) -> gymnasium.vector.VectorEnv:
    defaults = {"num_envs": 3, "image_size": (12, 20), "max_steps": 4}
    return gymnasium.make_vec("SafetyChores/Pickup-v0", **defaults | options)


def _end(envs, row: int) -> np.ndarray:
    """Actions with which one row says done."""
    actions = np.zeros(envs.num_envs, np.int64)
    actions[row] = Action.DONE
    return actions


def test_an_episode_that_is_replaced_in_the_same_step_leaves_its_last_observation_and_info():
    envs = _vector()
    _, first = envs.reset(seed=0)
    observation, _, terminated, _, info = envs.step(_end(envs, 1))
    assert terminated.tolist() == [False, True, False] == info["_final_info"].tolist() == info["_final_obs"].tolist()
    last, obs = info["final_info"], info["final_obs"]
    assert last["episode_id"].tolist() == [None, first["episode_id"][1], None] and last["_cost"].tolist() == terminated.tolist()
    assert set(last) == {key for name in first if not name.startswith("_") for key in (name, f"_{name}")}
    assert obs[0] is None and obs[2] is None and obs[1]["step"] == 1 and observation["step"][:, 0].tolist() == [1, 0, 1]
    assert envs.single_observation_space.contains(obs[1])
    assert "final_info" not in envs.step(np.zeros(3, np.int64))[4]


def test_gymnasiums_own_wrappers_take_the_batch():
    from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

    wrapped = DictInfoToList(RecordEpisodeStatistics(_vector()))
    wrapped.reset(seed=0)
    infos = wrapped.step(_end(wrapped, 2))[4]
    assert "final_info" in infos[2] and "final_info" not in infos[0] and infos[2]["episode"]["l"] == 1


def test_an_ended_episode_is_replaced_at_the_next_step_where_that_is_asked_for():
    envs = _vector(autoreset_mode="NextStep")
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    _, first = envs.reset(seed=0)
    observation, _, terminated, _, info = envs.step(_end(envs, 1))
    assert terminated.tolist() == [False, True, False] and "final_obs" not in info and observation["step"][1] == 1
    observation, reward, terminated, truncated, info = envs.step(_end(envs, 1))
    assert not terminated.any() and not truncated.any() and reward[1] == 0 and info["cost"][1] == 0
    assert observation["step"][:, 0].tolist() == [2, 0, 2]
    assert (info["episode_id"] == first["episode_id"]).tolist() == [True, False, True]
    assert envs.step(np.zeros(3, np.int64))[0]["step"][:, 0].tolist() == [3, 1, 3]


def test_an_ended_episode_waits_for_its_reset_where_autoreset_is_disabled():
    envs = _vector(autoreset_mode=AutoresetMode.DISABLED)
    _, first = envs.reset(seed=0)
    observation, _, terminated, _, _ = envs.step(_end(envs, 1))
    with pytest.raises(ResetNeeded, match=r"episodes \[1\] have ended"):
        envs.step(np.zeros(3, np.int64))
    kept = {name: values.copy() for name, values in observation.items()}
    fresh, info = envs.reset(options={"reset_mask": terminated})
    assert all((kept[name] == observation[name]).all() for name in kept)  # the caller's stay as they were
    assert fresh["step"][:, 0].tolist() == [1, 0, 1] and info["_episode_id"].tolist() == [False, True, False]
    assert (info["episode_id"] == first["episode_id"]).tolist() == [True, False, True]
    assert (fresh["navigation"][[0, 2]] == observation["navigation"][[0, 2]]).all()
    envs.step(np.zeros(3, np.int64))


@pytest.mark.parametrize(
    ("mask", "error"),
    [([True, False, True], TypeError), (np.ones(3), TypeError), (np.ones(2, bool), ValueError), (np.zeros(3, bool), ValueError)],
)
def test_a_reset_mask_of_another_form_is_refused(mask, error):
    with pytest.raises(error, match="reset_mask"):
        _vector().reset(options={"reset_mask": mask})


def test_the_batch_takes_gymnasiums_own_options():
    envs = _vector(render_mode="rgb_array", max_episode_steps=2)
    envs.reset(seed=0)
    frames = envs.render()
    assert len(frames) == 3 and frames[0].shape == (12, 40, 3)
    assert not envs.step(np.zeros(3, np.int64))[3].any() and envs.step(np.zeros(3, np.int64))[3].all()


def test_a_step_before_the_first_reset_is_a_clear_error():
    with pytest.raises(ResetNeeded, match="reset the environments before the first step"):
        _vector().step(np.zeros(3, np.int64))
    with pytest.raises(ResetNeeded, match="reset every environment before resetting some"):
        _vector().reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(ResetNeeded, match="reset the environment before the first step"):
        gymnasium.make("SafetyChores/Pickup-v0", image_size=(12, 20)).unwrapped.step(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs is 0, expected a whole number of at least 1"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"max_episode_steps": 0}, "max_episode_steps is 0"),
        ({"image_size": (0, 3)}, r"image_size\[0\] is 0"),
        ({"image_size": (3,)}, "image_size is .* expected"),
        ({"render_mode": "human"}, "render_mode 'human' is unknown"),
        ({"autoreset_mode": "Never"}, "autoreset_mode 'Never' is unknown; the modes are 'NextStep', 'SameStep', 'Disabled'"),
        ({"device": "foo"}, "device 'foo' is unknown; it is 'cpu' or 'cuda'"),
        ({"robot": "foo"}, "robot 'foo' is unknown; the robots are stretch"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        _vector(**options)
    single = {name: value for name, value in options.items() if name in ("max_steps", "image_size", "device", "robot")}
    if single:
        with pytest.raises(ValueError, match=message):
            gymnasium.make("SafetyChores/Pickup-v0", **single)


def test_houses_that_are_not_there_are_named(tmp_path):
    for env in (
        _vector(houses=tmp_path / "none.jsonl"),
        gymnasium.make("SafetyChores/Pickup-v0", houses=tmp_path / "none.jsonl"),
    ):
        with pytest.raises(HouseError, match=r"none\.jsonl: there is no such file"):
            env.reset()


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
    from stable_baselines3 import PPO

    # Stable-Baselines3 knows no text
    env = gymnasium.make("SafetyChores/ObjectNav-v0", image_size=(40, 72), max_steps=40, instruction="words")
    model = PPO("MultiInputPolicy", env, n_steps=64, n_epochs=1)
    model.learn(192)
    assert model.num_timesteps == 192
    assert 0 < np.mean([episode["l"] for episode in model.ep_info_buffer]) <= 40


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="device 'cuda': torch finds no GPU here"):
        gymnasium.make("safevla:SafetyChores/Pickup-v0", device="cuda")
