"""Views: what both cameras of robots show that stand anywhere in houses, and what the simulator knows of it.

Half of the robots begin near an object that a task may ask for, turned so that a camera may show it. Then they act at random for
a while, so arms move, things are pushed and toppled, and taken.
"""

from typing import NamedTuple

import torch
from torch.nn import functional

from safevla.env import privileged_targets
from safevla.imitation.house_pool import Houses
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.interface import CAMERAS, REACHABLE_CELL_M, Scene, Simulator
from safevla.sim.motion import EXTENSION, LIFT, WRIST, YAW, X, Z
from safevla.sim.state import mounts

_CANDIDATES = 16  # places among which the one whose distance suits is chosen
_NEAR_M = (0.6, 2.8)  # of the object that a robot begins near
_ASIDE_DEG = 38.0  # at most, from a camera's axis to that object
_STRETCHED = 0.3  # share of robots that begin with the arm anywhere
_NEAREST_M = 0.2  # depths below count as this
_MOTIONS = [action for action in Action if action not in (Action.DONE, Action.SUB_DONE)]


class Views(NamedTuple):
    """B robots' views, cameras in the order of CAMERAS."""

    pixels: torch.Tensor  # (B, C, H, W, 3) uint8
    class_map: torch.Tensor  # (B, C, N_CLASSES, gh, gw) uint8
    inverse_depth: torch.Tensor  # (B, C, gh, gw) 1/m, means of cells
    polar_occupancy: torch.Tensor  # (B, N_POLAR_OCCUPANCY) uint8
    contacts: torch.Tensor  # (B, N_CONTACT_TARGETS) uint8


class ViewSource:
    """Views of one robot's cameras, a batch after another."""

    def __init__(self, houses: Houses, simulator: Simulator, robot_name: str, grid: tuple[int, int], seed: int, steps: int = 8):
        """steps: random actions between a robot's new places."""
        self._houses, self._simulator, self._grid, self._steps = houses, simulator, grid, steps
        self._mount = torch.from_numpy(mounts(robot_name)).to(houses.device)
        self._motions = torch.tensor(_MOTIONS, device=houses.device)  # made here: a copy to a GPU waits until the GPU is done
        self._generator = torch.Generator(houses.device).manual_seed(seed)
        self._turn = 0
        self._place(torch.arange(simulator.n_envs, device=houses.device))

    def _rand(self, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=self._generator, device=self._houses.device)

    def _place(self, slots: torch.Tensor) -> None:
        """Put the robots of some slots somewhere in some houses."""
        n, device = len(slots), self.device
        rows = torch.randint(self._houses.size, (n,), generator=self._generator, device=device)
        arrays = {name: array[rows] for name, array in self._houses.arrays.items()}
        x, z, yaw_deg = self._somewhere(arrays)
        state = arrays["robot_state"]
        state[:, X], state[:, Z], state[:, YAW] = x, z, (yaw_deg + 180.0) % 360.0 - 180.0
        is_stretched = self._rand(n) < _STRETCHED
        for column, low, high in (
            (LIFT, 0.0, robot.LIFT_LIMITS_M[1]),
            (EXTENSION, 0.0, robot.EXTENSION_LIMITS_M[1] / 2),
            (WRIST, robot.REST_WRIST_DEG, robot.WRIST_LIMITS_DEG[1]),
        ):
            drawn = low + (high - low) * self._rand(n)
            state[:, column] = torch.where(is_stretched, drawn, state[:, column])
        jitter = 2.0 * self._rand(n, len(CAMERAS), 3) - 1.0
        fov_deg, pitch_deg, turn_deg = robot.CAMERA_JITTER_DEG
        arrays["camera"][..., 0] = self._mount[:, 4] + pitch_deg * jitter[..., 0]
        arrays["camera"][..., 1] = robot.VERTICAL_FOV_DEG + fov_deg * jitter[..., 1]
        arrays["camera"][..., 2] = self._mount[:, 3] + turn_deg * jitter[..., 2]
        self._simulator.reset_arrays(slots, arrays, torch.arange(n, device=device))

    def _somewhere(self, arrays: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A place for a robot in each house, x and z in metres and yaw in degrees, (n,) each: half of them near a target."""
        n, device = len(arrays["pose"]), self.device
        reachable, origin = arrays["reachable"], arrays["reachable_origin"]
        cells = torch.multinomial(reachable.flatten(1) + 1e-9, _CANDIDATES, replacement=True, generator=self._generator)  # (n, K)
        x = origin[:, :1] + REACHABLE_CELL_M * (cells % reachable.shape[2])
        z = origin[:, 1:] + REACHABLE_CELL_M * (cells // reachable.shape[2])
        is_target = privileged_targets.class_of_type(device)[arrays["type_index"].long()] >= 0  # (n, M)
        target = torch.multinomial(is_target + 1e-9, 1, generator=self._generator)
        at_x, at_z = (arrays["pose"][:, :, axis].gather(1, target) for axis in (0, 2))  # (n, 1)
        low_m, high_m = _NEAR_M
        off_m = (torch.hypot(x - at_x, z - at_z) - (low_m + (high_m - low_m) * self._rand(n, 1))).abs()
        is_near = is_target.any(1) & (self._rand(n) < 0.5)
        chosen = torch.where(is_near, off_m.argmin(1), 0)[:, None]
        x, z = x.gather(1, chosen)[:, 0], z.gather(1, chosen)[:, 0]
        camera = torch.randint(len(CAMERAS), (n,), generator=self._generator, device=device)
        bearing_deg = torch.rad2deg(torch.atan2(at_x[:, 0] - x, at_z[:, 0] - z))
        toward_deg = bearing_deg - self._mount[camera, 3] + _ASIDE_DEG * (2.0 * self._rand(n) - 1.0)
        return x, z, torch.where(is_near, toward_deg, 360.0 * self._rand(n))

    @property
    def device(self) -> torch.device:
        return self._houses.device

    def scene(self) -> Scene:
        """What is where now."""
        return self._simulator.scene()

    def ids(self) -> torch.Tensor:
        """Box slots per pixel, (B, C, H, W)."""
        ids = self._simulator.render_ids()
        return torch.stack([ids[name] for name in CAMERAS], 1)

    def next(self) -> Views:
        """New views of every robot."""
        n, device = self._simulator.n_envs, self._houses.device
        self._place(torch.arange(self._turn, n, self._steps, device=device))
        self._turn = (self._turn + 1) % self._steps
        self._simulator.step(self._motions[torch.randint(len(_MOTIONS), (n,), generator=self._generator, device=device)])
        return self.views()

    def views(self) -> Views:
        """What the cameras show now."""
        scene = self._simulator.scene()
        ids, depth = self._simulator.render_ids(), self._simulator.render_depth()
        inverse = torch.stack([1.0 / depth[name].clamp(min=_NEAREST_M) for name in CAMERAS], 1)
        return Views(
            torch.stack([self._simulator.render()[name] for name in CAMERAS], 1),
            privileged_targets.class_map(ids, scene, self._grid),
            functional.adaptive_avg_pool2d(inverse, self._grid),
            privileged_targets.polar_occupancy(scene),
            privileged_targets.contact_targets(scene),
        )
