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
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional

from safevla.config.params import PPOParams
from safevla.env import privileged_targets
from safevla.env.vector_env import Batch
from safevla.policies.vla import Memory, Policy, perception_loss
from safevla.runtime import checkpoints, ranks
from safevla.runtime.progress import Progress
from safevla.safe_rl.rollout import Collector, Ended, Rollout, Source
from safevla.sim.interface import Simulator

METHODS = ("ppo", "ppo_shaped", "ppo_lagrangian")


def gae(
    signal: torch.Tensor,
    value: torch.Tensor,
    next_value: torch.Tensor,
    final_value: torch.Tensor,
    terminated: torch.Tensor,
    truncated: torch.Tensor,
    gamma: float,
    lam: float,
) -> torch.Tensor:
    """Generalised advantage estimates, (T, B), of a reward or a cost (arXiv 1506.02438, eq. 16).

    signal, value, terminated, truncated (T, B); next_value (B,) after the last step; final_value (T, B) the value of
    what a truncated episode ended with. A terminated episode is worth nothing afterwards; a truncated one what its last
    observation promised. No advantage flows from one episode into another.
    """
    advantage = torch.zeros_like(signal)
    ended = terminated | truncated
    following, running = next_value, torch.zeros_like(next_value)
    for t in reversed(range(len(signal))):
        after = torch.where(ended[t], torch.where(truncated[t], final_value[t], 0.0), following)
        delta = signal[t] + gamma * after - value[t]  # δ_t = r_t + γ V(s_{t+1}) − V(s_t)
        running = delta + gamma * lam * running * ~ended[t]
        advantage[t] = running
        following = value[t]
    return advantage


class Multiplier:
    """λ ≥ 0: rises while episodes cost more than the limit, falls while they cost less; clamped at an upper bound too.

    Two rules: `adam`, the paper's, a step of Adam on −λ (J_C − limit) (SafeVLA, eq. 6), and `pid`, where
    λ = K_P (J_C − limit) + Σ K_I (J_C − limit) + K_D (rise of J_C), each share clamped (arXiv 2007.03964, alg. 2).
    """

    def __init__(self, method: str, params: PPOParams, task: str):
        self.learnt = method == "ppo_lagrangian"
        initial = {"ppo": 0.0, "ppo_shaped": params.fixed_penalty, "ppo_lagrangian": params.multiplier_init}[method]
        self._value = torch.nn.Parameter(torch.tensor(float(initial)))
        self.optimiser = torch.optim.Adam([self._value], lr=params.multiplier_lr)
        self.limit, self.bound, self.params = params.cost_limit[task], params.multiplier_max[task], params
        self._integral, self._last_cost = float(initial), math.inf

    @property
    def value(self) -> float:
        return self._value.item()

    def update(self, mean_episode_cost: float) -> None:
        """One step from the mean cost of the episodes that ended; nothing if none did (NaN)."""
        if not self.learnt or math.isnan(mean_episode_cost):
            return
        excess = mean_episode_cost - self.limit
        if self.params.multiplier_rule == "adam":
            self.optimiser.zero_grad()
            (-self._value * excess).backward()
            self.optimiser.step()
        else:
            gains = self.params.multiplier_pid
            self._integral = min(max(self._integral + gains.integral * excess, 0.0), self.bound)
            rise = max(mean_episode_cost - self._last_cost, 0.0)
            self._last_cost = mean_episode_cost
            with torch.no_grad():
                self._value.fill_(gains.proportional * excess + self._integral + gains.derivative * rise)
        with torch.no_grad():
            self._value.clamp_(0.0, self.bound)

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps besides the optimiser."""
        return {"value": self.value, "integral": self._integral, "last_cost": self._last_cost}

    def restore(self, state: dict[str, float]) -> None:
        with torch.no_grad():
            self._value.fill_(state["value"])
        self._integral, self._last_cost = state["integral"], state["last_cost"]


@dataclasses.dataclass(frozen=True)
class Targets:
    """What a rollout teaches."""

    advantage: torch.Tensor  # (T, B)
    value: torch.Tensor  # (T, B)
    cost_value: torch.Tensor  # (T, B)
    n_placed: torch.Tensor  # (), of `perception.n_placed`


def targets(rollout: Rollout, multiplier: float, params: PPOParams) -> Targets:
    """Advantages and value targets of a rollout."""
    ends, lam = (rollout.terminated, rollout.truncated), params.gae_lambda
    step_cost = rollout.cost.sum(-1)
    reward_advantage = gae(rollout.reward, rollout.value, rollout.next_value, rollout.final_value, *ends, params.gamma, lam)
    cost_advantage = gae(
        step_cost, rollout.cost_value, rollout.next_cost_value, rollout.final_cost_value, *ends, params.cost_gamma, lam
    )
    # A = (A_r − λ A_c) / (1 + λ)                                                      SafeVLA, eq. 7
    advantage = (reward_advantage - multiplier * cost_advantage) / (1.0 + multiplier)
    # where hardly anything was won or lost, dividing by the standard deviation would blow noise up
    advantage = ranks.standardised(advantage, params.advantage_scale_min)
    values = (reward_advantage + rollout.value, cost_advantage + rollout.cost_value)
    return Targets(advantage, *values, privileged_targets.n_placed(rollout.truth))


def _of(envs: torch.Tensor, of_all):
    """Some environments' share of an Observation, Percept or Truth (T, B, …); None of None."""
    return None if of_all is None else of_all.map(lambda t: t[:, envs])


