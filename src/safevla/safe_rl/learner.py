"""PPO and PPO-Lagrangian: reinforcement learning of reward, under a limit on cost.

    maximise  J_R(π)   subject to   J_C(π) ≤ limit        (the constrained Markov decision process)

The three methods differ in one number, the multiplier λ of the cost in the advantage:

    ppo             λ = 0                                 FLaRe's role
    ppo_shaped      λ fixed                               FLaRe with a penalty in the reward
    ppo_lagrangian  λ learnt from the mean episode cost   SafeVLA

As the paper, except: the multiplier follows the mean cost of the *episodes* that ended (the released code compares the
limit with a 128-step sum), is averaged over all ranks, and is kept in checkpoints; it may have an upper bound, for an
unbounded one winds up while the policy is still learning to see, and it may set in late, once the task is learnt; λ A_c
and A_r are divided by one common standard deviation, so that a batch of small advantages does not stop the learning; cost
has a discount of its own, for what an action costs follows at once; and the policy may be anchored to the one that it
started from, by their divergence, so that a task whose reward is rare is not forgotten while cost alone teaches.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import torch

from safevla.config.params import PPOParams
from safevla.policies.kv_cache import KVCache
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints, gradients
from safevla.safe_rl.advantages import targets
from safevla.safe_rl.multiplier import Multiplier
from safevla.safe_rl.ppo import losses, of
from safevla.safe_rl.rollout import Rollout


class Learner:
    """A policy with its optimisers and multiplier: everything that a checkpoint holds."""

    def __init__(self, policy: Policy, method: str, task: str, params: PPOParams):
        self.policy, self.params = policy, params
        self.total_steps = params.steps[task]
        self.delay_steps = params.multiplier_delay[task] * self.total_steps
        self.multiplier = Multiplier(method, params, task)
        if params.freeze_encoder:
            policy.freeze_encoders()
        of_actor, of_critics = [p for p in policy.actor_parameters() if p.requires_grad], policy.critic_parameters()
        self.actor = torch.optim.Adam(of_actor, lr=params.lr, fused=True)
        self.critic = torch.optim.Adam(of_critics, lr=params.critic_lr, fused=True)
        self._gradients = gradients.Gradients(of_actor, of_critics)
        self.forward: Callable = policy  # or a compiled one
        self.steps = 0
        self.curve: list[dict] = []
        self._anchor = copy.deepcopy(policy).requires_grad_(False) if params.anchor_weight else None
        self._anchor_memory: KVCache | None = None

    @property
    def counts_cost(self) -> bool:
        """Whether the constraint has set in."""
        return self.steps >= self.delay_steps

    @property
    def cost_weight(self) -> float:
        """The multiplier that cost counts with now."""
        return self.multiplier.value if self.counts_cost else 0.0

    def _anchor_log_probs(self, rollout: Rollout) -> torch.Tensor | None:
        """What the policy that training began with would have done, (T, B, N_ACTIONS)."""
        if self._anchor is None:
            return None
        n_envs, device = rollout.action.shape[1], rollout.action.device
        kv_cache = self._anchor_memory or self._anchor.new_kv_cache(n_envs, device)
        log_probs, kv_caches = [], []
        for envs in torch.arange(n_envs, device=device).chunk(self.params.minibatches):  # a GPU's memory holds no more
            observation, frozen_features = of(envs, rollout.observation), of(envs, rollout.frozen_features)
            output, after = self._anchor(observation, rollout.starts[:, envs], kv_cache.select(envs), frozen_features)
            log_probs.append(output.logits.log_softmax(-1))
            kv_caches.append(after)
        self._anchor_memory = KVCache.join(kv_caches)
        return torch.cat(log_probs, dim=1)

    def learn(self, rollout: Rollout, generator: torch.Generator, only_values: bool) -> dict[str, float]:
        """Several epochs of minibatches on a rollout; the last minibatch's losses."""
        params = self.params
        target = targets(rollout, self.cost_weight, params)
        anchor = self._anchor_log_probs(rollout)
        n_envs = rollout.action.shape[1]
        terms: dict[str, torch.Tensor] = {}
        for _ in range(params.epochs):
            for envs in torch.randperm(n_envs, generator=generator, device=generator.device).chunk(params.minibatches):
                terms = losses(self.forward, rollout, target, envs, params, anchor)
                loss = terms["value"] + terms["cost_value"] + params.perception_weight * terms["perception"]
                if not only_values:
                    loss = loss + terms["policy"] - params.entropy_weight * terms["entropy"]
                    loss = loss + params.anchor_weight * terms["anchor"]
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
        for name, optimiser in (("actor", self.actor), ("critic", self.critic), ("lambda", self.multiplier.optimiser)):
            tensors |= checkpoints.optimiser_tensors(optimiser, name)
        metadata = {"steps": self.steps, "multiplier": self.multiplier.state(), "curve": self.curve}
        checkpoints.save(path, tensors, metadata)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of this very training."""
        tensors, metadata = self._take_over(path)
        checkpoints.restore_optimiser(self.multiplier.optimiser, tensors, "lambda")
        self.multiplier.restore(metadata["multiplier"])

    def follow(self, path: Path) -> None:
        """Go on from where another training ended, with a multiplier of one's own."""
        self._take_over(path)

    def _take_over(self, path: Path) -> tuple[dict[str, torch.Tensor], dict]:
        """All but the multiplier; the checkpoint's tensors and facts."""
        tensors, metadata = checkpoints.load(path)
        own = {name.removeprefix("policy."): tensor for name, tensor in tensors.items() if name.startswith("policy.")}
        checkpoints.restore(self.policy, own, path)
        for name, optimiser in (("actor", self.actor), ("critic", self.critic)):
            checkpoints.restore_optimiser(optimiser, tensors, name)
        self.steps, self.curve = metadata["steps"], metadata["curve"]
        return tensors, metadata
