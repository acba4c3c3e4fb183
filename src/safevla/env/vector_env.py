"""A batch of tasks: B episodes played side by side, with observations, rewards, costs and endings.

The one loop that training, evaluation, demonstration and the Gymnasium environments share. An ended episode stays ended
until `restart`, so that its last observation can still be valued (truncation is not termination).
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch

from safevla.env import observations
from safevla.env.contact_memory import ContactMemory
from safevla.env.coverage import Coverage
from safevla.env.failed_actions import FailedActionMemory
from safevla.env.observations import NO_ACTION, Observation
from safevla.sim.interface import Scene, Simulator, Transition
from safevla.tasks import goals, step_costs, tokenizer
from safevla.tasks.episode_batch import EpisodeBatch
from safevla.tasks.episodes import Episode
from safevla.tasks.goals import Goals
from safevla.tasks.step_costs import PAPER_COSTS

_CONTACT_M = 0.01  # what an action moves by more than this is a contact


@dataclasses.dataclass(frozen=True)
class StepResult:
    """What one step of B episodes came to; (B,) unless said."""

    observation: Observation
    reward: torch.Tensor  # float32
    cost: torch.Tensor  # (B, K) float32, components in the order of `VectorEnv.costs`
    success: torch.Tensor  # bool, only where the episode ended
    terminated: torch.Tensor  # bool: the robot said done
    truncated: torch.Tensor  # bool: the steps ran out, or the simulator aborted the episode
    aborted: torch.Tensor  # bool: the simulator aborted the episode, and what it came to does not count
    transition: Transition

    @property
    def ended(self) -> torch.Tensor:
        return self.terminated | self.truncated


class VectorEnv:
    """B episodes in a simulator, their instructions as `tokenize` has them.

    `total_cost` and its like keep what each current episode has come to so far.
    """

    def __init__(
        self,
        simulator: Simulator,
        max_steps: int,
        wrong_done_penalty: float = 0.0,
        progress_reward: float = 0.0,
        tokenize: Callable[[str], list[int]] = tokenizer.tokenize,
        coverage_reward: float = 0.0,
        costs: Sequence[str] = PAPER_COSTS,
    ):
        self.simulator, self.max_steps = simulator, max_steps
        self.wrong_done_penalty, self.progress_reward = wrong_done_penalty, progress_reward
        self.coverage_reward, self.costs = coverage_reward, tuple(costs)
        self._tokenize = tokenize
        n = simulator.n_envs
        self.episodes: list[Episode | None] = [None] * n
        self.device = simulator.device
        counts = {"dtype": torch.int64, "device": self.device}
        self.goals = Goals(torch.zeros(n, **counts), torch.zeros(n, **counts), frozenset())
        self._words = torch.zeros(n, len(tokenize("")), **counts)
        self._previous = torch.full((n,), NO_ACTION, device=self.device)
        self._succeeded = torch.ones(n, dtype=torch.bool, device=self.device)
        self._contacted = torch.zeros(n, dtype=torch.bool, device=self.device)
        self._failed_actions, self._contacts = FailedActionMemory(n, self.device), ContactMemory(n, self.device)
        self._remaining_m = torch.zeros(n, device=self.device)
        self._coverage = Coverage(n, self.device)
        self._seen: Observation | None = None  # as the last step left it
        self.total_cost = torch.zeros(n, len(self.costs), device=self.device)
        self.unsafe_steps = torch.zeros(n, **counts)
        self.collisions = torch.zeros(n, **counts)
        self.moves = torch.zeros(n, **counts)
        self.path_m = torch.zeros(n, device=self.device)
        self.max_displacement_m = torch.zeros(n, device=self.device)
        self.steps = torch.zeros(n, **counts)

    @property
    def n_envs(self) -> int:
        return self.simulator.n_envs

    def start(self, episodes: Sequence[Episode]) -> Observation:
        """Start B episodes."""
        self._seen = None  # somebody may still hold the last observation of the episodes before
        return self.restart(range(self.n_envs), episodes)

    def restart(self, slots: Sequence[int], episodes: Sequence[Episode]) -> Observation:
        """Start new episodes in some slots; the last observation, in which these slots' rows are overwritten."""
        slots = list(slots)
        scene = self.simulator.reset_some(slots, episodes)
        for slot, episode in zip(slots, episodes, strict=True):
            self.episodes[slot] = episode
        asked = Goals.of([e.task for e in episodes], [e.target_type for e in episodes], self.device)
        words = torch.tensor([self._tokenize(e.instruction) for e in episodes], device=self.device)
        return self._start_episodes(scene, torch.tensor(slots, dtype=torch.int64, device=self.device), asked, words)

    def restart_batch(self, slots: torch.Tensor, batch: EpisodeBatch, rows: torch.Tensor) -> Observation:
        """`restart` with a batch's episodes, rows (n,), in slots (n,); `episodes` does not know of them."""
        scene = self.simulator.reset_arrays(slots, batch.arrays, rows)
        return self._start_episodes(
            scene, slots, Goals(batch.task[rows], batch.target_type[rows], batch.names), batch.words[rows]
        )

    def _start_episodes(self, scene: Scene, slots: torch.Tensor, asked: Goals, words: torch.Tensor) -> Observation:
        self.goals.task[slots], self.goals.target_type[slots], self._words[slots] = asked.task, asked.target_type, words
        if not asked.names <= self.goals.names:
            self.goals = dataclasses.replace(self.goals, names=self.goals.names | asked.names)
        self._previous[slots] = NO_ACTION
        self._succeeded[slots] = True
        self._contacted[slots] = False
        self._failed_actions.reset_rows(slots)
        self._contacts.reset_rows(slots)
        for total in (
            self.total_cost,
            self.unsafe_steps,
            self.collisions,
            self.moves,
            self.path_m,
            self.max_displacement_m,
            self.steps,
        ):
            total[slots] = 0
        if self.progress_reward > 0:
            self._remaining_m[slots] = goals.remaining_m(scene.select(slots), self.goals.select(slots))
        if self.coverage_reward > 0:
            self._coverage.start_episodes(slots, scene.robot_state[slots, :2])
        if self._seen is None:
            return self.observe(scene)
        self._seen.put(slots, self._observe(scene, slots))
        return self._seen

    def advance(self, actions: torch.Tensor) -> Transition:
        """Carry out one action (B,) in every episode, and account for nothing: for replays."""
        return self._carry_out(actions)[0]

    def _carry_out(self, actions: torch.Tensor) -> tuple[Transition, step_costs.StepCosts]:
        transition = self.simulator.step(actions.to(self.device))
        self._previous, self._succeeded = transition.action.clone(), transition.succeeded.clone()
        charged = step_costs.step_costs(transition, self.costs)
        contacted = torch.stack([step_costs.collided(transition), charged.displaced_m > _CONTACT_M], dim=1)  # static, movable
        self._contacted = contacted.any(1)
        self._failed_actions.remember(
            self._previous, transition.before.robot_state, transition.after.robot_state, self._succeeded
        )
        self._contacts.remember(self._previous, transition.after.robot_state, contacted)
        return transition, charged

    def step(self, actions: torch.Tensor) -> StepResult:
        """Carry out one action (B,) in every episode, and say what came of it."""
        transition, charged = self._carry_out(actions)
        cost = charged.components
        self.steps += 1
        aborted = torch.zeros(self.n_envs, dtype=torch.bool, device=self.device)
        if gone := self.simulator.aborted():
            aborted[gone] = True
        terminated = goals.terminated(transition) & ~aborted
        truncated = ~terminated & ((self.steps >= self.max_steps) | aborted)
        success = goals.succeeded(transition, self.goals) & ~aborted
        reward = goals.reward(success) - self.wrong_done_penalty * (terminated & ~success).float()
        if self.progress_reward > 0:
            remaining_m = goals.remaining_m(transition.after, self.goals)
            reward += self.progress_reward * goals.progress_m(self._remaining_m, remaining_m) * ~aborted
            self._remaining_m = remaining_m
        if self.coverage_reward > 0:
            reward += self.coverage_reward * (self._coverage.enter(transition.after.robot_state[:, :2]) & ~aborted)
        moved_m = (transition.after.robot_state[:, :2] - transition.before.robot_state[:, :2]).norm(dim=1)
        self.total_cost += cost
        self.unsafe_steps += cost.sum(1) > 0
        self.collisions += step_costs.collided(transition)
        self.moves += transition.action <= 1
        self.path_m += moved_m
        self.max_displacement_m = torch.maximum(self.max_displacement_m, charged.displaced_m)
        return StepResult(self.observe(transition.after), reward, cost, success, terminated, truncated, aborted, transition)

    def observe(self, scene: Scene) -> Observation:
        """What the robots see now."""
        self._seen = self._observe(scene, slice(None))
        return self._seen

    def _observe(self, scene: Scene, slots: torch.Tensor | slice) -> Observation:
        """What the robots in some slots see now."""
        pictures = {name: picture[slots] for name, picture in self.simulator.render().items()}
        pose = scene.robot_state[slots]
        remembered = (self._failed_actions.failed_actions(pose, slots), self._contacts.near(pose, slots))
        last = (self._previous[slots], self._succeeded[slots], self._contacted[slots])
        return observations.observe(pictures, scene.select(slots), self._words[slots], *last, *remembered)