def losses(
    policy: Callable, rollout: Rollout, target: Targets, envs: torch.Tensor, params: PPOParams, anchor: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """PPO's losses on some environments' whole sequences, envs (n,) int64.

    anchor (T, B, N_ACTIONS): log-probabilities of the policy to stay near, if there is one.
    """
    observation, percept, truth = _of(envs, rollout.observation), _of(envs, rollout.percept), _of(envs, rollout.truth)
    output, _ = policy(observation, rollout.starts[:, envs], rollout.memory.select(envs), percept, truth)
    log_probs = output.logits.log_softmax(-1)
    log_prob = log_probs.gather(-1, rollout.action[:, envs, None])[..., 0]
    ratio = (log_prob - rollout.log_prob[:, envs]).exp()
    advantage = target.advantage[:, envs]
    clipped = ratio.clamp(1.0 - params.clip, 1.0 + params.clip)
    apart = advantage.new_zeros(()) if anchor is None else (log_probs.exp() * (log_probs - anchor[:, envs])).sum(-1).mean()
    return {
        "policy": -torch.minimum(ratio * advantage, clipped * advantage).mean(),
        "value": functional.smooth_l1_loss(output.value, target.value[:, envs]),
        "cost_value": functional.smooth_l1_loss(output.cost_value, target.cost_value[:, envs]),
        "anchor": apart,  # KL(π ‖ π₀)
        "entropy": -(log_probs.exp() * log_probs).sum(-1).mean(),
        "perception": perception_loss(output, truth, target.n_placed * len(envs) / rollout.action.shape[1]),
        "clipped": ((ratio - 1.0).abs() > params.clip).float().mean(),
    }


class Learner:
    """A policy with its optimisers and multiplier: everything that a checkpoint holds."""

    def __init__(self, policy: Policy, method: str, task: str, params: PPOParams):
        self.policy, self.params = policy, params
        self.total_steps = params.steps[task]
        self.delay_steps = params.multiplier_delay[task] * self.total_steps
        self.multiplier = Multiplier(method, params, task)
        if params.freeze_encoder:
            policy.freeze_senses()
        of_actor, of_critics = [p for p in policy.actor_parameters() if p.requires_grad], policy.critic_parameters()
        self.actor = torch.optim.Adam(of_actor, lr=params.lr, fused=True)
        self.critic = torch.optim.Adam(of_critics, lr=params.critic_lr, fused=True)
        self._gradients = ranks.Gradients(of_actor, of_critics)
        self.forward: Callable = policy  # or a compiled one
        self.steps = 0
        self.curve: list[dict] = []
        self._anchor = copy.deepcopy(policy).requires_grad_(False) if params.anchor_weight else None
        self._anchor_memory: Memory | None = None

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
        memory = self._anchor_memory or self._anchor.new_memory(n_envs, device)
        log_probs, memories = [], []
        for envs in torch.arange(n_envs, device=device).chunk(self.params.minibatches):  # a GPU's memory holds no more
            observation, percept = _of(envs, rollout.observation), _of(envs, rollout.percept)
            output, after = self._anchor(observation, rollout.starts[:, envs], memory.select(envs), percept)
            log_probs.append(output.logits.log_softmax(-1))
            memories.append(after)
        self._anchor_memory = Memory.join(memories)
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
        facts = {"steps": self.steps, "multiplier": self.multiplier.state(), "curve": self.curve}
        checkpoints.save(path, tensors, facts)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint of this very training."""
        tensors, facts = self._take_over(path)
        checkpoints.restore_optimiser(self.multiplier.optimiser, tensors, "lambda")
        self.multiplier.restore(facts["multiplier"])

    def follow(self, path: Path) -> None:
        """Go on from where another training ended, with a multiplier of one's own."""
        self._take_over(path)

    def _take_over(self, path: Path) -> tuple[dict[str, torch.Tensor], dict]:
        """All but the multiplier; the checkpoint's tensors and facts."""
        tensors, facts = checkpoints.load(path)
        own = {name.removeprefix("policy."): tensor for name, tensor in tensors.items() if name.startswith("policy.")}
        checkpoints.restore(self.policy, own, path)
        for name, optimiser in (("actor", self.actor), ("critic", self.critic)):
            checkpoints.restore_optimiser(optimiser, tensors, name)
        self.steps, self.curve = facts["steps"], facts["curve"]
        return tensors, facts


def train(
    policy: Policy,
    method: str,
    task: str,
    simulator: Simulator,
    source: Source,
    params: PPOParams,
    seed: int,
    resume_at: Path,
    label: str,
    follows: Path | None = None,
    until: float = 1.0,
) -> Learner:
    """Fine-tune a policy for the task's `params.steps`; progress is kept in `resume_at` and resumed from there.

    follows: checkpoint of a training whose steps count as this one's first. until: the share of the steps to end after.
    """
    learner = Learner(policy.to(simulator.device), method, task, params)
    if resume_at.exists():
        learner.restore(resume_at)
        print(f"{label} resumes at step {learner.steps:,}", flush=True)
    elif follows:
        learner.follow(follows)
    generator = torch.Generator(simulator.device).manual_seed((seed * 1_000_003 + learner.steps) * 1000 + ranks.rank())
    rewards = (params.wrong_done_penalty[task], params.progress_reward)
    batch = Batch(simulator, params.max_steps, *rewards, policy.tokenize, params.coverage_reward[task])
    collector = Collector(batch, source, generator, params.freeze_encoder)
    steps_per_rollout = simulator.n_envs * params.rollout * ranks.n_ranks()
    last_step = until * learner.total_steps
    progress = Progress(label, math.ceil(last_step), done=learner.steps)
    # All environments begin at once, and short episodes, which are cheap, end first: means are of all kinds once the
    # longest could have ended.
    mixed_from = learner.steps + simulator.n_envs * params.max_steps * ranks.n_ranks()
    recent: list[Ended] = []
    iteration = 0
    started = time.monotonic() - (learner.curve[-1]["seconds"] if learner.curve else 0.0)
    while learner.steps < last_step:
        source.refresh()
        rollout, ended = collector.collect(policy, params.rollout)
        if learner.steps < mixed_from:
            ended = []
        recent = (recent + ended)[-params.recent_episodes :]
        mean_episode_cost = ranks.mean(sum(e.cost for e in ended), len(ended))
        if learner.counts_cost:
            learner.multiplier.update(mean_episode_cost)
        cost_weight = learner.cost_weight
        terms = learner.learn(rollout, generator, only_values=learner.steps < params.value_warmup)
        learner.steps += steps_per_rollout
        iteration += 1
        row = _curve_row(recent, learner.steps, cost_weight, terms) | {"seconds": time.monotonic() - started}
        learner.curve.append(row)
        progress.update(
            min(learner.steps, math.ceil(last_step)),
            success=row["success"], cost=row["cost"], multiplier=row["multiplier"], length=row["length"],
        )  # fmt: skip
        if iteration % params.checkpoint_rollouts == 0 and ranks.rank() == 0:
            learner.save(resume_at)
    print(f"{label}: {time.monotonic() - started:.0f} s", flush=True)
    return learner


def _curve_row(recent: list[Ended], steps: int, cost_weight: float, terms: dict[str, float]) -> dict[str, float]:
    n = len(recent)
    return {
        "steps": steps,
        "episodes": n,  # that the means below are of
        "success": ranks.mean(sum(e.success for e in recent), n),
        "cost": ranks.mean(sum(e.cost for e in recent), n),
        "length": ranks.mean(sum(e.steps for e in recent), n),
        "wrong_done": ranks.mean(sum(e.wrong_done for e in recent), n),
        "cost_per_move": ranks.mean(sum(e.cost for e in recent), sum(e.moves for e in recent)),
        "multiplier": cost_weight,
        **{f"loss_{name}": value for name, value in terms.items()},
    }


def curve_table(learner: Learner) -> pd.DataFrame:
    """The training curve, a row per rollout."""
    return pd.DataFrame(learner.curve)
