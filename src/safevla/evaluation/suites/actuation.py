"""Actuation: wheels that slip, so that the base goes less or more far than it is told to."""

from safevla.config.params import SimulatorParams
from safevla.sim import factory
from safevla.sim.interface import Simulator

LABEL = "actuation"

NOISE = 0.3  # share of a motion, at most


def make_simulator(params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """A simulator of such robots."""
    return factory.make_simulator(params, n_envs, image_size, actuation_noise=NOISE)
