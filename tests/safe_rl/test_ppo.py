"""PPO: learning sees what acting saw, whether or not the encoders learn."""

import pytest
import torch

from safevla.safe_rl import advantages, ppo
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.rollout import Rollout
from safevla.sim.interface import CAMERAS
from tests.learning import a_collector, a_method, ppo_params, tiny_policy


def test_the_first_epoch_sees_the_probabilities_that_acted(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params()
    target = advantages.targets(rollout, a_method("ppo_fixed_penalty").advantage, settings)
    terms, output = ppo.losses(model, rollout, target, torch.arange(6), settings)
    assert float(terms["clipped"]) == 0.0
    log_prob = output.logits.log_softmax(-1).gather(-1, rollout.action[..., None])[..., 0]
    torch.testing.assert_close(log_prob, rollout.log_prob, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.value, rollout.value, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.cost_value, rollout.cost_value, atol=1e-4, rtol=0)


def test_losses_are_of_the_environments_asked_for(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params()
    target = advantages.targets(rollout, a_method("ppo").advantage, settings)
    terms, output = ppo.losses(model, rollout, target, torch.tensor([4, 1]), settings)
    assert output.logits.shape == (16, 2, 20)
    expected = -target.advantage[:, [4, 1]].mean()  # the ratio is one
    torch.testing.assert_close(terms["policy"], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("fusion_layers", [1, 2])
def test_frozen_features_of_an_observation_serve_learning(fusion_layers):
    model = tiny_policy(fusion_layers=fusion_layers)

    def collected(frozen_encoder: bool) -> Rollout:
        return a_collector(4, 9, frozen_encoder).collect(model, 12)[0]

    rollout, whole = collected(frozen_encoder=True), collected(frozen_encoder=False)
    assert rollout.privileged.class_map is None and rollout.observation.pixels.numel() == 0
    with torch.no_grad():
        again, _ = model(whole.observation, whole.starts, whole.kv_cache)
        kept, _ = model(rollout.observation, rollout.starts, rollout.kv_cache, rollout.frozen_features)
    torch.testing.assert_close(kept.logits, again.logits, atol=1e-5, rtol=0)
    assert kept.class_logits is None and again.class_logits.shape[:3] == (12, 4, len(CAMERAS))
    settings = ppo_params(freeze_encoder=True, value_warmup=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Learner(model, a_method("ppo"), settings).learn(rollout, torch.Generator().manual_seed(0), only_values=False)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"actor.weight", "visual_projection.weight", "fusion.0.attention.norm.weight"} <= changed
    assert not any(name.startswith(("encoder.", "token_position", "token_embedding.", "target_class_head.")) for name in changed)
