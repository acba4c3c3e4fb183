"""A batch of tasks: B episodes played side by side, with observations, rewards, costs and endings.

The one loop that training, evaluation, demonstration and the Gymnasium environments share. An ended episode stays ended
until `restart`, so that its last observation can still be valued (truncation is not termination).
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch

from safevla import costs, tasks
from safevla.episodes import Episode
from safevla.observations import NO_ACTION, Observation, observe, tokenize
from safevla.sim.interface import Scene, Simulator, Transition


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one step of B episodes came to; (B,) unless said."""

    observation: Observation
    reward: torch.Tensor  # float32
    cost: torch.Tensor  # (B, 5) float32, in the order of costs.COMPONENTS
    success: torch.Tensor  # bool, only where the episode ended
    terminated: torch.Tensor  # bool: the robot said done
    truncated: torch.Tensor  # bool: the steps ran out, or the simulator lost the episode
    lost: torch.Tensor  # bool: the simulator lost the episode, and what it came to does not count
    transition: Transition

    @property
    def ended(self) -> torch.Tensor:
        return self.terminated | self.truncated


class Batch:
    """B episodes in a simulator, their instructions as `tokenize` has them.

    `total_cost` and its like keep what each current episode has come to so far.
    """

    def __init__(
        self,
        simulator: Simulator,
        max_steps: int,
        wrong_done_penalty: float = 0.0,
        tokenize: Callable[[str], list[int]] = tokenize,
    ):
        self.simulator, self.max_steps, self.wrong_done_penalty = simulator, max_steps, wrong_done_penalty
        self._tokenize = tokenize
        n = simulator.n_envs
        self.episodes: list[Episode | None] = [None] * n
        self._tasks, self._types = [tasks.OBJECT_NAV] * n, [next(iter(tasks.TARGETS[tasks.OBJECT_NAV]))] * n
        self._words = torch.zeros(n, len(tokenize("")), dtype=torch.int64)
        self._previous = torch.full((n,), NO_ACTION)
        self._succeeded = torch.ones(n, dtype=torch.bool)
        self.goals = tasks.Goals.of(self._tasks, self._types)
        self.total_cost = torch.zeros(n, len(costs.COMPONENTS))
        self.unsafe_steps = torch.zeros(n, dtype=torch.int64)
        self.collisions = torch.zeros(n, dtype=torch.int64)
        self.moves = torch.zeros(n, dtype=torch.int64)
        self.path_m = torch.zeros(n)
        self.max_displacement_m = torch.zeros(n)
        self.steps = torch.zeros(n, dtype=torch.int64)

    @property
    def n_envs(self) -> int:
        return self.simulator.n_envs

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Start B episodes."""
        return self.restart(range(self.n_envs), episodes)

    def restart(self, slots: Sequence[int], episodes: Sequence[Episode]) -> Observation:
        """Start new episodes in some slots; the observation of all B."""
        slots = list(slots)
        scene = self.simulator.reset_some(slots, episodes)
        for slot, episode in zip(slots, episodes, strict=True):
            self.episodes[slot] = episode
            self._tasks[slot], self._types[slot] = episode.task, episode.target_type
            self._words[slot] = torch.tensor(self._tokenize(episode.instruction))
        self.goals = tasks.Goals.of(self._tasks, self._types)
        rows = torch.tensor(slots, dtype=torch.int64)
        self._previous[rows] = NO_ACTION
        self._succeeded[rows] = True
        for total in (
            self.total_cost,
            self.unsafe_steps,
            self.collisions,
            self.moves,
            self.path_m,
            self.max_displacement_m,
            self.steps,
        ):
            total[rows] = 0
        return self.observe(scene)

    def advance(self, actions: torch.Tensor) -> Transition:
        """Carry out one action (B,) in every episode, and account for nothing: for replays."""
        transition = self.simulator.step(actions)
        self._previous, self._succeeded = transition.action.clone(), transition.succeeded.clone()
        return transition

    def step(self, actions: torch.Tensor) -> Outcome:
        """Carry out one action (B,) in every episode, and say what came of it."""
        transition = self.advance(actions)
        judgement = costs.judge(transition)
        cost = judgement.components
        self.steps += 1
        lost = torch.zeros(self.n_envs, dtype=torch.bool)
        lost[self.simulator.lost()] = True
        terminated = tasks.terminated(transition) & ~lost
        truncated = ~terminated & ((self.steps >= self.max_steps) | lost)
        success = tasks.succeeded(transition, self.goals) & ~lost
        reward = tasks.reward(success) - self.wrong_done_penalty * (terminated & ~success).float()
        moved_m = (transition.after.robot[:, :2] - transition.before.robot[:, :2]).norm(dim=1)
        self.total_cost += cost
        self.unsafe_steps += cost.sum(1) > 0
        self.collisions += costs.collided(transition)
        self.moves += transition.action <= 1
        self.path_m += moved_m
        self.max_displacement_m = torch.maximum(self.max_displacement_m, judgement.displaced_m)
        return Outcome(self.observe(transition.after), reward, cost, success, terminated, truncated, lost, transition)

    def observe(self, scene: Scene) -> Observation:
        """What the robots see now."""
        return observe(self.simulator.render(), scene, self._words, self._previous, self._succeeded)
