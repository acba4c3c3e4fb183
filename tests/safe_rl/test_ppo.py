import pytest
import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl import advantages, ppo
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.rollout import Rollout
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS
from tests.learning import TINY, ppo_params


def test_the_first_epoch_sees_the_probabilities_that_acted(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params()
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.5, settings), torch.arange(6), settings)
    assert float(terms["clipped"]) == 0.0
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.kv_cache)
    log_prob = output.logits.log_softmax(-1).gather(-1, rollout.action[..., None])[..., 0]
    torch.testing.assert_close(log_prob, rollout.log_prob, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.value, rollout.value, atol=1e-4, rtol=0)


@pytest.mark.parametrize("fusion_layers", [1, 2])
def test_frozen_features_of_an_observation_serve_learning(fusion_layers):
    torch.manual_seed(0)
    model = Policy(TINY.model_copy(update={"fusion_layers": fusion_layers}))

    def collected(frozen_encoder: bool) -> Rollout:
        batch = VectorEnv(EmbeddedSimulator(4, TINY.image_size), max_steps=9)
        source = IteratorSource(sampling.stream(PAPER_TASKS, "train", HouseOptions()))
        return Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder).collect(model, 12)[0]

    rollout, whole = collected(frozen_encoder=True), collected(frozen_encoder=False)
    assert rollout.privileged.class_map is None and rollout.observation.pixels.numel() == 0
    with torch.no_grad():
        again, _ = model(whole.observation, whole.starts, whole.kv_cache)
        kept, _ = model(rollout.observation, rollout.starts, rollout.kv_cache, rollout.frozen_features)
    torch.testing.assert_close(kept.logits, again.logits, atol=1e-5, rtol=0)
    assert kept.class_logits is None and again.class_logits.shape[:3] == (12, 4, len(CAMERAS))
    settings = ppo_params(freeze_encoder=True, value_warmup=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Learner(model, "ppo", "Fetch", settings).learn(rollout, torch.Generator().manual_seed(0), only_values=False)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"actor.weight", "glance.weight", "fusion.0.attention.norm.weight"} <= changed
    assert not any(name.startswith(("encoder.", "place", "word.", "named.")) for name in changed)
