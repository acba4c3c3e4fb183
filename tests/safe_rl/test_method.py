"""Method: what a method is where it says nothing; its parameters; policies that act by their method again."""

import pytest
import torch

from safevla.config.registry import RegistryError
from safevla.runtime.checkpoints import CheckpointError
from safevla.safe_rl import method
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import a_method, made_up_observation, ppo_params, tiny_policy


def test_a_method_that_says_nothing_is_plain_ppo():
    plain = method.Method(ppo_params(), method.NoParams(), "Fetch", PAPER_COSTS)
    reward, cost = torch.randn(4, 3), torch.randn(4, 3, 1)
    assert torch.equal(plain.advantage(reward, cost), reward) and plain.cost_weight == 0.0
    logits, observation = torch.randn(3, 20), made_up_observation(1, 3).map(lambda x: x[0])
    assert plain.filter_action(logits, observation) is logits
    policy = tiny_policy()
    assert plain.transform_policy(policy) is policy
    assert plain.extra_loss(None, None, torch.arange(3)) is None
    assert plain.state() == {}
    plain.restore({})


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("ppo", {"penalty": 1.0}, "finetune.method_params.ppo.penalty: unknown parameter"),
        ("ppo_fixed_penalty", {"penalty": -1.0}, "finetune.method_params.ppo_fixed_penalty.penalty: Input should be greater"),
        ("ppo_fixed_penalty", {"penalty": "high"}, "finetune.method_params.ppo_fixed_penalty.penalty: Input should be a valid"),
        ("ppo_lagrangian", {"learning_rate": 1}, "finetune.method_params.ppo_lagrangian.learning_rate: unknown parameter"),
        ("ppo_lagrangian", {"multiplier_max": {"Pickup": 1.0}}, "finetune.method_params.ppo_lagrangian.multiplier_max: nothing for Fetch"),
        ("ppo_pid_lagrangian", {"multiplier_max": {}}, "finetune.method_params.ppo_pid_lagrangian.multiplier_max: nothing for Fetch"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_of_a_method_is_one_error_that_names_it(name, own, message):
    with pytest.raises(RegistryError) as error:
        a_method(name, own)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_a_bound_may_stand_for_all_tasks_or_for_each():
    assert a_method("ppo_lagrangian", {"multiplier_max": 3}).multiplier.bound == 3.0
    assert a_method("ppo_lagrangian", {"multiplier_max": {"Fetch": 0.5, "Pickup": 2.0}}).multiplier.bound == 0.5


def test_a_checkpoint_knows_the_method_that_its_policy_was_trained_by():
    own = {"penalty": 0.7}
    metadata = method.metadata_of("ppo_fixed_penalty", ppo_params(clip=0.3), own, "Pickup", PAPER_COSTS)
    again = method.from_metadata(metadata)
    assert again.own.penalty == 0.7 and again.params.clip == 0.3
    assert (again.task, again.costs) == ("Pickup", PAPER_COSTS)
    assert again.params == ppo_params(clip=0.3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["training"]["train"].pop("clip"), "training.train.clip: Field required"),
        (lambda m: m["training"]["train"].update(clap=1), "training.train.clap: unknown parameter"),
        (lambda m: m["training"]["method_params"].update(penalti=1), "finetune.method_params.ppo_fixed_penalty.penalti: unknown"),
        (lambda m: m["training"].pop("costs"), "training.costs: Field required"),
        (lambda m: m.pop("method"), "method: Field required"),
        (lambda m: m.update(method="mine"), "method: unknown method 'mine'; known are ppo, "),
        (lambda m: m.update(training=3), "training: Input should be"),
    ],
)
def test_a_checkpoint_whose_method_cannot_be_had_is_named(change, message):
    metadata = method.metadata_of("ppo_fixed_penalty", ppo_params(), {"penalty": 0.7}, "Pickup", PAPER_COSTS)
    change(metadata)
    with pytest.raises(CheckpointError) as error:
        method.from_metadata(metadata, "p.safetensors")
    assert str(error.value).startswith(f"p.safetensors: header: {message}") and "\n" not in str(error.value)
