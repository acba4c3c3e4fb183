"""The simulator that the parameters name: the embedded one, or AI2-THOR behind the same contract."""

import importlib

from safevla.params import SimulatorParams
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import Simulator


def make_simulator(params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """A simulator of n_envs episodes whose cameras draw image_size (height, width)."""
    if params.name == "embedded":
        return EmbeddedSimulator(n_envs, image_size, params.robot)
    # by name, because a stage depends on every module that its code imports, and on this one only where it is chosen
    thor = importlib.import_module("safevla.sim.thor")
    return thor.ThorSimulator(n_envs, image_size, params.robot, params.thor)
