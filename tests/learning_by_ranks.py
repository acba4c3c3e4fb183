"""Ranks that learn from their shares of one rollout; what the first is left with goes into a file.

    torchrun --nproc-per-node N -m tests.learning_by_ranks FILE

Whatever N is, the policy and the multiplier should be the same.
"""

import dataclasses
import sys

import torch

from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.vector_env import VectorEnv
from safevla.policies import policy_files
from safevla.policies.kv_cache import KVCache
from safevla.policies.vla import Policy
from safevla.runtime import ranks
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.method import make_method
from safevla.safe_rl.rollout import Rollout
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import ppo_params

N_ENVS = 8
TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=1, context=8)


def share(rollout: Rollout, envs: slice) -> Rollout:
    """Some environments' share of a rollout."""

    def cut(value):
        if value is None:
            return None
        if isinstance(value, KVCache):
            return value.select(envs)
        if isinstance(value, torch.Tensor):
            return value[envs] if len(value) == N_ENVS else value[:, envs]  # of the step after the last, or of all steps
        return value.map(lambda t: t[:, envs])

    return Rollout(**{field.name: cut(getattr(rollout, field.name)) for field in dataclasses.fields(rollout)})


def main(file: str) -> None:
    ranks.join_group()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    settings = ppo_params(minibatches=1, epochs=3, value_warmup=0, multiplier_delay={"ObjectNav": 0.0}, advantage_scale_min=1e-3)
    learner = Learner(Policy(TINY), make_method("ppo_lagrangian", settings, {}, "ObjectNav", PAPER_COSTS), settings)
    batch = VectorEnv(EmbeddedSimulator(N_ENVS, TINY.image_size), 30)
    source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(rooms=(1, 1))))
    collector = Collector(batch, source, torch.Generator().manual_seed(0), settings.freeze_encoder)
    n = N_ENVS // ranks.n_ranks()
    mine = slice(n * ranks.rank(), n * (ranks.rank() + 1))
    for _ in range(3):
        rollout, _ = collector.collect(learner.policy.eval(), 16)
        mean_cost = ranks.mean(float(rollout.cost[:, mine].sum()), n)
        learner.method.multiplier.update(mean_cost)
        learner.learn(share(rollout, mine), torch.Generator().manual_seed(0), only_values=False)
    if ranks.rank() == 0:
        policy_files.save(learner.policy, file, multiplier=learner.cost_weight)
    ranks.leave_group()


if __name__ == "__main__":
    main(sys.argv[1])
