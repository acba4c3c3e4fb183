"""Gymnasium environments: the household tasks for anybody's algorithm.

    gymnasium.make("safevla:SafetyChores/ObjectNav-v0")               one episode at a time
    gymnasium.make_vec("safevla:SafetyChores/Fetch-v0", num_envs=64)  the native batch, one simulator for all
    SafetyWrapper(gymnasium.make("safevla:SafetyChores/Pickup-v0"))   Safety-Gymnasium's six-tuple, cost third

The part before the colon makes Gymnasium import `safevla`, which registers the ids (see `registration`). After
`import safevla` they work without it.

Action space: Discrete(20), in the order of `sim.actions.Action`. Observation: Dict of `navigation` and `manipulation`
(uint8, H×W×3), `instruction` (text or word ids, see `instruction_spaces`), `arm` (see `observations`), `object_in_hand`, `step`,
`failed_actions` and `contact_proximity`. `failed_actions` are the motions that have failed in this place (see
`failed_actions`), which a policy may want to leave out. `contact_proximity` is how near the base's motions are to what they
have met before (see `contact_memory`).
`info` holds `cost`, `cost_<component>` for each component, `success`, `collided` and `episode_id`.

A seed, a whole number of at least 0, chooses the series of episodes: one alone for each seed and split, however many
environments are made. Episodes follow each other in it from reset to reset until another seed is given.

Environments can be copied and pickled at any time, and the copy goes on as the original does. A process that was forked
(`AsyncVectorEnv`) plays with one thread.
"""

import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from safevla.config.house_options import HouseOptions
from safevla.env.contact_memory import N_CONTACT_PROXIMITY
from safevla.env.instruction_spaces import INSTRUCTIONS
from safevla.env.observations import ARM_STATES, Observation
from safevla.env.vector_env import StepResult, VectorEnv
from safevla.sim.actions import N_ACTIONS
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, Simulator
from safevla.sim.robot import ROBOTS
from safevla.tasks import goals, step_costs
from safevla.tasks.episodes import Episode
from safevla.tasks.sampling import SPLIT_SEEDS, HouseFileStream, stream

_ARM = spaces.Box(-1.001, 1.001, (ARM_STATES,), np.float32)
_CONTACT_PROXIMITY = spaces.Box(0.0, 1.0, (N_CONTACT_PROXIMITY,), np.float32)


def _series(task: str, houses: str | Path | None, split: str, seed: int) -> Iterator[Episode]:
    if houses is None:
        return stream([task], split, HouseOptions(), seed=seed)
    return HouseFileStream(houses, task, split, seed)


def _observation_space(image_size: tuple[int, int], max_steps: int, instruction: str) -> spaces.Dict:
    """Of one environment."""
    return spaces.Dict(
        {
            **{name: spaces.Box(0, 255, (*image_size, 3), np.uint8) for name in CAMERAS},
            "instruction": INSTRUCTIONS[instruction],
            "arm": _ARM,
            "object_in_hand": spaces.Discrete(2),
            "step": spaces.Box(0, max_steps, (1,), np.int64),
            "failed_actions": spaces.MultiBinary(N_ACTIONS),
            "contact_proximity": _CONTACT_PROXIMITY,
        }
    )


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")


def _check_options(
    num_envs: int, split: str, image_size: tuple[int, int], max_steps: int, render_mode: str | None, instruction: str
) -> None:
    """Raise ValueError, which names the option, for one that makes no sense."""
    _check_counts(num_envs=num_envs, max_steps=max_steps)
    if split not in SPLIT_SEEDS:
        raise ValueError(f"split {split!r} is unknown; the splits are {', '.join(SPLIT_SEEDS)}")
    if instruction not in INSTRUCTIONS:
        raise ValueError(f"instruction {instruction!r} is unknown; it is {' or '.join(map(repr, INSTRUCTIONS))}")
    if len(image_size) != 2:
        raise ValueError(f"image_size is {image_size!r}, expected (height, width) in pixels")
    _check_counts(**{"image_size[0]": image_size[0], "image_size[1]": image_size[1]})
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode {render_mode!r} is unknown; it is 'rgb_array', or None")


