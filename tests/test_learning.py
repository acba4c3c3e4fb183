"""Policy and learner: the cache, the masks, GAE, the multiplier, resuming and checkpoints."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.contact_memory import N_CONTACT_PROXIMITY
from safevla.env.observations import ARM_STATES, Observation
from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors, evaluate
from safevla.imitation import demonstrations, pretraining, unrolls
from safevla.policies import attention, policy_files
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints, workers
from safevla.safe_rl import advantages, episode_workers, ppo
from safevla.safe_rl import jobs as training_jobs
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.jobs import _PART_OF_METHOD, TrainingJob, run_all, side_by_side
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.multiplier import Multiplier
from safevla.safe_rl.rollout import Rollout
from safevla.safe_rl.training import train
from safevla.sim.actions import N_ACTIONS, N_BASE_MOTIONS
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS
from safevla.tasks import sampling
from safevla.tasks.goals import TASKS, Goals, remaining_m
from safevla.tasks.tokenizer import MAX_WORDS, tokenize, vocabulary
from tests.conftest import ROOT

TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=2, context=8)


def _observation(n_steps: int, n_envs: int, seed: int = 0) -> Observation:
    g = torch.Generator().manual_seed(seed)
    shape = (n_steps, n_envs)
    return Observation(
        pixels=torch.randint(0, 256, (*shape, 2, *TINY.image_size, 3), generator=g).to(torch.uint8),
        words=torch.randint(0, 10, (*shape, MAX_WORDS), generator=g),
        previous_action=torch.randint(0, 21, shape, generator=g),
        arm=torch.rand(*shape, ARM_STATES, generator=g),
        object_in_hand=torch.rand(shape, generator=g) < 0.5,
        step=torch.randint(0, 50, shape, generator=g),
        blocked=torch.rand(*shape, N_ACTIONS, generator=g) < 0.1,
        felt=torch.rand(*shape, N_CONTACT_PROXIMITY, generator=g),
    )


@torch.no_grad()
def _stepwise(model: Policy, observation: Observation, starts: torch.Tensor, memory) -> tuple[torch.Tensor, object]:
    logits = []
    for t in range(len(starts)):
        memory.forget(starts[t])
        output, memory = model.act(observation.map(lambda x, t=t: x[t]), memory)
        logits.append(output.logits)
    return torch.stack(logits), memory


@pytest.mark.parametrize("layers", [1, 2])
def test_cached_steps_equal_the_full_sequence(layers):
    torch.manual_seed(0)
    model = Policy(TINY.model_copy(update={"fusion_layers": layers})).eval()
    observation, starts = _observation(30, 3), torch.rand(30, 3) < 0.1
    memory = model.new_memory(3)
    _, memory = _stepwise(model, observation.map(lambda x: x[:11]), starts[:11], memory)
    kept = memory.clone()
    slow, after = _stepwise(model, observation.map(lambda x: x[11:]), starts[11:], memory)
    with torch.no_grad():
        fast, advanced = model(observation.map(lambda x: x[11:]), starts[11:], kept)
    torch.testing.assert_close(fast.logits, slow, atol=1e-5, rtol=0)
    # and so does what follows from the memory that each of them returned
    more, none = _observation(5, 3, seed=1), torch.zeros(5, 3, dtype=torch.bool)
    torch.testing.assert_close(
        _stepwise(model, more, none, advanced)[0], _stepwise(model, more, none, after)[0], atol=1e-5, rtol=0
    )


def test_nothing_leaks_between_episodes_or_from_padding():
    torch.manual_seed(0)
    model = Policy(TINY).eval()
    observation, starts = _observation(12, 2), torch.zeros(12, 2, dtype=torch.bool)
    starts[6] = True
    other = observation.map(lambda x: torch.cat([x[:6].flip(0), x[6:]]))
    with torch.no_grad():
        a, _ = model(observation, starts, model.new_memory(2))
        b, _ = model(other, starts, model.new_memory(2))
    torch.testing.assert_close(a.logits[6:], b.logits[6:], atol=1e-6, rtol=0)
    assert not torch.allclose(a.logits[5], b.logits[5])
    with torch.no_grad():
        model.word.weight[0] = 7.0  # the padding's embedding
        c, _ = model(observation, starts, model.new_memory(2))
    torch.testing.assert_close(a.logits, c.logits, atol=1e-5, rtol=0)


def test_words():
    assert len(tokenize("find an alarm clock")) == MAX_WORDS
    assert tokenize("find a mug")[:3] == [vocabulary()[w] for w in ("find", "a", "mug")]
    assert tokenize("xyzzy")[0] == 1


def _slow_gae(signal, value, next_value, final_value, terminated, truncated, gamma, lam):
    """Sum of discounted residuals, each advantage on its own."""
    n_steps, n_envs = signal.shape
    out = np.zeros((n_steps, n_envs))
    for e in range(n_envs):
        for t in range(n_steps):
            weight = 1.0
            for k in range(t, n_steps):
                if truncated[k, e]:
                    after = final_value[k, e]
                elif terminated[k, e]:
                    after = 0.0
                else:
                    after = value[k + 1, e] if k + 1 < n_steps else next_value[e]
                out[t, e] += weight * (signal[k, e] + gamma * after - value[k, e])
                if terminated[k, e] or truncated[k, e]:
                    break
                weight *= gamma * lam
    return out


def test_gae_agrees_with_a_slow_sum():
    g = torch.Generator().manual_seed(0)
    signal, value, final_value = (torch.randn(25, 4, generator=g) for _ in range(3))
    next_value = torch.randn(4, generator=g)
    terminated = torch.rand(25, 4, generator=g) < 0.1
    truncated = (torch.rand(25, 4, generator=g) < 0.1) & ~terminated
    arguments = (signal, value, next_value, final_value, terminated, truncated)
    np.testing.assert_allclose(advantages.gae(*arguments, 0.9, 0.8).numpy(), _slow_gae(*arguments, 0.9, 0.8), atol=1e-5)


def _ppo_params(**changes) -> params.PPOParams:
    return profiles.load("smoke").finetune.train.model_copy(update=changes)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_multiplier_rises_exactly_above_the_limit_and_never_below_zero():
    bounds = {"cost_limit": {"Pickup": 2.0, "Fetch": 7.0}, "multiplier_max": {"Pickup": 0.3, "Fetch": 9.0}}
    multiplier = Multiplier("ppo_lagrangian", _ppo_params(multiplier_init=0.1, multiplier_lr=0.02, **bounds), "Pickup")
    before = multiplier.value
    multiplier.update(2.5)
    assert multiplier.value == pytest.approx(before + 0.02, abs=1e-4)  # Adam's first step is its rate
    for _ in range(40):
        multiplier.update(9.0)
    assert multiplier.value == pytest.approx(0.3)
    for _ in range(200):
        multiplier.update(0.5)
    assert multiplier.value == 0.0
    held = multiplier.value
    multiplier.update(float("nan"))  # no episode ended
    assert multiplier.value == held


def test_the_pid_multiplier_agrees_with_the_formula_written_out():
    gains = params.PIDGains(proportional=0.05, integral=0.01, derivative=0.02)
    bounds = {"cost_limit": {"Fetch": 2.0}, "multiplier_max": {"Fetch": 1.0}}
    settings = _ppo_params(multiplier_rule="pid", multiplier_pid=gains, multiplier_init=0.1, **bounds)
    multiplier = Multiplier("ppo_lagrangian", settings, "Fetch")
    costs, integral = [6.0, 8.0, 3.0, 1.0, 0.5, 40.0], 0.1
    for before, cost in zip([math.inf, *costs], costs, strict=False):
        multiplier.update(cost)
        integral = min(max(integral + 0.01 * (cost - 2.0), 0.0), 1.0)
        expected = 0.05 * (cost - 2.0) + integral + 0.02 * max(cost - before, 0.0)
        assert multiplier.value == pytest.approx(min(max(expected, 0.0), 1.0), abs=1e-6)
    other = Multiplier("ppo_lagrangian", settings, "Fetch")
    other.restore(json.loads(json.dumps(multiplier.state())))
    for cost in (5.0, 2.5):
        multiplier.update(cost), other.update(cost)
        assert other.value == multiplier.value


@pytest.mark.parametrize(("method", "expected"), [("ppo", 0.0), ("ppo_shaped", 0.4)])
def test_other_methods_do_not_learn_the_multiplier(method, expected):
    multiplier = Multiplier(method, _ppo_params(fixed_penalty=0.4), "Fetch")
    multiplier.update(50.0)
    assert multiplier.value == pytest.approx(expected)


@pytest.fixture(scope="module")
def rollout_and_policy():
    torch.manual_seed(0)
    model = Policy(TINY)
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), max_steps=9)
    source = IteratorSource(sampling.stream(TASKS, "train", HouseOptions()))
    collector = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=False)
    collector.collect(model, 5)
    rollout, ended = collector.collect(model, 16)
    return rollout, ended, model


def test_the_first_epoch_sees_the_probabilities_that_acted(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = _ppo_params()
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.5, settings), torch.arange(6), settings)
    assert float(terms["clipped"]) == 0.0
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.memory)
    log_prob = output.logits.log_softmax(-1).gather(-1, rollout.action[..., None])[..., 0]
    torch.testing.assert_close(log_prob, rollout.log_prob, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.value, rollout.value, atol=1e-4, rtol=0)


@pytest.mark.parametrize("fusion_layers", [1, 2])
def test_what_frozen_senses_made_of_an_observation_serves_learning(fusion_layers):
    torch.manual_seed(0)
    model = Policy(TINY.model_copy(update={"fusion_layers": fusion_layers}))

    def collected(frozen_encoder: bool) -> Rollout:
        batch = VectorEnv(EmbeddedSimulator(4, TINY.image_size), max_steps=9)
        source = IteratorSource(sampling.stream(TASKS, "train", HouseOptions()))
        return Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder).collect(model, 12)[0]

    rollout, whole = collected(frozen_encoder=True), collected(frozen_encoder=False)
    assert rollout.truth.class_map is None and rollout.observation.pixels.numel() == 0
    with torch.no_grad():
        again, _ = model(whole.observation, whole.starts, whole.memory)
        kept, _ = model(rollout.observation, rollout.starts, rollout.memory, rollout.percept)
    torch.testing.assert_close(kept.logits, again.logits, atol=1e-5, rtol=0)
    assert kept.class_logits is None and again.class_logits.shape[:3] == (12, 4, len(CAMERAS))
    settings = _ppo_params(freeze_encoder=True, value_warmup=0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Learner(model, "ppo", "Fetch", settings).learn(rollout, torch.Generator().manual_seed(0), only_values=False)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {"actor.weight", "glance.weight", "fusion.0.attention.norm.weight"} <= changed
    assert not any(name.startswith(("encoder.", "place", "word.", "named.")) for name in changed)


def test_the_anchor_is_the_divergence_from_the_first_policy(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = _ppo_params(anchor_weight=1.0)
    learner = Learner(model, "ppo", "Fetch", settings)
    anchor = learner._anchor_log_probs(dataclasses.replace(rollout, starts=torch.ones_like(rollout.starts)))
    assert learner._anchor is not model and anchor.shape == (16, 6, 20)
    other = torch.randn(16, 6, 20, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.0, settings), torch.tensor([1, 4]), settings, other)
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.memory)
    own = torch.distributions.Categorical(logits=output.logits[:, [1, 4]])
    expected = torch.distributions.kl_divergence(own, torch.distributions.Categorical(logits=other[:, [1, 4]])).mean()
    torch.testing.assert_close(terms["anchor"], expected, atol=1e-5, rtol=0)


def test_advantages_of_nothing_stay_small(rollout_and_policy):
    rollout, _, _ = rollout_and_policy
    quiet = dataclasses.replace(rollout, reward=torch.zeros_like(rollout.reward), cost=torch.zeros_like(rollout.cost))
    settings = _ppo_params(advantage_scale_min=1.0)
    assert advantages.targets(quiet, 0.0, settings).advantage.std() < 0.5
    loud = dataclasses.replace(rollout, reward=100.0 * torch.randn(16, 6, generator=torch.Generator().manual_seed(0)))
    assert float(advantages.targets(loud, 0.0, settings).advantage.std()) == pytest.approx(1.0)


def test_truncated_is_not_terminated(rollout_and_policy):
    rollout, ended, _ = rollout_and_policy
    assert rollout.truncated.any() and rollout.terminated.any()
    assert not (rollout.truncated & rollout.terminated).any()
    assert (rollout.final_value[rollout.truncated] != 0).all() and (rollout.final_value[~rollout.truncated] == 0).all()
    assert len(ended) == int((rollout.truncated | rollout.terminated).sum())
    assert rollout.cost.shape == (16, 6, 5)
    starts_next = rollout.starts[1:]
    assert torch.equal(starts_next, (rollout.terminated | rollout.truncated)[:-1])


def test_critics_send_no_gradient_into_the_trunk(rollout_and_policy):
    rollout, _, model = rollout_and_policy
    settings = _ppo_params()
    model.zero_grad(set_to_none=True)
    terms = ppo.losses(model, rollout, advantages.targets(rollout, 0.5, settings), torch.arange(6), settings)
    (terms["value"] + terms["cost_value"]).backward()
    assert all(p.grad is None or not p.grad.any() for p in model.actor_parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.critic_parameters())


def test_training_resumes_from_its_checkpoint(tmp_path, capsys):
    def run(steps: int, resume_at):
        torch.manual_seed(0)
        simulator = EmbeddedSimulator(4, TINY.image_size)
        source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(), per_house=4))
        settings = _ppo_params(steps={"ObjectNav": steps}, rollout=8, checkpoint_rollouts=1, value_warmup=0, minibatches=2)
        return train(Policy(TINY), "ppo_lagrangian", "ObjectNav", simulator, source, settings, 0, resume_at, "test")

    file = tmp_path / "progress.safetensors"
    run(64, file)
    learner = run(128, file)
    assert "resumes at step 64" in capsys.readouterr().out
    assert learner.steps == 128 and [row["steps"] for row in learner.curve] == [32, 64, 96, 128]
    assert all("cost" in row and "multiplier" in row for row in learner.curve)


def test_no_episode_counts_before_the_longest_could_have_ended(tmp_path):
    """Where all environments begin at once, short episodes end first, and they are cheap."""
    limits = {"cost_limit": dict.fromkeys(TASKS, 1000.0), "multiplier_delay": dict.fromkeys(TASKS, 0.0)}
    settings = _ppo_params(
        steps={"ObjectNav": 4 * 8 * 8}, max_steps=24, rollout=8, value_warmup=0, minibatches=1, multiplier_lr=0.01, **limits
    )
    source = IteratorSource(sampling.stream(["ObjectNav"], "train", HouseOptions(), per_house=4))
    file, simulator = tmp_path / "progress.safetensors", EmbeddedSimulator(4, TINY.image_size)
    curve = train(Policy(TINY), "ppo_lagrangian", "ObjectNav", simulator, source, settings, 0, file, "").curve
    assert [row["episodes"] for row in curve[:3]] == [0, 0, 0] and all(row["episodes"] > 0 for row in curve[3:])
    assert all(math.isnan(row["cost"]) and math.isnan(row["success"]) for row in curve[:3])
    multipliers = [row["multiplier"] for row in curve]
    assert multipliers[:3] == pytest.approx([settings.multiplier_init] * 3)
    assert multipliers[3] < multipliers[2]


def test_a_token_alone_needs_no_keys():
    """A layer's result for one token that looks at others is what it gives for it among all, and so are all gradients."""
    torch.manual_seed(0)
    layer = attention.Layer(16, 4).double()
    tokens = torch.randn(5, 9, 16, dtype=torch.double, requires_grad=True)
    mask = torch.rand(5, 9, generator=torch.Generator().manual_seed(0)) > 0.4
    mask[:, 0] = True
    mask[1, 1:] = False  # sees nothing but itself
    whole, alone = layer(tokens, mask)[:, 0], layer.alone(tokens[:, 0], layer.prepared(tokens[:, 1:]), mask)
    torch.testing.assert_close(alone, whole, atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad(out.square().sum(), [tokens, *layer.parameters()]) for out in (whole, alone)]
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    query, others = tokens[:, 0], tokens[:, 1:].detach()  # of others that do not learn, too
    alone = layer.alone(query, layer.prepared(others), mask)
    of_frozen = torch.autograd.grad(alone.square().sum(), list(layer.parameters()))
    for expected, found in zip(gradients[0][1:], of_frozen, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)


