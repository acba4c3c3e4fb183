"""State: the arrays that hold B environments, and how an episode is written into a row of them.

A row per environment and a column per box slot, in NumPy; the simulator on a GPU keeps the same arrays there and fills its
rows from these. Slots are as many as the largest house so far needs.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from safevla.sim import navigation, robot
from safevla.sim.appearance import radii
from safevla.sim.body import ARM_ROWS
from safevla.sim.boxes import starting_poses
from safevla.sim.geometry import noise
from safevla.sim.interface import CAMERAS, NEVER, NOTHING, Scene, SceneStart, SimulatorError
from safevla.sim.light import MAX_LIGHTS, N_LIT
from safevla.world.boxes import STRUCTURE
from safevla.world.materials import N_COLUMNS as N_MATERIAL
from safevla.world.parts import N_COLOURS, N_COLUMNS

_B, _C, _M, _P = "environments", "cameras", "box slots", "part slots"
# array → (axes, type, what fills it); (Z, X) of `reachable` grow with the houses, as the box slots and the part slots do
_ARRAYS: dict[str, tuple[tuple[str | int, ...], type, float]] = {
    "robot_state": ((_B, 6), np.float32, 0),
    "grip": ((_B, 4), np.float32, 0),
    "held": ((_B,), np.int32, NOTHING),
    "step": ((_B,), np.int32, 0),
    "seed": ((_B,), np.int64, 0),
    "n_boxes": ((_B,), np.int32, 0),
    "camera": ((_B, _C, 3), np.float32, 0),  # pitch, field of view and yaw as calibrated for the episode
    "lights": ((_B, MAX_LIGHTS, 7), np.float32, 0),
    "n_lights": ((_B,), np.int32, 0),
    "room": ((_B, 7), np.float32, 0),  # ceiling height, ceiling colour, sky colour
    "blocker": ((_B,), np.int32, NOTHING),
    "changed": ((_B,), np.bool_, 0),
    "pose": ((_B, _M, 5), np.float32, 0),
    "half": ((_B, _M, 3), np.float32, 0),
    "mobility": ((_B, _M), np.int8, STRUCTURE),
    "type_index": ((_B, _M), np.int16, -1),
    "support": ((_B, _M), np.int16, -1),
    "first_part": ((_B, _M), np.int32, 0),  # as `Appearance` has them
    "last_part": ((_B, _M), np.int32, 0),
    "radius": ((_B, _M), np.float32, 0),
    "is_wide": ((_B, _M), np.bool_, 0),
    "palette": ((_B, _M, N_COLOURS, 3), np.uint8, 0),
    "material": ((_B, _M, N_MATERIAL), np.float32, 0),
    "lit": ((_B, _M, N_LIT), np.float32, 0),  # the light on each box where it was at the pose lit_at, of `light`
    "lit_at": ((_B, _M, 5), np.float32, np.nan),
    "parts": ((_B, _P, N_COLUMNS), np.float32, 0),
    "part_box": ((_B, _P), np.int16, NOTHING),  # the slot of the box that the part belongs to
    "visible": ((_B, _C, _M), np.bool_, 0),
    "seen": ((_B, _M), np.int32, NEVER),
    "pixels": ((_B, _C, _M), np.int32, 0),
    "reachable": ((_B, "z", "x"), np.bool_, 0),
    "reachable_origin": ((_B, 2), np.float32, 0),
}
ARRAYS = tuple(_ARRAYS)
_OF_LAYOUT = ("half", "mobility", "type_index", "support", "palette", "material")
# what a scene's tensors are called here, and the axis of those that have one for the boxes
_OF_SCENE = {field.name: {"steps_since_seen": "seen"}.get(field.name, field.name) for field in dataclasses.fields(Scene)}
_AXIS_OF_BOXES = {name: _ARRAYS[stored][0].index(_M) for name, stored in _OF_SCENE.items() if _M in _ARRAYS[stored][0]}
# what a step changes, as `Scene` names it
_CHANGING = ("robot_state", "pose", "half", "held", "visible", "steps_since_seen", "step")


def mounts(robot_name: str) -> np.ndarray:
    """A robot's cameras, (C, 5) float32: right, up, forward in metres, yaw and pitch in degrees."""
    if robot_name not in robot.ROBOTS:
        raise SimulatorError(f"unknown robot {robot_name!r}; the robots are {', '.join(robot.ROBOTS)}")
    return np.asarray([dataclasses.astuple(camera) for camera in robot.ROBOTS[robot_name]], np.float32)


def blank(name: str, shape: Sequence[int], device: torch.device | str) -> torch.Tensor:
    """An array of that name as it is before anything is loaded."""
    _, dtype, fill = _ARRAYS[name]
    return torch.full(tuple(shape), fill, dtype=torch.from_numpy(np.zeros(0, dtype)).dtype, device=device)


