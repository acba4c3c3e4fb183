"""Learner: when the constraint sets in, what a method's hooks reach, a critic for each cost, and checkpoints."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from safevla.safe_rl import learner as learning
from safevla.safe_rl import method
from safevla.safe_rl.advantages import penalised
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.method import NoParams
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import (
    a_collector,
    a_method,
    ended_episodes,
    made_up_costs,
    made_up_observation,
    ppo_params,
    slow_gae,
    tiny_policy,
)

ENDED = ended_episodes(9.0)


class Weighing(method.Method):
    """A toy: every component of the cost has a weight of its own, which rises by one with every rollout."""

    per_component = True

    def __init__(self, params, own, task, costs):
        super().__init__(params, own, task, costs)
        self.weights = torch.zeros(len(self.costs))
        self.seen = []

    def after_rollout(self, rollout, ended) -> None:
        self.weights = self.weights + torch.arange(1.0, 1.0 + len(self.costs))

    def advantage(self, reward, cost):
        self.seen.append((reward, cost))
        return reward - cost @ self.weights

    def state(self):
        return {"weights": self.weights}

    def restore(self, state):
        self.weights = state["weights"].clone()


class Gripping(method.Method):
    """A toy: what it adds to the loss pulls the policy towards one action, and it lets the robot take no other."""

    def extra_loss(self, output, rollout, envs):
        return -output.logits.log_softmax(-1)[..., 3].mean()

    def filter_action(self, logits, observation):
        return torch.full_like(logits, -1e4).index_fill(1, torch.tensor([3]), 0.0)


def _params(**changes):
    """Of a constraint that sets in at once, and learns from the first rollout on."""
    given = {"steps": {"Fetch": 1000}, "multiplier_delay": {"Fetch": 0.0}, "value_warmup": 0, "epochs": 2, "minibatches": 2}
    return ppo_params(**given | changes)


def _learner(kind: type[method.Method], **changes) -> Learner:
    params = _params(**changes)
    return Learner(tiny_policy(), kind(params, NoParams(), "Fetch", PAPER_COSTS), params)


def _learn(learner: Learner, rollout, only_values: bool = False) -> dict[str, float]:
    return learner.learn(rollout, torch.Generator().manual_seed(0), only_values)


@pytest.fixture(scope="module")
def rollout():
    """Sixteen steps of six environments, in which episodes end, by a policy of one cost head."""
    collector = a_collector(6, 9, frozen_encoder=True)
    model = tiny_policy()
    collector.collect(model, 5)
    return collector.collect(model, 16)[0]


def test_the_constraint_may_set_in_late(rollout, monkeypatch):
    params = _params(multiplier_delay={"Fetch": 0.1}, cost_limit={"Fetch": 2.0})
    learner = Learner(tiny_policy(), a_method("ppo_lagrangian", {"multiplier_init": 0.6, "multiplier_lr": 0.1}), params)
    used, targets = [], learning.targets

    def watched(played, combine, settings):
        one = torch.ones(2, 2)
        used.append(combine(one, 3.0 * one[..., None]))
        return targets(played, combine, settings)

    monkeypatch.setattr(learning, "targets", watched)
    for learner.steps, weight in ((99, 0.0), (100, pytest.approx(0.7, abs=1e-4))):
        learner.after_rollout(rollout, ENDED)
        assert learner.cost_weight == weight
        _learn(learner, rollout)
    before, after = used
    assert torch.equal(before, torch.ones(2, 2))
    torch.testing.assert_close(after, penalised(torch.ones(2, 2), 3.0 * torch.ones(2, 2), learner.method.multiplier.value))


def test_until_then_a_method_changes_neither_loss_nor_actions(rollout):
    """Its first part is trained once for all methods, so no method may have a say in it."""
    logits, observation = torch.randn(3, 20), made_up_observation(1, 3).map(lambda x: x[0])
    learner, plain = (_learner(kind, multiplier_delay={"Fetch": 0.1}) for kind in (Gripping, method.Method))
    terms, expected = (_learn(one, rollout) for one in (learner, plain))
    assert terms == expected
    assert all(torch.equal(a, b) for a, b in zip(learner.policy.parameters(), plain.policy.parameters(), strict=True))
    assert learner.filter_action(logits, observation) is logits
    learner.steps = 100
    assert learner.filter_action(logits, observation).argmax(-1).tolist() == [3, 3, 3]
    assert "extra" in _learn(learner, rollout)


def test_before_any_update_the_ratio_is_one_with_a_filter_too():
    """The policy that acted is the filtered one, and so must the one be that its actions are compared with."""

    class Forbidding(method.Method):
        def filter_action(self, logits, observation):
            return logits.index_fill(1, torch.tensor([0, 5]), -2e4)

    for kind in (method.Method, Forbidding):
        learner = _learner(kind)
        collector = a_collector(6, 9, frozen_encoder=True, filter_action=learner.filter_action if learner.filters else None)
        played, _ = collector.collect(learner.policy, 16)
        assert (played.logit_shift is None) == (kind is method.Method)
        seen = []
        learner.forward = lambda *given, policy=learner.policy, seen=seen: seen.append(policy(*given)) or seen[-1]
        target = learning.targets(played, learner.method.advantage, learner.params)
        terms, output = learning.losses(learner.forward, played, target, torch.arange(6), learner.params)
        logits = output.logits + (0.0 if played.logit_shift is None else played.logit_shift)
        ratio = (logits.log_softmax(-1).gather(-1, played.action[..., None])[..., 0] - played.log_prob).exp()
        torch.testing.assert_close(ratio, torch.ones_like(ratio), atol=1e-4, rtol=0)
        expected = -(target.advantage * ratio).mean()
        torch.testing.assert_close(terms["policy"], expected, atol=1e-5, rtol=1e-4)


def test_a_methods_own_loss_is_learnt_from(rollout):
    """Without a penalty on a policy that forgets what it was, the toy's loss falls from update to update."""
    learner = _learner(Gripping, lr=3e-3)
    terms = [_learn(learner, rollout)["extra"] for _ in range(4)]
    assert terms[-1] < terms[0] - 0.1
    before = copy.deepcopy(learner.policy.state_dict())
    assert "extra" not in _learn(learner, rollout, only_values=True)  # which teaches the critics alone
    changed = {name for name, tensor in learner.policy.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith(("critic.", "cost_critic.")) for name in changed)


