"""Sensor: pictures that are blurred over three pixels and noisy."""

from typing import Any

import torch
from torch.nn import functional

from safevla.config.params import SimulatorParams
from safevla.sim import factory
from safevla.sim.interface import Simulator

LABEL = "sensor"

NOISE = 12.0  # standard deviation, of 255


class _PoorSensor:
    """A simulator whose pictures are degraded, the same noise for the same sequence of pictures."""

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
        noisy = blurred + NOISE * torch.randn(blurred.shape, generator=self._noise, device=blurred.device)
        return noisy.clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def make_simulator(params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """A simulator of such robots."""
    return _PoorSensor(factory.make_simulator(params, n_envs, image_size))