def _autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = ", ".join(repr(one.value) for one in AutoresetMode)
        raise ValueError(f"autoreset_mode {mode!r} is unknown; the modes are {known}") from None


def _checked(actions: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """The actions, of a shape, as a tensor; raises InvalidAction for anything else."""
    found = np.asarray(actions.numpy(force=True) if isinstance(actions, torch.Tensor) else actions)
    if found.shape != shape or found.dtype.kind not in "iu" or (found < 0).any() or (found >= N_ACTIONS).any():
        expected = f"a whole number from 0 to {N_ACTIONS - 1}"
        if shape:
            raise InvalidAction(f"actions are {actions!r}, expected {shape[0]} of them, each {expected}")
        raise InvalidAction(f"action is {actions!r}, expected {expected}")
    return torch.from_numpy(found.astype(np.int64))


def _side_by_side(batch: VectorEnv, row: int) -> np.ndarray:
    pictures = batch.simulator.render()
    return np.concatenate([pictures[name][row].numpy(force=True) for name in CAMERAS], axis=1)


def _simulator(n_envs: int, image_size: tuple[int, int], robot: str, device: str) -> Simulator:
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError):
        kind = ""
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} is unknown; it is 'cpu' or 'cuda'")
    if robot not in ROBOTS:
        raise ValueError(f"robot {robot!r} is unknown; the robots are {', '.join(ROBOTS)}")
    if kind == "cpu":
        return EmbeddedSimulator(n_envs, image_size, robot)
    if not torch.cuda.is_available():
        raise ValueError(f"device {device!r}: torch finds no GPU here")
    return importlib.import_module("safevla.sim.cuda").CudaSimulator(n_envs, image_size, robot, device=device)


def _seed(np_random: np.random.Generator, given: int | None) -> int:
    """The seed that was given to `reset`, or a random one."""
    return int(np_random.integers(1 << 62)) if given is None else given


