"""Method: what a safe-RL method may decide; the hooks, and what they do where a method says nothing.

A method is a file in `safe_rl/methods`. It has a LABEL, a COLOUR, and a class `Method` that derives from the one here and
overrides the hooks that it needs. The base is plain PPO: cost is measured and does not count.

    transform_policy   once, before training
    filter_action      at every step, in training and in evaluation
    after_rollout      once a rollout, before learning from it
    advantage          once a rollout: A_r and A_c become one number a step
    extra_loss         once a minibatch
    state, restore     with every checkpoint

Until the constraint sets in (`multiplier_delay`), training asks for none of them but the first and the last, for all methods
share that part. A method that reads `cost_limit` says so: `USES = ("cost_limit",)`; others are not trained again for another one.

Costs reach a method as components (T, B, K). `per_component` asks for a cost critic with an output for each, and so for an
advantage for each; else there is one, of their sum.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pydantic
import torch

from safevla.config import params as parameters
from safevla.config.faults import first_fault
from safevla.config.params import PPOParams
from safevla.config.registry import METHODS, RegistryError
from safevla.env.observations import Observation
from safevla.policies.outputs import PolicyOutput
from safevla.policies.vla import Policy, with_cost_heads
from safevla.runtime.checkpoints import CheckpointError
from safevla.safe_rl.rollout import EndedEpisode, Rollout


class NoParams(pydantic.BaseModel, extra="forbid", frozen=True):
    """The parameters of a method that has none of its own."""


class Method:
    """One method at work on one task."""

    Params: ClassVar[type[pydantic.BaseModel]] = NoParams  # its own parameters, the group `finetune.method_params.<name>`
    per_component: ClassVar[bool] = False

    def __init__(self, params: PPOParams, own: Any, task: str, costs: Sequence[str]):
        """params: what all methods share; own: this one's `Params`; costs: the names of the K components."""
        self.params, self.own, self.task, self.costs = params, own, task, tuple(costs)

    def of_task(self, name: str) -> float:
        """An own parameter that is one number, or one for each task. Raises RegistryError where there is none for this task."""
        value = getattr(self.own, name)
        if not isinstance(value, Mapping):
            return value
        if self.task not in value:
            method = type(self).__module__.rpartition(".")[2]
            raise RegistryError(f"finetune.method_params.{method}.{name}: nothing for {self.task}")
        return value[self.task]

    @property
    def cost_weight(self) -> float:
        """How much cost counts now beside reward, for the training curve."""
        return 0.0

    def advantage(self, reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
        """(T, B) from the advantages of reward (T, B) and of cost (T, B, K), or (T, B, 1) of its sum."""
        return reward

    def after_rollout(self, rollout: Rollout, ended: Sequence[EndedEpisode]) -> None:
        """See a rollout and the episodes that ended in it."""

    def extra_loss(self, output: PolicyOutput, rollout: Rollout, envs: torch.Tensor) -> torch.Tensor | None:
        """() to be added to a minibatch's loss; output (T, n, …) is the policy's on environments envs (n,)."""
        return None

    def filter_action(self, logits: torch.Tensor, observation: Observation) -> torch.Tensor:
        """(B, N_ACTIONS) logits to act by, from the policy's and what the robot sees.

        An action that has failed in its place stands at −1e4 in the policy's. What must not be done stands further down.
        """
        return logits

    def transform_policy(self, policy: Policy) -> Policy:
        """The policy to train, from the one that imitation left."""
        return with_cost_heads(policy, len(self.costs) if self.per_component else 1)

    @classmethod
    def reshapes(cls) -> bool:
        """Whether it trains a policy of another form than PPO's, and so cannot go on from where PPO has got to."""
        return cls.per_component or cls.transform_policy is not Method.transform_policy

    def state(self) -> dict[str, torch.Tensor]:
        """What a checkpoint keeps of the method."""
        return {}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take back what `state` gave."""


class _Training(pydantic.BaseModel):
    train: PPOParams
    method_params: dict[str, Any]
    costs: list[str]


class _TrainedPolicy(pydantic.BaseModel):
    """What `metadata_of` writes, beside other things."""

    method: parameters.Method
    task: parameters.Task
    training: _Training


def own_params(name: str, values: Mapping[str, Any]) -> pydantic.BaseModel:
    """A method's own parameters from plain data. Raises RegistryError naming the parameter that is wrong."""
    try:
        return METHODS.load(name).Method.Params.model_validate(dict(values))
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(["finetune.method_params", name, *map(str, fault["loc"])])
        message = "unknown parameter" if fault["type"] == "extra_forbidden" else fault["msg"]
        raise RegistryError(f"{where}: {message}") from None


def make_method(name: str, params: PPOParams, values: Mapping[str, Any], task: str, costs: Sequence[str]) -> Method:
    """The method of that name; values: its own parameters as plain data."""
    return METHODS.load(name).Method(params, own_params(name, values), task, costs)


def metadata_of(name: str, params: PPOParams, values: Mapping[str, Any], task: str, costs: Sequence[str]) -> dict[str, Any]:
    """What a policy's checkpoint says of how it was trained, so that its method can act again."""
    training = {"train": params.model_dump(mode="json"), "method_params": dict(values), "costs": list(costs)}
    return {"method": name, "task": task, "training": training}


def from_metadata(metadata: Mapping[str, Any], source: str | Path = "checkpoint") -> Method:
    """The method that a checkpoint's metadata names. Raises CheckpointError naming `source` and what is wrong."""
    try:
        facts = _TrainedPolicy.model_validate(dict(metadata))
        training = facts.training
        return make_method(facts.method, training.train, training.method_params, facts.task, training.costs)
    except pydantic.ValidationError as error:
        raise CheckpointError(f"{source}: header: {first_fault(error)}") from None
    except RegistryError as error:
        raise CheckpointError(f"{source}: header: {error}") from None
