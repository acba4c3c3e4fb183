"""Actors: who plays an episode, a policy or an expert."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from safevla.env.observations import Observation
from safevla.policies import policy_files
from safevla.policies.expert import Expert
from safevla.policies.vla import Policy
from safevla.safe_rl import method
from safevla.sim.actions import Action
from safevla.sim.interface import Scene
from safevla.tasks import tokenizer
from safevla.tasks.episodes import Episode

LOST = -1  # in the place of an action: the actor has lost this episode, which is played again from its start


class Actor(Protocol):
    """Chooses actions in B environments."""

    tokenize: Callable[[str], list[int]]  # how its observations put the instruction

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        """New episodes have started in these slots."""
        ...

    def act(self, observation: Observation, scene: Scene) -> torch.Tensor:
        """(B,) int64, an action or LOST."""
        ...


class PolicyActor:
    """A policy that draws its actions; it sees observations only.

    Probabilities are raised to the power 1 / temperature: below 1 the policy does less often what it thinks unlikely to be
    right, which nobody needs but training. `done` ends the episode, so a small chance of it at every step would end most
    episodes early. It can therefore be decided instead of drawn: said when its probability exceeds `done_threshold`, and only
    then. At 0 it is drawn like any other.
    """

    def __init__(
        self,
        policy: Policy,
        n_envs: int,
        seed: int,
        done_threshold: float = 0.0,
        temperature: float = 1.0,
        device: torch.device | str = "cpu",
        filter_action: Callable[[torch.Tensor, Observation], torch.Tensor] | None = None,
    ):
        """filter_action: a method's hook, (B, N_ACTIONS) logits and what the robots see → the logits to act by."""
        self.filter_action = filter_action
        self.policy = policy.to(device).eval()
        self.tokenize = policy.tokenize
        self.done_threshold, self.temperature = done_threshold, temperature
        self.kv_cache = policy.new_kv_cache(n_envs, device)
        self.generator = torch.Generator(device).manual_seed(seed)

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        self.kv_cache.valid[list(slots)] = False

    @torch.no_grad()
    def act(self, observation: Observation, scene: Scene | None = None) -> torch.Tensor:
        output, self.kv_cache = self.policy.act(observation, self.kv_cache)
        logits = output.logits if self.filter_action is None else self.filter_action(output.logits, observation)
        chances = (logits / self.temperature).softmax(-1)
        if self.done_threshold > 0:
            decided = logits.softmax(-1)[:, Action.DONE] > self.done_threshold
            chances[:, Action.DONE] = decided.float() * 1e6
        return torch.multinomial(chances, 1, generator=self.generator)[:, 0]


class ExpertActor:
    """A planner with privileged state."""

    def __init__(self, n_envs: int, careful: bool):
        self.expert = Expert(n_envs, careful)
        self.tokenize = tokenizer.tokenize

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        self.expert.start_episodes(slots, list(episodes), scene)

    def act(self, observation: Observation, scene: Scene) -> torch.Tensor:
        return torch.from_numpy(self.expert.act(scene))


EXPERTS = {"expert": False, "expert_careful": True}  # method → whether it is careful


def load_actor(
    path: Path, n_envs: int, seed: int, done_threshold: float, temperature: float, device: torch.device | str
) -> PolicyActor:
    """A policy from its checkpoint, acting as its method has it."""
    policy, metadata = policy_files.load(path)
    return PolicyActor(policy, n_envs, seed, done_threshold, temperature, device, filter_action(metadata, path))


def filter_action(metadata: Mapping[str, Any], path: Path) -> Callable[[torch.Tensor, Observation], torch.Tensor] | None:
    """The hook of the method that a checkpoint was trained by, None where by none. CheckpointError where it cannot be had."""
    return method.from_metadata(metadata, path).filter_action if "training" in metadata else None
