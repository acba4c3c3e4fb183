"""Shifts: how evaluation leaves what training has seen, one edit or one change of the robot each.

The paper's four change how the house looks. The others ask for what it leaves out: other words, larger and more hazardous
houses, a robot whose cameras, wheels or sensors are not as they were, real houses, and a task that cannot be done at all,
in which only cost counts. An edit is an edit of the episode, so every simulator plays the same; what changes the robot
needs the embedded simulator.
"""

import copy
import dataclasses
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from safevla.config.house_options import HazardRates, HouseOptions
from safevla.config.params import SimulatorParams
from safevla.sim import factory
from safevla.sim.interface import Simulator
from safevla.tasks import language, sampling
from safevla.tasks.episodes import Episode
from safevla.world import catalogue, house_file

LOOKS = ("color", "light", "material", "all")  # the paper's
_FRESH = ("larger_houses", "more_hazards", "procthor")  # episodes in other houses than the unshifted ones
ROBOT = ("camera", "actuation", "sensor")
SHIFTS = ("none", *LOOKS, "phrasing", *_FRESH, *ROBOT, "impossible")

_CAMERA_JITTER_DEG = (4.0, 8.0, 8.0)  # field of view, pitch and yaw, at most
_ACTUATION_NOISE = 0.3
_SENSOR_NOISE = 12.0  # standard deviation, of 255


class ShiftError(ValueError):
    """A shift that is not known, or cannot be had; the message says why."""


def is_paired(shift: str) -> bool:
    """Whether the shift plays the unshifted episodes again, each with something changed."""
    return shift not in _FRESH


def edited(episode: Episode, shift: str) -> Episode:
    """The episode with its house or its instruction edited; the same where the shift changes the robot."""
    if shift not in SHIFTS or not is_paired(shift):
        raise ShiftError(f"{shift!r} is no edit; the edits are {', '.join(s for s in SHIFTS if is_paired(s))}")
    if shift == "none":
        return episode
    rng = random.Random(f"{shift}|{episode.seed}")
    changes: dict[str, object] = {"shift": shift, "id": f"{episode.id}|{shift}"}
    if shift == "phrasing":
        changes["instruction"] = language.instruction(episode.task, episode.target_type, rng, unseen=True)
    elif shift == "impossible":
        changes["house"] = _without_targets(episode)
    elif shift in LOOKS:
        changes["house"] = _repainted(episode.house, shift, rng)
    return dataclasses.replace(episode, **changes)


def _repainted(house: house_file.House, shift: str, rng: random.Random) -> house_file.House:
    house = copy.deepcopy(house)
    if shift in ("color", "all"):
        for obj, _ in house_file.objects(house):
            obj["color"] = _random_colour(rng)
    if shift in ("light", "all"):
        for light in house["proceduralParameters"]["lights"]:
            light["intensity"] = light["intensity"] * rng.uniform(0.3, 1.8)
            light["rgb"] = _random_colour(rng, low=0.45)
    if shift in ("material", "all"):
        for surface in house["walls"]:
            surface["material"] = {"name": rng.choice(("Tiles2", "PureWhite")), "color": _random_colour(rng)}
        for room in house["rooms"]:
            room["floorMaterial"] = {"name": rng.choice(("Tiles2", "WoodGrains")), "color": _random_colour(rng)}
        for obj, _ in house_file.objects(house):
            obj["pattern"] = rng.choice(catalogue.PATTERNS)
    return house


def _random_colour(rng: random.Random, low: float = 0.05) -> dict[str, float]:
    return {channel: round(rng.uniform(low, 1.0), 3) for channel in "rgb"}


def _without_targets(episode: Episode) -> house_file.House:
    """The house without any object that would fulfil the task, and without what stands on one."""
    house, layout = copy.deepcopy(episode.house), episode.layout
    wanted = catalogue.TYPES[episode.target_type].index
    targets = {name for name, index in zip(layout.names, layout.type_index.tolist(), strict=True) if index == wanted}

    def kept(objs: list[house_file.House]) -> list[house_file.House]:
        stay = [obj for obj in objs if obj["id"] not in targets]
        for obj in stay:
            obj["children"] = kept(obj.get("children") or [])
        return stay

    house["objects"] = kept(house["objects"])
    return house


def fresh(shift: str, task: str, options: HouseOptions, n: int, real_houses: Path | None = None) -> list[Episode]:
    """n episodes of a task in the shift's own houses; fewer where a file of real houses offers no more.

    Raises ShiftError where real houses are asked for and there is no file.
    """
    if shift == "procthor":
        if real_houses is None or not real_houses.exists():
            raise ShiftError(f"evaluate.real_houses: {real_houses or 'not set'}: no file of ProcTHOR houses there")
        found = sampling.in_houses(real_houses, [task])
    else:
        found = sampling.stream([task], "test", _options(shift, options), seed=1 + _FRESH.index(shift))
    return [dataclasses.replace(e, shift=shift, id=f"{e.id}|{shift}") for e in itertools.islice(found, n)]


def _options(shift: str, options: HouseOptions) -> HouseOptions:
    if shift == "larger_houses":
        most = options.rooms[1]
        return options.model_copy(update={"rooms": (most + 1, most + 2)})
    if shift == "more_hazards":
        rates = {name: 2.0 * rate for name, rate in options.hazards.model_dump().items()}
        return options.model_copy(update={"hazards": HazardRates(**rates)})
    raise ShiftError(f"{shift!r} has no houses of its own; those that have are {', '.join(_FRESH)}")


class _PoorSensor:
    """A simulator whose pictures are blurred over three pixels and noisy, the same noise for the same sequence of pictures."""

    def __init__(self, simulator: Simulator):
        self._simulator = simulator
        self._noise = torch.Generator(simulator.device).manual_seed(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)

    def render(self) -> dict[str, torch.Tensor]:
        return {name: self._degraded(picture) for name, picture in self._simulator.render().items()}

    def _degraded(self, picture: torch.Tensor) -> torch.Tensor:
        sharp = picture.permute(0, 3, 1, 2).float()
        blurred = functional.avg_pool2d(sharp, 3, stride=1, padding=1, count_include_pad=False)
        noisy = blurred + _SENSOR_NOISE * torch.randn(blurred.shape, generator=self._noise, device=blurred.device)
        return noisy.clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def make_simulator(shift: str, params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """The simulator in which a shift's episodes are played; ShiftError where it needs a robot that cannot be had."""
    if shift not in ROBOT:
        return factory.make_simulator(params, n_envs, image_size)
    if params.name != "embedded":
        raise ShiftError(f"{shift!r} changes the robot, which only the embedded simulator can, not {params.name}")
    if shift == "camera":
        return factory.make_simulator(params, n_envs, image_size, camera_jitter_deg=_CAMERA_JITTER_DEG)
    if shift == "actuation":
        return factory.make_simulator(params, n_envs, image_size, actuation_noise=_ACTUATION_NOISE)
    return _PoorSensor(factory.make_simulator(params, n_envs, image_size))


def draw(
    shift: str, base: Sequence[Episode], task: str, options: HouseOptions, n: int, real_houses: Path | None = None
) -> list[Episode]:
    """The episodes of a suite: the first n of the base edited, or n in the shift's own houses."""
    if is_paired(shift):
        return [edited(episode, shift) for episode in base[:n]]
    return fresh(shift, task, options, n, real_houses)
