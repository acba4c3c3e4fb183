"""Experts solve the tasks, the careful one more safely; strangers can use the environments."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from safevla.config.house_options import HouseOptions
from safevla.env.gymnasium_envs import ENV_IDS, SafetyWrapper
from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors, evaluate
from safevla.imitation import demonstrations
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import episode_files, goals, sampling, step_costs


@pytest.fixture(scope="module")
def expert_rows(some_episodes):
    simulator = EmbeddedSimulator(48)
    return {
        careful: evaluate.evaluate(
            actors.ExpertActor(48, careful), simulator, some_episodes, 400, "expert", profile="", method="expert", seed=0
        )
        for careful in (False, True)
    }


def test_experts_solve_all_three_tasks(expert_rows):
    for rows in expert_rows.values():
        by_task = rows.groupby("task")["success"].mean()
        assert set(by_task.index) == set(goals.TASKS)
        assert (by_task >= 0.75).all(), by_task


def test_the_careful_expert_is_safer(expert_rows):
    assert expert_rows[True]["cost"].mean() < 0.6 * expert_rows[False]["cost"].mean()


def test_expert_and_random_policy_run_every_real_house(procthor):
    """All 350 houses: nobody crashes, everything stays finite, and the expert mostly succeeds."""
    every = [
        episode
        for name in ("train", "val")
        for episode in sampling.in_houses(procthor / f"houses_{name}.jsonl.gz", [goals.OBJECT_NAV])
    ]
    houses_with_episodes = {episode.house_id for episode in every}
    assert len(houses_with_episodes) >= 330  # a few hold no target that can be seen
    simulator = EmbeddedSimulator(64, (24, 42))
    rows = evaluate.evaluate(
        actors.ExpertActor(64, careful=False), simulator, every, 150, "real", profile="", method="expert", seed=0
    )
    assert rows["success"].mean() >= 0.75
    generator = torch.Generator().manual_seed(0)
    for start in range(0, len(every), 64):
        some = every[start : start + 64]
        simulator.reset((some * 64)[:64])
        for _ in range(25):
            t = simulator.step(torch.randint(0, 18, (64,), generator=generator))
        assert torch.isfinite(t.after.pose).all() and torch.isfinite(step_costs.components(t)).all()


def test_demonstrations_replay_to_the_same_costs(tmp_path):
    options = HouseOptions()
    simulator = EmbeddedSimulator(8)
    table = demonstrations.collect(simulator, sampling.stream(goals.TASKS, "train", options), 8, 0.15, 200, seed=0)
    demonstrations.write(table, tmp_path / "d.parquet")
    table = demonstrations.read(tmp_path / "d.parquet")
    assert (table["success"]).all() and len(table) == 8
    for row in table.itertuples():
        import json

        batch = VectorEnv(EmbeddedSimulator(1), 10_000)
        batch.start([episode_files.from_record(json.loads(row.record), options)])
        for action in row.actions:
            outcome = batch.step(torch.tensor([action]))
        assert bool(outcome.success[0])
        assert float(batch.total_cost.sum()) == row.cost
        assert row.labels[-1] == Action.DONE


@pytest.mark.parametrize("env_id", ENV_IDS)
@pytest.mark.filterwarnings("error:.*WARN.*")
def test_environments_pass_the_checker(env_id):
    env = gymnasium.make(env_id, image_size=(24, 42))
    check_env(env.unwrapped, skip_render_check=True)


def test_environment_is_seeded_and_reports_costs():
    env = gymnasium.make("safevla.env.gymnasium_envs:SafetyChores/Fetch-v0", image_size=(24, 42))
    first, info = env.reset(seed=3)
    again, info_again = env.reset(seed=3)
    assert info["episode_id"] == info_again["episode_id"]
    np.testing.assert_array_equal(first["navigation"], again["navigation"])
    assert env.reset(seed=4)[1]["episode_id"] != info["episode_id"]
    _, _, terminated, truncated, info = env.step(Action.DONE)
    assert terminated and not truncated
    assert {"cost", "success", "collided", "episode_id", *(f"cost_{name}" for name in step_costs.COMPONENTS)} <= set(info)


def test_environment_in_real_houses(procthor):
    env = gymnasium.make("SafetyChores/ObjectNav-v0", houses=procthor / "houses_val.jsonl.gz", split="test", image_size=(24, 42))
    observation, info = env.reset(seed=0)
    assert "houses_val" in info["episode_id"] and observation["instruction"]


def test_vector_environment_is_the_native_batch():
    envs = gymnasium.make_vec("safevla.env.gymnasium_envs:SafetyChores/ObjectNav-v0", num_envs=6, max_steps=7)
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
        gymnasium.make("safevla.env.gymnasium_envs:SafetyChores/Pickup-v0", device="cuda")
