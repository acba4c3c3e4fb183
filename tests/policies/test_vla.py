"""The policy: steps and sequences agree, nothing leaks, and critics, contacts and words reach what they should."""

import dataclasses

import pytest
import torch

from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies import policy_files
from safevla.policies.vla import Policy, with_cost_heads
from safevla.safe_rl import advantages, ppo
from safevla.sim.embedded import EmbeddedSimulator
from tests.learning import TINY, a_method, made_up_observation, ppo_params, tiny_policy


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
    model = tiny_policy(fusion_layers=layers).eval()
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
    model = tiny_policy().eval()
    observation, starts = made_up_observation(12, 2), torch.zeros(12, 2, dtype=torch.bool)
    starts[6] = True
    other = observation.map(lambda x: torch.cat([x[:6].flip(0), x[6:]]))
    with torch.no_grad():
        a, _ = model(observation, starts, model.new_kv_cache(2))
        b, _ = model(other, starts, model.new_kv_cache(2))
    torch.testing.assert_close(a.logits[6:], b.logits[6:], atol=1e-6, rtol=0)
    assert not torch.allclose(a.logits[5], b.logits[5])
    with torch.no_grad():
        model.token_embedding.weight[0] = 7.0  # the padding's embedding
        c, _ = model(observation, starts, model.new_kv_cache(2))
    torch.testing.assert_close(a.logits, c.logits, atol=1e-5, rtol=0)


def test_critics_send_no_gradient_into_the_trunk(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = ppo_params()
    model.zero_grad(set_to_none=True)
    target = advantages.targets(rollout, a_method("ppo_fixed_penalty").advantage, settings)
    terms, _ = ppo.losses(model, rollout, target, torch.arange(6), settings)
    (terms["value"] + terms["cost_value"]).backward()
    assert all(p.grad is None or not p.grad.any() for p in model.actor_parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.critic_parameters())


def test_contact_prediction_moves_the_motions_logits_alone():
    policy = tiny_policy(contact_prediction=True).eval()
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


def test_asymmetric_critics_read_privileged_features_and_the_actor_does_not(some_episodes):
    model = tiny_policy(asymmetric_critic=True).eval()
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


@pytest.mark.parametrize("changes", [{}, {"asymmetric_critic": True, "contact_prediction": True}])
def test_another_number_of_cost_heads_keeps_every_other_tensor(changes):
    policy = tiny_policy(**changes)
    widened = with_cost_heads(policy, 5)
    assert widened.config == policy.config.model_copy(update={"cost_heads": 5}) and policy.config.cost_heads == 1
    before, after = policy.state_dict(), widened.state_dict()
    assert before.keys() == after.keys()
    other = {name for name in before if before[name].shape != after[name].shape}
    last = max(int(name.split(".")[1]) for name in before if name.startswith("cost_critic."))
    assert other == {f"cost_critic.{last}.weight", f"cost_critic.{last}.bias"}
    assert all(torch.equal(before[name], after[name]) for name in before if name not in other)


def test_a_policy_of_several_cost_heads_values_each_component(tmp_path):
    policy, widened = tiny_policy().eval(), with_cost_heads(tiny_policy(), 5).eval()
    observation, starts = made_up_observation(7, 3), torch.zeros(7, 3, dtype=torch.bool)
    with torch.no_grad():
        one, _ = policy(observation, starts, policy.new_kv_cache(3))
        five, _ = widened(observation, starts, widened.new_kv_cache(3))
        step, _ = widened.act(observation.map(lambda x: x[0]), widened.new_kv_cache(3))
    assert one.cost_value.shape == (7, 3, 1) and five.cost_value.shape == (7, 3, 5) and step.cost_value.shape == (3, 5)
    assert torch.equal(one.logits, five.logits) and torch.equal(one.value, five.value)
    assert with_cost_heads(widened, 5) is widened
    policy_files.save(widened, tmp_path / "widened.safetensors")
    back, _ = policy_files.load(tmp_path / "widened.safetensors")
    assert back.config.cost_heads == 5
    assert torch.equal(back.cost_critic[-1].weight, widened.cost_critic[-1].weight)


def test_words_of_its_own_have_ids_behind_those_of_all(tmp_path):
    policy = tiny_policy(words=("polish", "thoroughly"))
    assert policy.token_embedding.num_embeddings == tiny_policy().token_embedding.num_embeddings + 2
    usual, own = (one.tokenize("polish a mug thoroughly") for one in (tiny_policy(), policy))
    assert own[1:3] == usual[1:3] and own[0] != own[3] and min(own[0], own[3]) > max(usual)
    policy_files.save(policy, tmp_path / "policy.safetensors")
    assert policy_files.load(tmp_path / "policy.safetensors")[0].tokenize("polish a mug thoroughly") == own


def test_failed_actions_get_no_probability_unless_the_policy_minds_none():
    observation = made_up_observation(1, 3).map(lambda x: x[0])
    assert observation.failed_actions.any()
    for masks in (True, False):
        policy = tiny_policy(mask_failed_actions=masks).eval()
        with torch.no_grad():
            output, _ = policy.act(observation, policy.new_kv_cache(3))
        chances = output.logits.softmax(-1)[observation.failed_actions]
        assert (chances == 0).all() if masks else (chances > 0).all()
