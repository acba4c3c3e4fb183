"""Suite: how evaluation leaves what training has seen, one change each.

A suite is a file in `evaluation/suites`. It has a LABEL and defines one of three functions:

    edit(episode, rng) -> Episode                        the test episodes again, each with something changed
    fresh(task, houses, real_houses) -> Iterator         episodes in houses of its own
    make_simulator(params, n_envs, image_size) -> Simulator    another robot, for the test episodes as they are

An edit is an edit of the episode, so every simulator plays the same. What changes the robot needs the embedded simulator. A suite
with `LOOK = True` changes how a house looks and nothing else.
"""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

from safevla.config.house_options import HouseOptions
from safevla.config.params import SimulatorParams
from safevla.config.registry import SUITES
from safevla.sim import factory
from safevla.sim.interface import Simulator
from safevla.tasks.episodes import Episode

NONE = "none"  # the `shift` of episodes as they were sampled


class SuiteError(ValueError):
    """A suite that cannot be had; the message says why."""


def is_paired(name: str) -> bool:
    """Whether the suite plays the test episodes again, each with something changed."""
    return name == NONE or not hasattr(SUITES.load(name), "fresh")


def needs_own_simulator(name: str) -> bool:
    """Whether the suite's episodes are played by another robot."""
    return name != NONE and hasattr(SUITES.load(name), "make_simulator")


def edited(episode: Episode, name: str) -> Episode:
    """An episode as a paired suite plays it. Raises SuiteError where the suite has houses of its own."""
    if not is_paired(name):
        raise SuiteError(f"{name!r} is no edit: it has houses of its own")
    if name == NONE:
        return episode
    suite = SUITES.load(name)
    if hasattr(suite, "edit"):
        episode = suite.edit(episode, random.Random(f"{name}|{episode.seed}"))
    return _named(episode, name)


def _named(episode: Episode, name: str) -> Episode:
    return episode.changed(shift=name, id=f"{episode.id}|{name}")


def draw(
    name: str, base: Sequence[Episode], task: str, houses: HouseOptions, n: int, real_houses: Path | None = None
) -> list[Episode]:
    """The first n episodes of a suite; base: the test episodes of the task; fewer where a file of real houses offers no more.

    Raises SuiteError where real houses are asked for and there is no file.
    """
    if is_paired(name):
        return [edited(episode, name) for episode in base[:n]]
    found = SUITES.load(name).fresh(task, houses, real_houses)
    return [_named(episode, name) for episode in itertools.islice(found, n)]


def make_simulator(name: str, params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """The simulator in which a suite's episodes are played. Raises SuiteError where it needs a robot that cannot be had."""
    if not needs_own_simulator(name):
        return factory.make_simulator(params, n_envs, image_size)
    if params.name != "embedded":
        raise SuiteError(f"{name!r} changes the robot, which only the embedded simulator can, not {params.name}")
    return SUITES.load(name).make_simulator(params, n_envs, image_size)