def test_imitation_learns_and_resumes(tmp_path, capsys):
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.collect(EmbeddedSimulator(8), sampling.stream(["Pickup"], "train", options), 16, 0.0, 200, seed=0)
    settings = profiles.load("smoke").imitation.model_copy(
        update={"steps": 8 * 8 * 120, "n_envs": 8, "window": 8, "checkpoint_updates": 20, "lr": 3e-3}
    )
    file = tmp_path / "progress.safetensors"
    short = settings.model_copy(update={"steps": 8 * 8 * 60})
    pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, short, 0, file)
    _, curve = pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, settings, 0, file)
    assert "resumes at update 60" in capsys.readouterr().out
    assert curve["action"].tail(5).mean() < 0.7 * curve["action"].iloc[0]


def test_examples_do_not_teach_what_to_make_of_contacts():
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.collect(EmbeddedSimulator(8), sampling.stream(["Fetch"], "train", options), 16, 0.5, 60, seed=0)
    generator = torch.Generator().manual_seed(0)
    replayed = unrolls.Replay(EmbeddedSimulator(8, TINY.image_size), table, options, generator)
    window = replayed.window(40, TINY.map_size)
    assert window.observation.arm[..., 5].any(), "nobody met anything"
    assert not window.observation.felt.any()


def test_a_low_temperature_chooses_what_is_likely_and_one_leaves_it_to_chance(some_episodes):
    torch.manual_seed(0)
    model = Policy(TINY)
    with torch.no_grad():
        model.actor.bias[:3] = torch.tensor([5.0, 4.0, 3.0])
    batch = VectorEnv(EmbeddedSimulator(8, TINY.image_size), max_steps=50)
    observation = batch.start(some_episodes[:8])

    def shares(temperature: float) -> torch.Tensor:
        actor = actors.PolicyActor(model, 8, 0, temperature=temperature)
        drawn = torch.stack([actor.act(observation, batch.simulator.scene()) for _ in range(200)])
        return torch.stack([(drawn == action).float().mean() for action in range(3)])

    with torch.no_grad():
        output, _ = model.act(observation, model.new_memory(8))
    model_chances = output.logits.softmax(-1)[:, :3].mean(0)
    assert torch.allclose(shares(1.0), model_chances, atol=0.06)
    assert torch.allclose(shares(0.25), torch.tensor([20.0, 16.0, 12.0]).softmax(0), atol=0.02)


