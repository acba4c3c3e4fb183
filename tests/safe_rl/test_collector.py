"""Collector: what a rollout keeps is what the policy saw, was told and did."""

import torch

from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.env.vector_env import VectorEnv
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.learning import TINY, a_collector, tiny_policy


def test_asymmetric_critics_value_every_step_of_a_rollout_by_its_own_privileged_targets():
    """Also the last observation of an episode that is cut off, whose environment begins another one at once."""
    model = tiny_policy(asymmetric_critic=True)
    collector = a_collector(6, 7, frozen_encoder=True)
    batch, asked, ends = collector.batch, [], []
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


def test_a_filter_decides_what_is_done_and_how_likely_it_was():
    """A filter that lets a robot only turn, and of those whose arm is as it was at first, only to the left."""
    asked = []

    def only_turns(logits, observation):
        asked.append((logits, observation))
        allowed = torch.zeros_like(logits, dtype=torch.bool)
        allowed[:, [Action.ROTATE_LEFT, Action.ROTATE_RIGHT]] = True
        allowed[observation.step == 0, Action.ROTATE_RIGHT] = False
        return logits.masked_fill(~allowed, -1e4)

    model = tiny_policy()
    rollout, _ = a_collector(4, 50, filter_action=only_turns).collect(model, 12)
    assert set(rollout.action.flatten().tolist()) == {Action.ROTATE_LEFT, Action.ROTATE_RIGHT}
    assert (rollout.action[rollout.starts] == Action.ROTATE_LEFT).all() and rollout.starts.any()
    assert len(asked) == 12 and torch.equal(torch.stack([observation.step for _, observation in asked]), rollout.observation.step)
    expected = torch.stack([only_turns(*given).log_softmax(-1) for given in list(asked)])
    torch.testing.assert_close(rollout.log_prob, expected.gather(-1, rollout.action[..., None])[..., 0])


def test_costs_are_measured_by_the_names_asked_for():
    names = ("dangerous_equipment", "corner")
    batch = VectorEnv(EmbeddedSimulator(4, TINY.image_size), 20, costs=names)
    source = IteratorSource(sampling.stream(["Fetch"], "train", HouseOptions(rooms=(1, 1))))
    rollout, _ = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=True).collect(tiny_policy(), 8)
    assert rollout.cost.shape == (8, 4, 2) and batch.total_cost.shape == (4, 2)
