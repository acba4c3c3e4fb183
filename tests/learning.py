"""What tests of learning share: a tiny policy, made-up observations, parameters, a short rollout."""

import pytest
import torch

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.contact_memory import N_CONTACT_PROXIMITY
from safevla.env.observations import ARM_STATES, Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.actions import N_ACTIONS
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS
from safevla.tasks.tokenizer import MAX_WORDS

TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=2, context=8)


def made_up_observation(n_steps: int, n_envs: int, seed: int = 0) -> Observation:
    g = torch.Generator().manual_seed(seed)
    shape = (n_steps, n_envs)
    return Observation(
        pixels=torch.randint(0, 256, (*shape, 2, *TINY.image_size, 3), generator=g).to(torch.uint8),
        words=torch.randint(0, 10, (*shape, MAX_WORDS), generator=g),
        previous_action=torch.randint(0, 21, shape, generator=g),
        arm=torch.rand(*shape, ARM_STATES, generator=g),
        object_in_hand=torch.rand(shape, generator=g) < 0.5,
        step=torch.randint(0, 50, shape, generator=g),
        failed_actions=torch.rand(*shape, N_ACTIONS, generator=g) < 0.1,
        contact_proximity=torch.rand(*shape, N_CONTACT_PROXIMITY, generator=g),
    )


def ppo_params(**changes) -> params.PPOParams:
    return profiles.load("smoke").finetune.train.model_copy(update=changes)


@pytest.fixture(scope="module")
def rollout_and_policy():
    torch.manual_seed(0)
    model = Policy(TINY)
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), max_steps=9)
    source = IteratorSource(sampling.stream(PAPER_TASKS, "train", HouseOptions()))
    collector = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=False)
    collector.collect(model, 5)
    rollout, ended = collector.collect(model, 16)
    return rollout, ended, model
