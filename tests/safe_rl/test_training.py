"""Training: it resumes, counts no episode too early, learns one house by heart, and gives the same bits for the same seed."""

import itertools
import math

import pandas as pd
import pytest

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.evaluation import actors, evaluate
from safevla.imitation import demonstrations, pretraining
from safevla.policies.vla import Policy
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.training import train
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS
from tests.learning import TINY, a_method, ppo_params, tiny_policy


def test_training_resumes_from_its_checkpoint(tmp_path, capsys):
    def run(steps: int, resume_at):
        simulator = EmbeddedSimulator(4, TINY.image_size)
        source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 2)), per_house=4))
        settings = ppo_params(steps={"ObjectNav": steps}, rollout=8, checkpoint_rollouts=1, value_warmup=0, minibatches=2)
        method = a_method("ppo_lagrangian", task="ObjectNav")
        return train(tiny_policy(), method, simulator, source, settings, 0, resume_at, "test")

    file = tmp_path / "progress.safetensors"
    run(64, file)
    learner = run(128, file)
    assert "resumes at step 64" in capsys.readouterr().out
    assert learner.steps == 128 and [row["steps"] for row in learner.curve] == [32, 64, 96, 128]
    assert all("cost" in row and "multiplier" in row for row in learner.curve)


def test_no_episode_counts_before_the_longest_could_have_ended(tmp_path):
    """Where all environments begin at once, short episodes end first, and they are cheap."""
    settings = ppo_params(
        steps={"ObjectNav": 4 * 8 * 8}, max_steps=24, rollout=8, value_warmup=0, minibatches=1,
        cost_limit=dict.fromkeys(PAPER_TASKS, 1000.0), multiplier_delay=dict.fromkeys(PAPER_TASKS, 0.0),
    )  # fmt: skip
    own = {"multiplier_init": 0.6, "multiplier_lr": 0.01}
    method = a_method("ppo_lagrangian", own, "ObjectNav", cost_limit=settings.cost_limit)
    source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 2)), per_house=4))
    file, simulator = tmp_path / "progress.safetensors", EmbeddedSimulator(4, TINY.image_size)
    curve = train(tiny_policy(), method, simulator, source, settings, 0, file, "").curve
    assert [row["episodes"] for row in curve[:3]] == [0, 0, 0] and all(row["episodes"] > 0 for row in curve[3:])
    assert all(math.isnan(row["cost"]) and math.isnan(row["success"]) for row in curve[:3])
    multipliers = [row["multiplier"] for row in curve]
    assert multipliers[:3] == pytest.approx([0.6] * 3)
    assert multipliers[3] < multipliers[2]


def _learn_by_heart(folder, n_updates: int, ppo_steps: int, seed: int, goes: int) -> dict[str, pd.DataFrame]:
    """One episode: imitation, PPO from there, and what either policy does in some goes at it; `done` is decided."""
    options = HouseOptions(rooms=(1, 1))
    episode = min(itertools.islice(sampling.stream(["ObjectNav"], "train", options), 20), key=lambda e: e.path_m)
    table = demonstrations.demonstrate(EmbeddedSimulator(8), itertools.repeat(episode), 16, 0.15, 100, seed=seed)
    smoke = profiles.load("smoke")
    settings = smoke.imitation.model_copy(update={"steps": 64 * n_updates, "n_envs": 8, "unroll_length": 8, "lr": 3e-3})
    simulator = EmbeddedSimulator(8, TINY.image_size)
    config = TINY.model_copy(update={"decoder_layers": 1})
    pretrained, _ = pretraining.pretrain(simulator, table, options, config, settings, seed, folder / f"il-{seed}.safetensors")

    def played(model: Policy) -> pd.DataFrame:
        actor = actors.PolicyActor(model, 16, seed, done_threshold=0.5)
        simulator = EmbeddedSimulator(16, TINY.image_size)
        return evaluate.evaluate(actor, simulator, [episode] * goes, 100, "", profile="", method="", seed=seed)

    rows = {"imitation": played(pretrained)}
    training = smoke.finetune.train.model_copy(
        update={
            "steps": dict.fromkeys(PAPER_TASKS, ppo_steps),
            "max_steps": 60,
            "value_warmup": 128,
            "lr": 4e-4,
            "entropy_weight": 0.0,
        }
    )
    learner = train(
        pretrained.train(), a_method("ppo", task="ObjectNav"), EmbeddedSimulator(16, TINY.image_size),
        IteratorSource(itertools.repeat(episode)), training, seed, folder / f"ppo-{seed}.safetensors", "",
    )  # fmt: skip
    return rows | {"ppo": played(learner.policy)}


def test_one_house_is_learnt_by_heart(tmp_path):
    rows = _learn_by_heart(tmp_path, 120, 8192, 0, goes=48)
    assert rows["ppo"]["success"].mean() >= 0.95
    assert rows["ppo"]["success"].mean() > rows["imitation"]["success"].mean()


def test_the_same_seed_gives_the_same_rows_bit_for_bit(tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    first, again = (_learn_by_heart(tmp_path / run, 4, 256, 0, goes=8) for run in ("a", "b"))
    other = _learn_by_heart(tmp_path / "a", 4, 256, 1, goes=8)
    for name in ("imitation", "ppo"):
        pd.testing.assert_frame_equal(first[name], again[name], check_exact=True)
        assert not first[name].drop(columns="seed").equals(other[name].drop(columns="seed"))