def _learn_by_heart(folder, n_updates: int, ppo_steps: int, seed: int) -> dict[str, pd.DataFrame]:
    """One episode: imitation, PPO from there, and what either policy does in 64 goes at it; `done` is decided."""
    options = HouseOptions(rooms=(1, 1))
    episode = min(itertools.islice(sampling.stream(["ObjectNav"], "train", options), 20), key=lambda e: e.path_m)
    table = demonstrations.collect(EmbeddedSimulator(8), itertools.repeat(episode), 16, 0.15, 100, seed=seed)
    smoke = profiles.load("smoke")
    settings = smoke.imitation.model_copy(update={"steps": 64 * n_updates, "n_envs": 8, "window": 8, "lr": 3e-3})
    simulator = EmbeddedSimulator(8, TINY.image_size)
    pretrained, _ = pretraining.pretrain(simulator, table, options, TINY, settings, seed, folder / f"il-{seed}.safetensors")

    def played(model: Policy) -> pd.DataFrame:
        actor = actors.PolicyActor(model, 16, seed, done_threshold=0.5)
        simulator = EmbeddedSimulator(16, TINY.image_size)
        return evaluate.evaluate(actor, simulator, [episode] * 64, 100, "", profile="", method="", seed=seed)

    rows = {"imitation": played(pretrained)}
    training = smoke.finetune.train.model_copy(
        update={
            "steps": dict.fromkeys(TASKS, ppo_steps),
            "max_steps": 60,
            "value_warmup": 512,
            "lr": 4e-4,
            "anchor_weight": 0.0,
            "entropy_weight": 0.0,
        }
    )
    learner = train(
        pretrained.train(), "ppo", "ObjectNav", EmbeddedSimulator(16, TINY.image_size), IteratorSource(itertools.repeat(episode)), training,
        seed, folder / f"ppo-{seed}.safetensors", "",
    )  # fmt: skip
    return rows | {"ppo": played(learner.policy)}


