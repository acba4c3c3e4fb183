"""The simulator that the parameters name: the embedded one, on either device, or AI2-THOR behind the same contract."""

import importlib
from typing import Any

from safevla.config.params import SimulatorParams
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import Simulator


def make_simulator(params: SimulatorParams, n_envs: int, image_size: tuple[int, int], **robot_options: Any) -> Simulator:
    """A simulator of n_envs episodes whose cameras draw image_size (height, width).

    robot_options: actuation_noise and camera_jitter_deg, for the embedded simulator only.
    """
    # by name, because a stage depends on every module that its code imports, and on these only where they are chosen
    if params.name == "embedded" and params.device == "cuda":
        return importlib.import_module("safevla.sim.cuda").CudaSimulator(n_envs, image_size, params.robot, **robot_options)
    if params.name == "embedded":
        return EmbeddedSimulator(n_envs, image_size, params.robot, **robot_options)
    thor = importlib.import_module("safevla.sim.thor.adapter")
    return thor.ThorSimulator(n_envs, image_size, params.robot, params.thor)