class SafetyChoresEnv(gymnasium.Env[dict[str, Any], int | np.integer]):
    """One household episode at a time. Options: see `__init__`; `seed` on reset draws a new series of episodes."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}

    def __init__(
        self,
        task: str = "ObjectNav",
        houses: str | Path | None = None,
        split: str = "train",
        image_size: tuple[int, int] = (224, 384),
        max_steps: int = goals.MAX_STEPS_TRAINING,
        robot: str = "stretch",
        device: str = "cpu",
        render_mode: str | None = None,
        instruction: str = "text",
    ):
        """houses: a ProcTHOR .jsonl, .jsonl.gz or .json file, or None for generated ones; split: train, validation, test.

        image_size: (height, width) in pixels. instruction: one of `INSTRUCTIONS`.
        """
        _check_options(1, split, image_size, max_steps, render_mode, instruction)
        self.render_mode = render_mode
        self.task, self._houses, self._split = task, houses, split
        self._batch = VectorEnv(_simulator(1, image_size, robot, device), max_steps)
        self._episodes: Iterator[Episode] | None = None  # a series that goes on from reset to reset
        self._ended = False
        self._as_text = instruction == "text"
        self.action_space = spaces.Discrete(N_ACTIONS)
        self.observation_space = _observation_space(image_size, max_steps, instruction)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the next episode of the series; seed, of at least 0: start that seed's series instead."""
        super().reset(seed=seed)
        if self._episodes is None or seed is not None:
            self._episodes = _series(self.task, self._houses, self._split, _seed(self.np_random, seed))
        self._episode = next(self._episodes)
        self._ended = False
        observation = self._batch.start([self._episode])
        return self._dict(observation), self._info(None)

    def step(self, action: int | np.integer) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        if self._episodes is None:
            raise ResetNeeded("reset the environment before the first step")
        if self._ended:
            raise ResetNeeded("the episode has ended: reset the environment before the next step")
        outcome = self._batch.step(_checked(action, ())[None])
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self._ended = terminated or truncated
        return self._dict(outcome.observation), float(outcome.reward[0]), terminated, truncated, self._info(outcome)

    def close(self) -> None:
        self._batch.simulator.close()

    def _dict(self, observation: Observation) -> dict[str, Any]:
        return {
            **{name: observation.pixels[0, c].numpy(force=True) for c, name in enumerate(CAMERAS)},
            "instruction": self._episode.instruction if self._as_text else observation.words[0].numpy(force=True),
            "arm": observation.arm[0].numpy(force=True),
            "object_in_hand": np.int64(bool(observation.object_in_hand[0])),
            "step": observation.step.numpy(force=True),
            "failed_actions": observation.failed_actions[0].numpy(force=True).astype(np.int8),
            "contact_proximity": observation.contact_proximity[0].numpy(force=True),
        }

    def _info(self, outcome: StepResult | None) -> dict[str, Any]:
        cost = [0.0] * len(self._batch.costs) if outcome is None else outcome.cost[0].tolist()
        return {
            "cost": sum(cost),
            **{f"cost_{name}": value for name, value in zip(self._batch.costs, cost, strict=True)},
            "success": outcome is not None and bool(outcome.success[0]),
            "collided": outcome is not None and bool(step_costs.collided(outcome.transition)[0]),
            "episode_id": self._episode.id,
        }

    def render(self) -> np.ndarray | None:
        """Both cameras side by side."""
        if self.render_mode != "rgb_array":
            return None
        return _side_by_side(self._batch, 0)