def test_one_house_is_learnt_by_heart(tmp_path):
    rows = _learn_by_heart(tmp_path, 120, 16384, 0)
    assert rows["ppo"]["success"].mean() >= 0.95
    assert rows["ppo"]["success"].mean() > rows["imitation"]["success"].mean()


def test_the_same_seed_gives_the_same_rows_bit_for_bit(tmp_path):
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
    first, again = (_learn_by_heart(tmp_path / run, 8, 1024, 0) for run in ("a", "b"))
    other = _learn_by_heart(tmp_path / "a", 8, 1024, 1)
    for name in ("imitation", "ppo"):
        pd.testing.assert_frame_equal(first[name], again[name], check_exact=True)
        assert not first[name].drop(columns="seed").equals(other[name].drop(columns="seed"))


def test_checkpoints_round_trip_and_bad_ones_are_named(tmp_path):
    torch.manual_seed(0)
    model = Policy(TINY)
    policy_files.save(model, tmp_path / "p.safetensors", steps=7, multiplier=0.25)
    back, facts = policy_files.load(tmp_path / "p.safetensors")
    assert facts["steps"] == 7 and facts["multiplier"] == 0.25 and back.config == TINY
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values(), strict=True))
    policy_files.save(model, tmp_path / "half.safetensors", half=True)
    near, _ = policy_files.load(tmp_path / "half.safetensors")
    for name, tensor in near.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], atol=1e-4, rtol=1e-3)
    whole = (tmp_path / "p.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(checkpoints.CheckpointError, match=r"cut\.safetensors"):
        policy_files.load(tmp_path / "cut.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(checkpoints.CheckpointError, match=r"text\.safetensors"):
        policy_files.load(tmp_path / "text.safetensors")
    checkpoints.save(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {"policy": TINY.model_dump()})
    with pytest.raises(checkpoints.CheckpointError, match=r"other\.safetensors: does not fit"):
        policy_files.load(tmp_path / "other.safetensors")


def test_observation_stack_keeps_every_field():
    one = _observation(1, 2).map(lambda x: x[0])
    both = Observation.stack([one, one])
    for field in dataclasses.fields(Observation):
        assert getattr(both, field.name).shape == (2, *getattr(one, field.name).shape), field.name
    assert json.dumps(TINY.model_dump())


def test_perception_targets_agree_with_slow_loops(some_episodes):
    from safevla.env import privileged_targets
    from safevla.world import catalogue
    from safevla.world.boxes import MOVEABLE

    simulator = EmbeddedSimulator(4, (20, 34))
    scene = simulator.reset(some_episodes[:4])
    ids = simulator.render_ids()
    found = privileged_targets.class_map(ids, scene, (5, 8))
    slow = torch.zeros_like(found)
    for b in range(4):
        for c, name in enumerate(CAMERAS):
            for y in range(20):
                for x in range(34):
                    slot = int(ids[name][b, y, x])
                    if slot < 0:
                        continue
                    index = int(scene.type_index[b, slot])
                    name_of_type = catalogue.TYPE_NAMES[index] if index >= 0 else ""
                    if name_of_type in privileged_targets.TARGET_CLASSES:
                        slow[b, c, privileged_targets.TARGET_CLASSES.index(name_of_type), y * 5 // 20, x * 8 // 34] = 1
                    if scene.kind[b, slot] >= MOVEABLE:
                        slow[b, c, -1, y * 5 // 20, x * 8 // 34] = 1
    assert torch.equal(found, slow) and found.any()


def test_surroundings_know_ahead_from_behind():
    from safevla.env import privileged_targets
    from tests.scenes import Thing, episode_in_room

    def around(z: float, yaw_deg: float) -> torch.Tensor:
        simulator = EmbeddedSimulator(1)
        scene = simulator.reset([episode_in_room([Thing("Book", 0.0, z)], start=(0.0, 0.0, yaw_deg), half_m=4.0)])
        rings = len(privileged_targets.RING_EDGES_M) - 1
        return privileged_targets.polar_occupancy(scene)[0].view(2, rings, privileged_targets.N_DIRECTIONS)[1]

    ahead, behind = around(0.9, 0.0), around(0.9, 180.0)
    assert ahead.sum() == 1 and ahead[2, 0] == 1
    assert behind.sum() == 1 and behind[2, privileged_targets.N_DIRECTIONS // 2] == 1
    assert around(3.0, 0.0).sum() == 0


def test_replaced_actions_go_on_and_done_is_never_replaced():
    rng = np.random.default_rng(0)
    labels, last, replaced, shares, repeats = np.full(500, 18), None, np.zeros(500, bool), [], []
    labels[:400] = 0
    for _ in range(60):
        before = last, replaced
        last, replaced = demonstrations._disturbed(labels, last, replaced, 0.2, rng)
        shares.append(replaced[:400].mean())
        assert not replaced[400:].any() and (last[400:] == 18).all()
        assert (last[~replaced] == labels[~replaced]).all()
        if before[0] is not None:
            both = before[1] & replaced
            repeats.append((last[both] == before[0][both]).mean())
    assert 0.15 < np.mean(shares[10:]) < 0.22
    assert np.mean(repeats) > 0.8  # most that follow a replaced action repeat it; the rest began anew


def test_a_restart_overwrites_the_rows_of_its_episodes_and_no_others():
    source = sampling.stream(TASKS, "train", HouseOptions(rooms=(1, 1)))
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), 100, progress_reward=1.0)
    held = batch.start(list(itertools.islice(source, 6)))
    before = held.map(torch.clone)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        outcome = batch.step(torch.randint(0, 17, (6,), generator=generator))
    after_step = outcome.observation.map(torch.clone)
    seen = batch.restart([4, 1], list(itertools.islice(source, 2)))
    again = batch.observe(batch.simulator.scene())
    for field in dataclasses.fields(Observation):
        rows, fresh, stepped = (getattr(one, field.name) for one in (seen, again, after_step))
        assert torch.equal(rows, fresh), field.name
        assert torch.equal(rows[[0, 2, 3, 5]], stepped[[0, 2, 3, 5]]), field.name
        assert torch.equal(getattr(held, field.name), getattr(before, field.name)), field.name
    assert (seen.step[[1, 4]] == 0).all() and (seen.step[[0, 2, 3, 5]] == 10).all()
    expected = remaining_m(batch.simulator.scene(), batch.goals)
    assert torch.equal(batch._remaining_m, expected)
    batch.start(list(itertools.islice(source, 6)))
    assert torch.equal(seen.pixels, again.pixels)  # `start` leaves what others hold alone


def test_houses_drawn_by_another_process_are_the_same_in_the_same_order():
    drawn = (("ObjectNav",), "train", HouseOptions(rooms=(1, 1)), 3, 0, 1, 4)
    makers = episode_workers.EpisodeWorkers(drawn, 1, "stretch")
    try:
        sources = (episode_workers.ChunkSource(makers), IteratorSource(sampling.stream(*drawn)))
        batches = [VectorEnv(EmbeddedSimulator(8), 50) for _ in sources]
        for source, batch in zip(sources, batches, strict=True):
            source.restart(batch, torch.arange(8))
        generator = torch.Generator().manual_seed(0)
        for _ in range(60):
            actions = torch.randint(0, 20, (8,), generator=generator)
            ours, theirs = (batch.step(actions) for batch in batches)
            assert torch.equal(ours.observation.pixels, theirs.observation.pixels) and torch.equal(ours.cost, theirs.cost)
            ended = ours.ended.nonzero()[:, 0]
            if len(ended):
                ours, theirs = (source.restart(batch, ended) for source, batch in zip(sources, batches, strict=True))
                assert torch.equal(ours.words, theirs.words) and torch.equal(ours.pixels, theirs.pixels)
    finally:
        makers.close()


def test_a_pool_keeps_the_newest_episodes_and_plays_them_in_turn():
    makers = episode_workers.EpisodeWorkers((("Pickup",), "train", HouseOptions(rooms=(1, 1)), 0, 0, 1, 4), 2, "stretch")
    try:
        kept = episode_workers.EpisodePool(makers, 96, 40, "cpu")
        batch = VectorEnv(EmbeddedSimulator(4), 50)
        seeds = kept._packed.arrays["seed"].clone()
        assert len(seeds.unique()) == len(kept) == 64  # whole chunks
        for turn in range(20):
            kept.restart(batch, torch.arange(4))
            rows = (torch.arange(4) + 4 * turn) % 64
            assert torch.equal(batch.simulator._array("seed"), seeds[rows])
        while kept.made < 96 + 64:
            kept.refresh()
        kept.refresh()
        assert kept.made == 96 + 64 and kept.plays == 80 / kept.made  # no more than were played, in whole chunks
        grown = kept._packed.arrays["seed"]
        assert len(grown.unique()) == len(kept) == 96
        assert not torch.isin(seeds[:32], grown).any()
    finally:
        makers.close()


def test_what_comes_before_the_constraint_is_trained_once_for_all_methods(tmp_path, monkeypatch):
    torch.manual_seed(0)
    smoke = profiles.load("smoke")
    policy_files.save(Policy(TINY), tmp_path / "start.safetensors")
    train = _ppo_params(
        steps=dict.fromkeys(TASKS, 1024), multiplier_delay=dict.fromkeys(TASKS, 0.5), multiplier_lr=0.0,
        n_envs=8, rollout=8,
    )  # fmt: skip
    simulator = smoke.simulator.model_copy(update={"n_envs": 8})
    houses_drawn = []
    training_source = episode_workers.training_source
    monkeypatch.setattr(training_jobs, "training_source", lambda *given: houses_drawn.append(given[4]) or training_source(*given))

    def kept(job: TrainingJob) -> TrainingJob:
        folder = tmp_path / job.label
        folder.mkdir()
        return job.kept_in(folder)

    given = {"train": train, "houses": smoke.houses, "simulator": simulator}
    jobs = [TrainingJob(method, tmp_path / "start.safetensors", method, "ObjectNav", 0, **given) for method in ppo.METHODS]
    firsts = [one.unconstrained("first") for one in jobs]
    assert firsts == [firsts[0]] * 3
    first = kept(firsts[0])
    later = [kept(dataclasses.replace(one, follows=first.learner)) for one in jobs]
    run_all([first], 1)
    assert first.is_finished and not first.policy.exists()
    run_all(later, 1)
    run_all([first, *later], 1)  # nothing is left to do
    assert houses_drawn[0] != houses_drawn[1] and len(houses_drawn) == 4 and len(set(houses_drawn[1:])) == 1
    curves = {one.method: pd.read_csv(one.curve) for one in later}
    for method, used in (("ppo", 0.0), ("ppo_shaped", train.fixed_penalty), ("ppo_lagrangian", train.multiplier_init)):
        curve = curves[method]
        assert curve["steps"].tolist() == list(range(64, 1025, 64))
        pd.testing.assert_frame_equal(curve[:8], curves["ppo"][:8], check_exact=True)
        assert curve["multiplier"].tolist() == pytest.approx([0.0] * 8 + [used] * 8)
    assert not curves["ppo"]["loss_policy"].equals(curves["ppo_shaped"]["loss_policy"])


def test_jobs_take_a_core_each_and_the_longest_begins(tmp_path, monkeypatch):
    smoke = profiles.load("smoke")
    train = _ppo_params(
        steps={"ObjectNav": 1200, "Pickup": 660, "Fetch": 1200}, multiplier_delay={"ObjectNav": 0.5, "Pickup": 0.2, "Fetch": 0.0}
    )
    given = {"train": train, "houses": smoke.houses, "simulator": smoke.simulator}
    jobs = [TrainingJob(f"{task} {method}", tmp_path, method, task, 0, **given) for task in TASKS for method in ppo.METHODS]
    jobs = [dataclasses.replace(job, folder=tmp_path / job.label, follows=tmp_path) for job in jobs]
    assert {job.task: job.n_steps for job in jobs} == {"ObjectNav": 600, "Pickup": 528, "Fetch": 1200}
    assert dataclasses.replace(jobs[0], follows=None).unconstrained("").n_steps == 600
    jobs[0].folder.mkdir()
    jobs[0].policy.touch()  # finished before
    begun = []
    monkeypatch.setattr(workers, "run", lambda run, waiting, at_a_time: begun.append((list(waiting), at_a_time)) or [])
    run_all(jobs, 2)
    assert [[job.task for job in waiting] for waiting, _ in begun] == [["Fetch"] * 3 + ["ObjectNav"] * 2 + ["Pickup"] * 3]
    assert begun[0][1] == 2
    assert [side_by_side(smoke.simulator, ranks, 4) for ranks in (1, 2, 4, 8)] == [4, 2, 1, 1]
    assert side_by_side(smoke.simulator.model_copy(update={"device": "cuda"}), 1, 4) == 1


def test_what_a_job_follows_from_is_what_its_method_and_task_use():
    smoke = profiles.load("smoke")
    train = smoke.finetune.train

    def facts(method: str, **changes) -> dict:
        given = {"train": train.model_copy(update=changes), "houses": smoke.houses, "simulator": smoke.simulator}
        return facts(TrainingJob("", Path("start"), method, "Pickup", 0, **given))

    other_limit = {"cost_limit": train.cost_limit | {"Pickup": 9.0}}
    assert facts("ppo") == facts("ppo", **other_limit) != facts("ppo", lr=1.0)
    assert facts("ppo_lagrangian") != facts("ppo_lagrangian", **other_limit)
    assert facts("ppo_lagrangian") == facts("ppo_lagrangian", cost_limit=train.cost_limit | {"Fetch": 9.0}, fixed_penalty=7.0)
    assert facts("ppo_shaped") != facts("ppo_shaped", fixed_penalty=7.0)
    unused = set(train.model_dump()) - set(facts("ppo")["train"])
    assert unused == set(_PART_OF_METHOD)
    assert json.dumps(facts("ppo"))


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


def test_what_motions_would_touch_agrees_with_a_search_for_contacts(some_episodes):
    """Against `reach.would_touch`, which goes in smaller steps, on robots that carry their arm close."""
    from safevla.env import privileged_targets
    from safevla.sim import collision_check
    from safevla.sim.body import is_tucked
    from safevla.world.boxes import FIXED, PICKUPABLE

    simulator = EmbeddedSimulator(16, TINY.image_size)
    simulator.reset(some_episodes[:16])
    generator = torch.Generator().manual_seed(4)
    agree, met = [], 0
    for _ in range(40):
        actions = torch.randint(0, 12, (16,), generator=generator)
        scene = simulator.step(actions.where(actions < 6, 0)).after  # ahead, most of the time
        found = privileged_targets.contact_targets(scene).view(16, 2, N_BASE_MOTIONS).bool()
        for e in range(0, 16, 3):
            n, state = int(scene.n_boxes[e]), scene.robot[e].numpy()
            pose, half = (collision_check.with_scratch(array[e, :n].numpy()) for array in (scene.pose, scene.half))
            assert is_tucked(state)
            for action in range(N_BASE_MOTIONS):
                solid, anything = (
                    collision_check.would_touch(action, state, -1, -1, kind, pose, half, scene.kind[e].numpy(), n) >= 0
                    for kind in (FIXED, PICKUPABLE)
                )
                agree += [bool(found[e, 0, action]) == solid, bool(found[e, :, action].any()) == anything]
                met += anything
    assert np.mean(agree) > 0.99 and met > 50


def test_foresight_moves_the_motions_logits_alone():
    torch.manual_seed(0)
    policy = Policy(TINY.model_copy(update={"foresight": True})).eval()
    observation, memory = _observation(1, 3), policy.new_memory(3)
    first = observation.map(lambda t: t[0])
    first = dataclasses.replace(first, blocked=torch.zeros_like(first.blocked))
    before, _ = policy.act(first, memory.clone())
    with torch.no_grad():
        policy.caution[1, 0] = -0.2  # careful about loose things ahead
    after, _ = policy.act(first, memory.clone())
    chance = after.touch_logits[:, 6].sigmoid()
    assert torch.allclose(after.logits[:, 0], before.logits[:, 0] - 4.0 * chance, atol=1e-5)
    assert torch.equal(after.logits[:, 1:], before.logits[:, 1:])


def _informed() -> Policy:
    torch.manual_seed(0)
    return Policy(TINY.model_copy(update={"informed_critics": True}))


def test_informed_critics_are_told_the_truth_and_the_actor_is_not(some_episodes):
    from safevla.env import privileged_targets

    model = _informed().eval()
    batch = VectorEnv(EmbeddedSimulator(8, TINY.image_size), max_steps=50)
    observation = batch.start(some_episodes[:8])
    truth = privileged_targets.privileged_targets(batch.simulator, batch.goals, None)
    other = truth.map(lambda x: x.roll(1, 0))
    outputs = [model.act(observation, model.new_memory(8), said)[0] for said in (truth, other, None)]
    for output in outputs[1:]:
        assert torch.equal(output.logits, outputs[0].logits)
    for critic in ("value", "cost_value"):
        told, misled, untold = (getattr(output, critic) for output in outputs)
        assert told.isfinite().all() and (told != misled).all() and untold.isnan().all()


def test_informed_critics_value_every_step_of_a_rollout_by_its_own_truth():
    """Also the last observation of an episode that is cut off, whose environment begins another one at once."""
    from safevla.env import privileged_targets

    model = _informed()
    batch = VectorEnv(EmbeddedSimulator(6, TINY.image_size), max_steps=7)
    source = IteratorSource(sampling.stream(TASKS, "train", HouseOptions()))
    collector = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=True)
    asked, ends = [], []
    act, step = model.act, batch.step
    model.act = lambda observation, memory, truth: asked.append((observation, truth)) or act(observation, memory, truth)

    def watched(action):
        outcome = step(action)
        truth = privileged_targets.privileged_targets(batch.simulator, batch.goals, None)
        ends.append(truth.map(lambda x: x[outcome.truncated]))
        return outcome

    batch.step = watched
    rollout, _ = collector.collect(model, 20)
    with torch.no_grad():
        output, _ = model(rollout.observation, rollout.starts, rollout.memory, rollout.percept, rollout.truth)
    torch.testing.assert_close(output.value, rollout.value, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.cost_value, rollout.cost_value, atol=1e-4, rtol=0)
    assert rollout.next_value.isfinite().all() and rollout.final_value.isfinite().all()
    left, told = asked[-1]
    assert rollout.truncated.any() and len(left.step) == int(rollout.truncated.sum()) and (left.step == 7).all()
    assert torch.equal(
        privileged_targets.privileged_features(told),
        privileged_targets.privileged_features(privileged_targets.PrivilegedTargets.cat(ends)),
    )


def test_places_are_those_of_a_search_through_all_boxes(some_episodes):
    from safevla.env import privileged_targets

    simulator = EmbeddedSimulator(16, TINY.image_size)
    simulator.reset(some_episodes[:16])
    goals = Goals.of([e.task for e in some_episodes[:16]], [e.target_type for e in some_episodes[:16]])
    generator = torch.Generator().manual_seed(2)
    n_seen = n_unseen = 0
    for _ in range(20):
        scene = simulator.step(torch.randint(0, 6, (16,), generator=generator)).after
        found = privileged_targets.target_positions_m(scene, goals)
        for e in range(16):
            x, z, yaw = float(scene.robot[e, 0]), float(scene.robot[e, 1]), math.radians(float(scene.robot[e, 2]))
            candidates = {True: [], False: []}
            for m in range(int(scene.n_boxes[e])):
                if scene.type_index[e, m] == goals.target_type[e]:
                    to_x, to_z = float(scene.pose[e, m, 0]) - x, float(scene.pose[e, m, 2]) - z
                    right = to_x * math.cos(yaw) - to_z * math.sin(yaw)
                    forward = to_x * math.sin(yaw) + to_z * math.cos(yaw)
                    candidates[bool(scene.visible[e, :, m].any())].append((right, float(scene.pose[e, m, 1]), forward))
            nearest = [
                min(some, key=lambda place: math.hypot(place[0], place[2]), default=(math.nan,) * 3)
                for some in (candidates[True], candidates[True] + candidates[False])
            ]
            np.testing.assert_allclose(found[e].numpy(), nearest, atol=1e-4)
            n_seen, n_unseen = n_seen + bool(candidates[True]), n_unseen + (not candidates[True])
    assert n_seen > 20 and n_unseen > 20