def test_a_method_of_components_gets_an_advantage_for_each():
    learner = _learner(Weighing)
    collector = a_collector(6, 9, frozen_encoder=True)
    collector.collect(learner.policy, 5)
    rollout, ended = collector.collect(learner.policy, 16)
    assert rollout.cost.shape == rollout.cost_value.shape == rollout.final_cost_value.shape == (16, 6, 5)
    assert rollout.next_cost_value.shape == (6, 5) and rollout.truncated.any()
    rollout = dataclasses.replace(rollout, cost=made_up_costs(rollout.cost))
    learner.after_rollout(rollout, ended)
    terms = _learn(learner, rollout)
    assert all(np.isfinite(value) for value in terms.values())
    (_, found), = learner.method.seen  # fmt: skip
    assert found.shape == (16, 6, 5)
    ends, settings = (rollout.terminated, rollout.truncated), learner.params
    given = (rollout.cost, rollout.cost_value, rollout.final_cost_value)
    expected = [
        slow_gae(*(x[..., k].numpy() for x in given[:2]), rollout.next_cost_value[:, k].numpy(), given[2][..., k].numpy(), *ends,
                 settings.cost_gamma, settings.gae_lambda)
        for k in range(5)
    ]  # fmt: skip
    for k in range(5):
        np.testing.assert_allclose(found[..., k].numpy(), expected[k], atol=1e-4, err_msg=PAPER_COSTS[k])
    np.testing.assert_allclose(found.sum(-1).numpy(), sum(expected), atol=1e-4)


def test_each_head_of_a_cost_critic_learns_the_cost_of_its_component():
    """A rollout again and again, in which one component is charged at every step and the others never."""
    learner = _learner(Weighing, critic_lr=0.01, cost_gamma=0.5, epochs=4)
    collector = a_collector(6, 9, frozen_encoder=True)
    rollout, _ = collector.collect(learner.policy, 16)
    charged = torch.zeros_like(rollout.cost)
    charged[..., 2] = 1.0
    rollout = dataclasses.replace(rollout, cost=charged)
    for _ in range(15):
        _learn(learner, rollout, only_values=True)
    with torch.no_grad():
        output, _ = learner.policy(rollout.observation, rollout.starts, rollout.kv_cache, rollout.frozen_features)
    learnt = output.cost_value.mean((0, 1))
    assert learnt[2] > 0.5 and (learnt[[0, 1, 3, 4]].abs() < 0.2).all(), learnt


@pytest.mark.parametrize("kind", ["ppo_lagrangian", Weighing])
def test_a_kept_learner_goes_on_bit_for_bit(tmp_path, kind):
    """Policy, optimisers, steps, and whatever the method keeps."""

    def fresh() -> Learner:
        if kind is Weighing:
            return _learner(Weighing)
        return Learner(tiny_policy(), a_method(kind, cost_limit={"Fetch": 2.0}), _params())

    learner = fresh()
    rollout, _ = a_collector(6, 9, frozen_encoder=True).collect(learner.policy, 16)
    learner.after_rollout(rollout, ENDED)
    _learn(learner, rollout)
    learner.steps, learner.curve = 96, [{"steps": 96, "cost": 9.0}]
    learner.save(tmp_path / "learner.safetensors")
    again = fresh()
    again.restore(tmp_path / "learner.safetensors")
    assert (again.steps, again.curve) == (96, [{"steps": 96, "cost": 9.0}])
    assert all(torch.equal(again.method.state()[name], tensor) for name, tensor in learner.method.state().items())
    for one in (learner, again):
        one.after_rollout(rollout, ENDED)
        _learn(one, rollout)
    assert all(torch.equal(a, b) for a, b in zip(again.policy.parameters(), learner.policy.parameters(), strict=True))
    assert again.cost_weight == learner.cost_weight


def test_who_follows_another_training_has_its_policy_and_a_method_of_its_own(tmp_path, rollout):
    learner = Learner(tiny_policy(), a_method("ppo_lagrangian", {"multiplier_init": 2.0}), _params())
    _learn(learner, rollout)
    learner.steps = 64
    learner.save(tmp_path / "learner.safetensors")
    follower = Learner(tiny_policy(), a_method("ppo_lagrangian", {"multiplier_init": 0.5}), _params())
    follower.follow(tmp_path / "learner.safetensors")
    assert follower.steps == 64 and follower.method.cost_weight == 0.5
    assert all(torch.equal(a, b) for a, b in zip(follower.policy.parameters(), learner.policy.parameters(), strict=True))