class SafetyChoresVectorEnv(gymnasium.vector.VectorEnv[dict[str, np.ndarray], np.ndarray, np.ndarray]):
    """B household episodes in one simulator, reset as Gymnasium's vector environments are, by default in the same step.

    Observations, `info` and its masks are those of Gymnasium's SyncVectorEnv. Where an ended episode is replaced in the same
    step, its last observation and info, costs included, are `final_obs` and `final_info`; `info` is of the new episode, as the
    observation is. With `AutoresetMode.NEXT_STEP`, which Gymnasium's wrappers of observations ask for, it is replaced at the
    next step, whose action is not carried out there; with `DISABLED` by `reset(options={"reset_mask": ended})`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5, "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "ObjectNav",
        houses: str | Path | None = None,
        split: str = "train",
        image_size: tuple[int, int] = (36, 64),
        max_steps: int = goals.MAX_STEPS_TRAINING,
        robot: str = "stretch",
        device: str = "cpu",
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        max_episode_steps: int | None = None,
        instruction: str = "words",
    ):
        """As `SafetyChoresEnv`; max_episode_steps: another limit, as `gymnasium.make_vec` gives it (-1: none)."""
        if max_episode_steps not in (None, -1):
            _check_counts(max_episode_steps=max_episode_steps)
            max_steps = min(max_steps, max_episode_steps)
        _check_options(num_envs, split, image_size, max_steps, render_mode, instruction)
        self.autoreset_mode, self.render_mode = _autoreset_mode(autoreset_mode), render_mode
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        self.num_envs, self.task, self._houses, self._split = num_envs, task, houses, split
        self._batch = VectorEnv(_simulator(num_envs, image_size, robot, device), max_steps)
        self._episodes: Iterator[Episode] | None = None  # a series that goes on from reset to reset
        self._ended = np.zeros(num_envs, bool)  # and not yet replaced
        self._as_text = instruction == "text"
        self.single_action_space = spaces.Discrete(N_ACTIONS)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.single_observation_space = _observation_space(image_size, max_steps, instruction)
        self.observation_space = batch_space(self.single_observation_space, num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start B episodes; options: `reset_mask`, (B,) bool, for those of some rows alone.

        seed, of at least 0: episodes are drawn from that seed's series from now on.
        """
        mask = self._reset_mask(options)
        super().reset(seed=seed)
        if self._episodes is None or seed is not None:
            self._episodes = _series(self.task, self._houses, self._split, _seed(self.np_random, seed))
        if mask.all():
            observation = self._batch.start(self._drawn(self.num_envs))
        else:
            self._batch.observe(self._batch.simulator.scene())  # the last observation is the caller's, and would be written into
            observation = self._restart(mask)
        self._ended &= ~mask
        return self._dict(observation), _masked(self._info(None), mask)

    def _reset_mask(self, options: dict[str, Any] | None) -> np.ndarray:
        """(B,) bool: the rows to reset, as Gymnasium's vector environments take them."""
        if options is None or "reset_mask" not in options:
            return np.ones(self.num_envs, bool)
        mask = options["reset_mask"]
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"options['reset_mask'] is {mask!r}, expected a numpy array of bool")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"options['reset_mask'] is {mask!r}, expected ({self.num_envs},) with at least one True")
        if self._episodes is None and not mask.all():
            raise ResetNeeded("reset every environment before resetting some of them")
        return mask

    def step(self, actions: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if self._episodes is None:
            raise ResetNeeded("reset the environments before the first step")
        late = self._ended.copy()  # rows that ended in an earlier step
        if late.any() and self.autoreset_mode == AutoresetMode.DISABLED:
            rows = late.nonzero()[0].tolist()
            raise ResetNeeded(f"episodes {rows} have ended: reset them with options={{'reset_mask': …}}, autoreset is disabled")
        outcome = self._batch.step(_checked(actions, (self.num_envs,)))
        observation, info = outcome.observation, self._info(outcome)
        reward, terminated, truncated = (
            values.numpy(force=True) for values in (outcome.reward, outcome.terminated, outcome.truncated)
        )
        if late.any():
            observation = self._restart(late)
            for values in (reward, terminated, truncated):
                values[late] = 0  # nothing was done there
            info = self._of_new_episodes(info, late)
        self._ended = ended = terminated | truncated
        final: dict[str, Any] = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP and ended.any():
            final = {"final_obs": self._rows(observation, ended), "_final_obs": ended.copy()}
            last = {name: np.where(ended, values, _nothing_like(values)) for name, values in info.items()}
            final |= {"final_info": _masked(last, ended), "_final_info": ended.copy()}
            observation = self._restart(ended)
            info = self._of_new_episodes(info, ended)
            self._ended = np.zeros(self.num_envs, bool)
        return self._dict(observation), reward, terminated, truncated, _masked(info, np.ones(self.num_envs, bool)) | final

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Both cameras side by side, of each environment."""
        if self.render_mode != "rgb_array":
            return None
        return tuple(_side_by_side(self._batch, row) for row in range(self.num_envs))

    def _restart(self, mask: np.ndarray) -> Observation:
        rows = mask.nonzero()[0].tolist()
        return self._batch.restart(rows, self._drawn(len(rows)))

    def _info(self, outcome: StepResult | None) -> dict[str, np.ndarray]:
        """(B,) each: what came of a step, or nothing yet."""
        nothing = torch.zeros(self.num_envs, dtype=torch.bool)
        cost = torch.zeros(self.num_envs, len(self._batch.costs)) if outcome is None else outcome.cost
        return {
            "cost": cost.sum(1).numpy(force=True),
            **{f"cost_{name}": cost[:, i].numpy(force=True).copy() for i, name in enumerate(self._batch.costs)},
            "success": (nothing if outcome is None else outcome.success).numpy(force=True),
            "collided": (nothing.clone() if outcome is None else step_costs.collided(outcome.transition)).numpy(force=True),
            "episode_id": self._ids(),
        }

    def _of_new_episodes(self, info: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The info (B,) of a step with that of a reset in some rows (B,) bool, whose episodes have been replaced."""
        return {name: np.where(rows, _nothing_like(values), values) for name, values in info.items()} | {
            "episode_id": self._ids()
        }

    def _rows(self, observation: Observation, rows: np.ndarray) -> np.ndarray:
        """(B,) of dicts: what some rows (B,) bool are, each by itself, None for the others."""
        values = self._dict(observation.map(torch.clone))  # a restart writes into the observation
        found = np.full(self.num_envs, None, dtype=object)
        for row in rows.nonzero()[0]:
            found[row] = {name: values[name][row] for name in values}
        return found

    def _dict(self, observation: Observation) -> dict[str, Any]:
        return {
            **{name: observation.pixels[:, c].numpy(force=True) for c, name in enumerate(CAMERAS)},
            "instruction": self._texts() if self._as_text else observation.words.numpy(force=True),
            "arm": observation.arm.numpy(force=True),
            "object_in_hand": observation.object_in_hand.long().numpy(force=True),
            "step": observation.step[:, None].numpy(force=True),
            "failed_actions": observation.failed_actions.numpy(force=True).astype(np.int8),
            "contact_proximity": observation.contact_proximity.numpy(force=True),
        }

    def close_extras(self, **kwargs: Any) -> None:
        self._batch.simulator.close()

    def _texts(self) -> tuple[str, ...]:
        return tuple(episode.instruction for episode in self._batch.episodes if episode is not None)

    def _drawn(self, n: int) -> list[Episode]:
        assert self._episodes is not None, "an environment is reset before it steps"
        return list(itertools.islice(self._episodes, n))

    def _ids(self) -> np.ndarray:
        return np.asarray([episode.id for episode in self._batch.episodes if episode is not None], dtype=object)


def _nothing_like(values: np.ndarray) -> np.ndarray:
    """Zeros, or None where values are objects, as Gymnasium fills its infos."""
    return np.full_like(values, None if values.dtype == object else 0)


def _masked(info: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    """What is known of some rows, as Gymnasium has it: beside each name `_name`, which rows."""
    return info | {f"_{name}": mask.copy() for name in info}


class SafetyWrapper(gymnasium.Wrapper):
    """Safety-Gymnasium's convention: step returns (observation, reward, cost, terminated, truncated, info)."""

    def step(self, action: Any) -> tuple[Any, SupportsFloat, float, bool, bool, dict[str, Any]]:  # pyright: ignore
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, info["cost"], terminated, truncated, info


class SafetyVectorWrapper(gymnasium.vector.VectorWrapper):
    """`SafetyWrapper` for batches: cost (B,), third, is of the step that was taken, in episodes that it ended too."""

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:  # pyright: ignore
        observation, reward, terminated, truncated, info = self.env.step(actions)
        cost = info["cost"]
        if "final_info" in info:
            cost = np.where(info["_final_info"], info["final_info"]["cost"], cost)
        return observation, reward, cost, terminated, truncated, info


class NumericInfo(gymnasium.Wrapper):
    """Leaves text out of `info`, for tools that make a tensor of everything, such as Gymnasium's NumpyToTorch."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, _numbers(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated, truncated, _numbers(info)


class NumericVectorInfo(gymnasium.vector.VectorWrapper):
    """`NumericInfo` for batches; leaves out `final_obs` as well, so that a batch is best reset at the next step."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, _numbers(info)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(actions)
        return observation, reward, terminated, truncated, _numbers(info)


def _numbers(info: dict[str, Any]) -> dict[str, Any]:
    """What is no text and no other object, without the masks of what is left out."""
    kept = {
        name: _numbers(value) if isinstance(value, dict) else value
        for name, value in info.items()
        if not isinstance(value, str) and getattr(value, "dtype", None) != np.dtype(object)
    }
    return {name: value for name, value in kept.items() if name.removeprefix("_") in kept}
