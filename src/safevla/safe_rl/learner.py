"""Learner: a policy, its optimisers and its method; several epochs of minibatches on a rollout.

As the paper, except: the constraint may set in late, once the task is learnt; λ A_c and A_r are divided by one common standard
deviation, so that a batch of small advantages does not stop the learning; and cost has a discount of its own, for what an action
costs follows at once.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from safevla.config.params import PPOParams
from safevla.env.observations import Observation
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints, gradients
from safevla.safe_rl.advantages import targets
from safevla.safe_rl.method import Method
from safevla.safe_rl.ppo import losses
from safevla.safe_rl.rollout import EndedEpisode, Rollout


class Learner:
    """Everything that a checkpoint holds."""

    def __init__(self, policy: Policy, method: Method, params: PPOParams):
        self.method, self.params = method, params
        self.policy = policy = method.transform_policy(policy)
        self.total_steps = params.steps[method.task]
        self.delay_steps = params.multiplier_delay[method.task] * self.total_steps
        if params.freeze_encoder:
            policy.freeze_encoders()
        of_actor, of_critics = [p for p in policy.actor_parameters() if p.requires_grad], policy.critic_parameters()
        self.actor = torch.optim.Adam(of_actor, lr=params.lr, fused=True)
        self.critic = torch.optim.Adam(of_critics, lr=params.critic_lr, fused=True)
        self._gradients = gradients.Gradients(of_actor, of_critics)
        self.forward: Callable = policy  # or a compiled one
        self.steps = 0
        self.curve: list[dict] = []

    @property
    def counts_cost(self) -> bool:
        """Whether the constraint has set in."""
        return self.steps >= self.delay_steps

    @property
    def cost_weight(self) -> float:
        """How much cost counts now beside reward."""
        return self.method.cost_weight if self.counts_cost else 0.0

    def after_rollout(self, rollout: Rollout, ended: Sequence[EndedEpisode]) -> None:
        """Let the method see a rollout, once the constraint has set in."""
        if self.counts_cost:
            self.method.after_rollout(rollout, ended)

    @property
    def filters(self) -> bool:
        """Whether the method has a filter of actions of its own."""
        return type(self.method).filter_action is not Method.filter_action

    def filter_action(self, logits: torch.Tensor, observation: Observation) -> torch.Tensor:
        """(B, N_ACTIONS) logits to act by in training: the method's, once the constraint has set in."""
        return self.method.filter_action(logits, observation) if self.counts_cost else logits

    def learn(self, rollout: Rollout, generator: torch.Generator, only_values: bool) -> dict[str, float]:
        """Several epochs of minibatches on a rollout; the last minibatch's losses."""
        params = self.params
        target = targets(rollout, self.method.advantage if self.counts_cost else _reward_alone, params)
        n_envs = rollout.action.shape[1]
        terms: dict[str, torch.Tensor] = {}
        for _ in range(params.epochs):
            for envs in torch.randperm(n_envs, generator=generator, device=generator.device).chunk(params.minibatches):
                terms, output = losses(self.forward, rollout, target, envs, params)
                loss = terms["value"] + terms["cost_value"] + params.perception_weight * terms["perception"]
                if not only_values:
                    loss = loss + terms["policy"] - params.entropy_weight * terms["entropy"]
                    extra = self.method.extra_loss(output, rollout, envs) if self.counts_cost else None
                    if extra is not None:
                        loss = loss + extra
                        terms["extra"] = extra
                self._gradients.clear()
                loss.backward()
                self._gradients.average()
                self._gradients.clip(params.max_grad_norm)
                self.critic.step()
                if not only_values:
                    self.actor.step()
        return {name: term.item() for name, term in terms.items()}

    def save(self, path: Path) -> None:
        tensors = {f"policy.{name}": tensor for name, tensor in self.policy.state_dict().items()}
        tensors |= {f"method.{name}": tensor for name, tensor in self.method.state().items()}
        for name, optimiser in (("actor", self.actor), ("critic", self.critic)):
            tensors |= checkpoints.optimiser_tensors(optimiser, name)
        checkpoints.save(path, tensors, {"steps": self.steps, "curve": self.curve})

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of this very training."""
        tensors = self._take_over(path)
        self.method.restore(_part(tensors, "method."))

    def follow(self, path: Path) -> None:
        """Go on from where another training ended, with a method of one's own."""
        self._take_over(path)

    def _take_over(self, path: Path) -> dict[str, torch.Tensor]:
        """All but the method's state; the checkpoint's tensors."""
        tensors, metadata = checkpoints.load(path)
        checkpoints.restore(self.policy, _part(tensors, "policy."), path)
        for name, optimiser in (("actor", self.actor), ("critic", self.critic)):
            checkpoints.restore_optimiser(optimiser, tensors, name, path)
        self.steps, self.curve = metadata["steps"], metadata["curve"]
        return tensors


def _reward_alone(reward: torch.Tensor, cost: torch.Tensor) -> torch.Tensor:
    """The advantage before the constraint sets in."""
    return reward


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin like that, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
