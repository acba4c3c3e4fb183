import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS
from tests.learning import TINY


def _informed() -> Policy:
    torch.manual_seed(0)
    return Policy(TINY.model_copy(update={"asymmetric_critic": True}))


def test_asymmetric_critics_value_every_step_of_a_rollout_by_its_own_privileged_targets():
    """Also the last observation of an episode that is cut off, whose environment begins another one at once."""
    from safevla.env import privileged_targets

    model = _informed()
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), max_steps=7)
    source = IteratorSource(sampling.stream(PAPER_TASKS, "train", HouseOptions()))
    collector = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=True)
    asked, ends = [], []
    act, step = model.act, batch.step
    model.act = lambda observation, kv_cache, privileged: (
        asked.append((observation, privileged)) or act(observation, kv_cache, privileged)
    )

    def watched(action):
        outcome = step(action)
        privileged = privileged_targets.privileged_targets(batch.simulator, batch.goals, None)
        ends.append(privileged.map(lambda x: x[outcome.truncated]))
        return outcome

    batch.step = watched
    rollout, _ = collector.collect(model, 20)
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.kv_cache, rollout.frozen_features, rollout.privileged)
    torch.testing.assert_close(output.value, rollout.value, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.cost_value, rollout.cost_value, atol=1e-4, rtol=0)
    assert rollout.next_value.isfinite().all() and rollout.final_value.isfinite().all()
    left, privileged = asked[-1]
    assert rollout.truncated.any() and len(left.step) == int(rollout.truncated.sum()) and (left.step == 7).all()
    assert torch.equal(
        privileged_targets.privileged_features(privileged),
        privileged_targets.privileged_features(privileged_targets.PrivilegedTargets.cat(ends)),
    )