def scene(array: Callable[[str], torch.Tensor], copy: bool = False) -> Scene:
    """The scene that a state's arrays, given by name, are in; with its own copy of what a step may change, if asked for."""
    fields = {name: array(stored) for name, stored in _OF_SCENE.items()}
    for name, axis in _AXIS_OF_BOXES.items():
        fields[name] = fields[name].narrow(axis, 0, fields[name].shape[axis] - ARM_ROWS)
    if copy:
        fields |= {name: fields[name].clone() for name in _CHANGING}
    return Scene(**fields)


class SimState:
    """The arrays of B environments, by the names of ARRAYS; the last ARM_ROWS of the box slots are scratch for the arm."""

    def __init__(self, n_envs: int, mount: np.ndarray, camera_jitter_deg: tuple[float, float, float]):
        self.n_envs, self.mount, self.camera_jitter_deg = n_envs, mount, camera_jitter_deg
        self.capacity, self._n_parts, self._reachable_size = 0, 1, (1, 1)
        self.grow(1)

    def _shape(self, name: str) -> tuple[int, ...]:
        z, x = self._reachable_size
        sizes = {_B: self.n_envs, _C: len(CAMERAS), _M: self.capacity, _P: self._n_parts, "z": z, "x": x}
        return tuple(sizes.get(axis, axis) for axis in _ARRAYS[name][0])

    def grow(self, n_boxes: int, n_parts: int = 1, reachable_size: tuple[int, int] = (1, 1)) -> None:
        """Make room for houses of so many boxes and parts, and grids of reachable positions of that size (Z, X)."""
        if n_boxes + ARM_ROWS > self.capacity:
            self.capacity = max(n_boxes + ARM_ROWS, int(1.25 * self.capacity))
        if n_parts > self._n_parts:
            self._n_parts = max(n_parts, int(1.25 * self._n_parts))
        self._reachable_size = tuple(max(pair) for pair in zip(self._reachable_size, reachable_size, strict=True))
        for name, (_, dtype, fill) in _ARRAYS.items():
            shape, before = self._shape(name), getattr(self, name, None)
            if before is not None and before.shape == shape:
                continue
            array = np.full(shape, fill, dtype)
            if before is not None:
                array[tuple(slice(0, n) for n in before.shape)] = before
            setattr(self, name, array)

    def fit(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Make room for the houses that another state's arrays hold."""
        self.grow(arrays["pose"].shape[1] - ARM_ROWS, arrays["parts"].shape[1], tuple(arrays["reachable"].shape[1:]))

    def load(self, row: int, start: SceneStart) -> None:
        """Write an episode's beginning into a row."""
        layout = start.layout
        n = layout.n_boxes
        reachable, origin = navigation.reachable_grid(layout)
        self.grow(n, len(layout.parts), reachable.shape)
        for name in ARRAYS:
            getattr(self, name)[row] = _ARRAYS[name][2]
        self.n_boxes[row], self.seed[row] = n, start.seed
        self.pose[row, :n] = starting_poses(layout)
        for name in _OF_LAYOUT:
            getattr(self, name)[row, :n] = getattr(layout, name)
        self.parts[row, : len(layout.parts)] = layout.parts
        self.part_box[row, : len(layout.parts)] = np.repeat(np.arange(n), np.diff(layout.first_part))
        self.first_part[row, :n], self.last_part[row, :n] = layout.first_part[:-1], layout.first_part[1:]
        self.radius[row, :n] = radii(layout.parts, layout.first_part)
        self.is_wide[row, :n] = layout.half[:, 0] >= layout.half[:, 2]
        x, z, yaw_deg = start.start
        wrapped = (yaw_deg + 180.0) % 360.0 - 180.0
        self.robot_state[row] = (x, z, wrapped, robot.REST_LIFT_M, robot.REST_EXTENSION_M, robot.REST_WRIST_DEG)
        fov_jitter, pitch_jitter, yaw_jitter = self.camera_jitter_deg
        for c in range(len(CAMERAS)):
            self.camera[row, c, 0] = self.mount[c, 4] + pitch_jitter * (2.0 * noise(start.seed, 2 * c) - 1.0)
            self.camera[row, c, 1] = robot.VERTICAL_FOV_DEG + fov_jitter * (2.0 * noise(start.seed, 2 * c + 1) - 1.0)
            self.camera[row, c, 2] = self.mount[c, 3] + yaw_jitter * (2.0 * noise(start.seed, 50 + c) - 1.0)
        lights = layout.lights[:MAX_LIGHTS]
        self.lights[row, : len(lights)], self.n_lights[row] = lights, len(lights)
        self.room[row] = (layout.ceiling_m, *layout.ceiling_colour, *layout.sky_colour)
        self.reachable[row, : reachable.shape[0], : reachable.shape[1]] = reachable
        self.reachable_origin[row] = origin


def starting_arrays(
    starts: Sequence[SceneStart], robot_name: str, camera_jitter_deg: tuple[float, float, float]
) -> dict[str, torch.Tensor]:
    """The arrays (N, …) of N episodes' beginnings, by the names of ARRAYS, for a robot whose cameras vary by that much."""
    state = SimState(len(starts), mounts(robot_name), camera_jitter_deg)
    for row, start in enumerate(starts):
        state.load(row, start)
    return {name: torch.from_numpy(getattr(state, name)) for name in ARRAYS}
