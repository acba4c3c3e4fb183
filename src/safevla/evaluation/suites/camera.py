"""Camera: mounts and lenses that are further from where they should be than in training."""

from safevla.config.params import SimulatorParams
from safevla.sim import factory
from safevla.sim.interface import Simulator

LABEL = "camera"

JITTER_DEG = (4.0, 8.0, 8.0)  # field of view, pitch and yaw, at most


def make_simulator(params: SimulatorParams, n_envs: int, image_size: tuple[int, int]) -> Simulator:
    """A simulator of such robots."""
    return factory.make_simulator(params, n_envs, image_size, camera_jitter_deg=JITTER_DEG)
