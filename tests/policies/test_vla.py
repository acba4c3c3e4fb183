import dataclasses

import pytest
import torch

from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl import advantages, ppo
from safevla.sim.embedded import EmbeddedSimulator
from tests.learning import TINY, made_up_observation, ppo_params


@torch.no_grad()
def _stepwise(model: Policy, observation: Observation, starts: torch.Tensor, kv_cache) -> tuple[torch.Tensor, object]:
    logits = []
    for t in range(len(starts)):
        kv_cache.reset_rows(starts[t])
        output, kv_cache = model.act(observation.map(lambda x, t=t: x[t]), kv_cache)
        logits.append(output.logits)
    return torch.stack(logits), kv_cache


@pytest.mark.parametrize("layers", [1, 2])
def test_cached_steps_equal_the_full_sequence(layers):
    torch.manual_seed(0)
    model = Policy(TINY.model_copy(update={"fusion_layers": layers})).eval()
    observation, starts = made_up_observation(30, 3), torch.rand(30, 3) < 0.1
    kv_cache = model.new_kv_cache(3)
    _, kv_cache = _stepwise(model, observation.map(lambda x: x[:11]), starts[:11], kv_cache)
    kept = kv_cache.clone()
    slow, after = _stepwise(model, observation.map(lambda x: x[11:]), starts[11:], kv_cache)
    with torch.no_grad():
        fast, advanced = model(observation.map(lambda x: x[11:]), starts[11:], kept)
    torch.testing.assert_close(fast.logits, slow, atol=1e-5, rtol=0)
    # and so does what follows from the memory that each of them returned
    more, none = made_up_observation(5, 3, seed=1), torch.zeros(5, 3, dtype=torch.bool)
    torch.testing.assert_close(
        _stepwise(model, more, none, advanced)[0], _stepwise(model, more, none, after)[0], atol=1e-5, rtol=0
    )


def test_nothing_leaks_between_episodes_or_from_padding():
    torch.manual_seed(0)
    model = Policy(TINY).eval()
    observation, starts = made_up_observation(12, 2), torch.zeros(12, 2, dtype=torch.bool)
    starts[6] = True
    other = observation.map(lambda x: torch.cat([x[:6].flip(0), x[6:]]))
    with torch.no_grad():
        a, _ = model(observation, starts, model.new_kv_cache(2))
        b, _ = model(other, starts, model.new_kv_cache(2))
    torch.testing.assert_close(a.logits[6:], b.logits[6:], atol=1e-6, rtol=0)
    assert not torch.allclose(a.logits[5], b.logits[5])
    with torch.no_grad():
        model.word.weight[0] = 7.0  # the padding's embedding
        c, _ = model(observation, starts, model.new_kv_cache(2))
    torch.testing.assert_close(a.logits, c.logits, atol=1e-5, rtol=0)


def test_critics_send_no_gradient_into_the_trunk(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params()
    model.zero_grad(set_to_none=True)
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.5, settings), torch.arange(6), settings)
    (terms["value"] + terms["cost_value"]).backward()
    assert all(p.grad is None or not p.grad.any() for p in model.actor_parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.critic_parameters())


def test_contact_prediction_moves_the_motions_logits_alone():
    torch.manual_seed(0)
    policy = Policy(TINY.model_copy(update={"contact_prediction": True})).eval()
    observation, kv_cache = made_up_observation(1, 3), policy.new_kv_cache(3)
    first = observation.map(lambda t: t[0])
    first = dataclasses.replace(first, failed_actions=torch.zeros_like(first.failed_actions))
    before, _ = policy.act(first, kv_cache.clone())
    with torch.no_grad():
        policy.predicted_contact_weight[1, 0] = -0.2  # careful about movable objects ahead
    after, _ = policy.act(first, kv_cache.clone())
    chance = after.contact_logits[:, 6].sigmoid()
    assert torch.allclose(after.logits[:, 0], before.logits[:, 0] - 4.0 * chance, atol=1e-5)
    assert torch.equal(after.logits[:, 1:], before.logits[:, 1:])


def _informed() -> Policy:
    torch.manual_seed(0)
    return Policy(TINY.model_copy(update={"asymmetric_critic": True}))


def test_asymmetric_critics_read_privileged_features_and_the_actor_does_not(some_episodes):
    from safevla.env import privileged_targets

    model = _informed().eval()
    batch = VectorEnv(EmbeddedSimulator(8, TINY.image_size), max_steps=50)
    observation = batch.start(some_episodes[:8])
    privileged = privileged_targets.privileged_targets(batch.simulator, batch.goals, None)
    other = privileged.map(lambda x: x.roll(1, 0))
    outputs = [model.act(observation, model.new_kv_cache(8), said)[0] for said in (privileged, other, None)]
    for output in outputs[1:]:
        assert torch.equal(output.logits, outputs[0].logits)
    for critic in ("value", "cost_value"):
        privileged, misled, untold = (getattr(output, critic) for output in outputs)
        assert privileged.isfinite().all() and (privileged != misled).all() and untold.isnan().all()
