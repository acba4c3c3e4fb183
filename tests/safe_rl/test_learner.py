import dataclasses

import pytest
import torch

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl import advantages, ppo
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.learner import Learner
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.learning import TINY, ppo_params


def test_the_anchor_is_the_divergence_from_the_first_policy(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params(anchor_weight=1.0)
    learner = Learner(model, "ppo", "Fetch", settings)
    anchor = learner._anchor_log_probs(dataclasses.replace(rollout, starts=torch.ones_like(rollout.starts)))
    assert learner._anchor is not model and anchor.shape == (16, 6, 20)
    other = torch.randn(16, 6, 20, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.0, settings), torch.tensor([1, 4]), settings, other)
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.kv_cache)
    own = torch.distributions.Categorical(logits=output.logits[:, [1, 4]])
    expected = torch.distributions.kl_divergence(own, torch.distributions.Categorical(logits=other[:, [1, 4]])).mean()
    torch.testing.assert_close(terms["anchor"], expected, atol=1e-5, rtol=0)


def test_the_constraint_may_set_in_late(monkeypatch):
    settings = profiles.load("smoke").finetune.train
    torch.manual_seed(0)
    learner = Learner(
        Policy(TINY),
        "ppo_lagrangian",
        "ObjectNav",
        settings.model_copy(update={"steps": {"ObjectNav": 200}, "multiplier_delay": {"ObjectNav": 0.5}}),
    )
    batch = VectorEnv(EmbeddedSimulator(4, TINY.image_size), 20)
    source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1))))
    rollout, _ = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=True).collect(learner.policy, 8)
    used = []
    targets = advantages.targets
    monkeypatch.setattr(
        learner, "targets", lambda played, multiplier, train: used.append(multiplier) or targets(played, multiplier, train)
    )
    for learner.steps in (99, 100):
        learner.learn(rollout, torch.Generator().manual_seed(0), only_values=False)
    assert used == [0.0, pytest.approx(settings.multiplier_init)]
