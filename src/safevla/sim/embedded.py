"""The embedded simulator: B furnished houses at once on the CPU, behind the simulator's contract.

`sim.state` holds the environments' arrays, `sim.step` moves them and `sim.render` draws them; here, threads share the
environments. An environment is independent of its neighbours, so a batch of B gives bit for bit what B batches of one give.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numba import get_num_threads, prange

from safevla.runtime.kernels import kernel, parallel_kernel
from safevla.sim import robot
from safevla.sim.actions import N_ACTIONS, Action
from safevla.sim.appearance import Appearance
from safevla.sim.boxes import Boxes
from safevla.sim.contact import MAX_CHAIN
from safevla.sim.geometry import RADIANS, to_world
from safevla.sim.interface import CAMERAS, NOTHING, Scene, SceneStart, SimulatorError, Transition, check_slots
from safevla.sim.light import N_FACES, relight
from safevla.sim.motion import YAW, X, Z
from safevla.sim.render import BLOCK, CODE, INVERSE, colour_in, draw, new_canvas
from safevla.sim.state import ARRAYS, SimState, blank, mounts, scene
from safevla.sim.step import note_seen, pixels_needed, step_row
from safevla.sim.view import view_of


class EmbeddedSimulator:
    """The default simulator. Implements `sim.interface.Simulator` on the CPU.

    image_size: (height, width) in pixels. robot_name: one of `robot.ROBOTS`.
    actuation_noise: the largest share by which a motion of the base falls short of, or exceeds, what was asked; how much it
    does at a step follows from the episode's seed. camera_jitter_deg: how far a camera's field of view, pitch and yaw are at
    most from what they should be; that follows from the seed too.
    Raises SimulatorError where one of them makes no sense.
    """

    image_size: tuple[int, int]  # (height, width) in pixels
    takes_arrays = True

    def __init__(
        self,
        n_envs: int,
        image_size: tuple[int, int] = (36, 64),
        robot_name: str = "stretch",
        actuation_noise: float = 0.0,
        camera_jitter_deg: tuple[float, float, float] = robot.CAMERA_JITTER_DEG,
    ):
        if not 0.0 <= actuation_noise < 1.0:
            raise SimulatorError(f"actuation_noise is {actuation_noise}, expected a share from 0 to 1")
        self.n_envs, self.image_size, self.device = n_envs, tuple(image_size), torch.device("cpu")
        self.robot_name, self.camera_jitter_deg = robot_name, camera_jitter_deg
        self.state = SimState(n_envs, mounts(robot_name), camera_jitter_deg)
        self._actuation_noise = actuation_noise
        b, c, (h, w) = n_envs, len(CAMERAS), self.image_size
        self._rgb = np.zeros((b, c, h, w, 3), np.uint8)
        # filled once somebody has asked for them
        self._depth = np.zeros((0, c, h, w), np.float32)
        self._ids = np.zeros((0, c, h, w), np.int32)
        self._needed = pixels_needed(self.image_size)

    # the contract ------------------------------------------------------------------------------------------

    def reset(self, starts: Sequence[SceneStart]) -> Scene:
        return self.reset_some(range(self.n_envs), starts)

    def reset_some(self, slots: Sequence[int], starts: Sequence[SceneStart]) -> Scene:
        slots = list(slots)
        check_slots(slots, starts)
        for slot, start in zip(slots, starts, strict=True):
            self.state.load(slot, start)
        self.observe(np.asarray(slots, np.int64))
        return self.scene()

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        self.state.fit(arrays)
        for name in ARRAYS:
            mine, new = self._array(name), arrays[name][rows]
            mine[slots] = blank(name, (len(slots), *mine.shape[1:]), self.device)
            mine[(slots, *(slice(0, size) for size in new.shape[1:]))] = new
        self.observe(slots.numpy())
        return self.scene()

    def step(self, actions: torch.Tensor) -> Transition:
        actions = torch.as_tensor(actions)
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        chosen = actions.numpy().astype(np.int64)
        if chosen.min() < 0 or chosen.max() >= N_ACTIONS:
            raise SimulatorError(f"actions must be 0 to {N_ACTIONS - 1}")
        before = self.scene(copy=True)
        s = self.state
        _step_all(
            chosen, s.robot_state, s.held, s.grip, s.pose, s.half, s.mobility, s.n_boxes, s.support, s.step, s.seed,
            self._actuation_noise, s.blocker, s.changed,
        )  # fmt: skip
        self.observe(np.arange(self.n_envs))
        succeeded = torch.from_numpy(self.state.changed & (self.state.blocker == NOTHING)) | (actions >= Action.DONE)
        return Transition(before, actions.long(), self.scene(), torch.from_numpy(self.state.blocker.copy()), succeeded)

    def aborted(self) -> list[int]:
        return []

    def render(self) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(self._rgb[:, c]) for c, name in enumerate(CAMERAS)}

    def render_depth(self) -> dict[str, torch.Tensor]:
        """Metres along the optical axis, infinite for the sky, (B, H, W) float32 a camera."""
        if not len(self._depth):
            self._depth = np.zeros((self.n_envs, *self._depth.shape[1:]), np.float32)
            self._draw(np.arange(self.n_envs))
        return {name: torch.from_numpy(self._depth[:, c]) for c, name in enumerate(CAMERAS)}

    def render_ids(self) -> dict[str, torch.Tensor]:
        """Box slot per pixel, −1 for ceiling and sky, (B, H, W) int32 a camera."""
        if not len(self._ids):
            self._ids = np.zeros((self.n_envs, *self._ids.shape[1:]), np.int32)
            self._draw(np.arange(self.n_envs))
        return {name: torch.from_numpy(self._ids[:, c]) for c, name in enumerate(CAMERAS)}

    def close(self) -> None:
        pass  # it holds nothing but memory

    # -------------------------------------------------------------------------------------------------------

    def scene(self, copy: bool = False) -> Scene:
        """The current scene; its tensors share the simulator's memory, unless a copy of what steps change is asked for."""
        return scene(self._array, copy)

    def _array(self, name: str) -> torch.Tensor:
        return torch.from_numpy(getattr(self.state, name))

    def observe(self, slots: np.ndarray) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        s = self.state
        _note_seen(slots, s.robot_state, s.pose, s.n_boxes, s.pixels, s.visible, s.seen, self._needed)

    def _draw(self, slots: np.ndarray) -> None:
        s = self.state
        _draw_all(
            slots, get_num_threads(), s.mount, s.camera, s.robot_state, s.pose, s.half, s.mobility, s.n_boxes,
            s.parts, s.first_part, s.last_part, s.radius, s.is_wide, s.palette, s.material, s.lights, s.n_lights, s.lit_at,
            s.lit, s.room, s.part_box, s.pixels, self._rgb, self._depth, self._ids,
        )  # fmt: skip


@parallel_kernel
def _step_all(
    actions, robot_state, held, grip, pose, half, mobility, n_boxes, support, step, seed, actuation_noise, blocker, changed
):  # fmt: skip
    """`step_row` for every environment."""
    for e in prange(actions.shape[0]):
        near, chain = np.empty(pose.shape[1], np.int64), np.empty(MAX_CHAIN, np.int64)
        scratch = (near, chain, np.empty(6, np.float32), np.empty(6, np.float32))
        step_row(
            e, actions, robot_state, held, grip, pose, half, mobility, n_boxes, support, step, seed, actuation_noise,
            blocker, changed, scratch,
        )  # fmt: skip


@parallel_kernel
def _draw_all(
    slots, n_threads, mount, camera, robot_state, pose, half, mobility, n_boxes, parts, first_part, last_part, radius, is_wide,
    palette, material, lights, n_lights, lit_at, lit, room, part_box, pixels, rgb, depth, ids,
):  # fmt: skip
    """Draw both pictures of the environments `slots`, every n_threads-th of them on the same canvas.

    Into rgb (B, C, H, W, 3), and into depth and ids (B, C, H, W) where these have rows.
    """
    height, width = rgb.shape[2], rgb.shape[3]
    for thread in prange(n_threads):
        canvas = new_canvas(width, height, pose.shape[1], parts.shape[1])
        for i in range(thread, slots.shape[0], n_threads):
            e = slots[i]
            boxes = Boxes(pose[e], half[e], mobility[e], np.int64(n_boxes[e]))
            looks = Appearance(
                parts[e], part_box[e], first_part[e], last_part[e], radius[e], is_wide[e], palette[e], material[e], lit[e]
            )
            for m in range(boxes.n_boxes):
                relight(pose[e, m], is_wide[e, m], lights[e], n_lights[e], lit_at[e, m], lit[e, m])
            yaw = robot_state[e, YAW] * RADIANS
            for c in range(mount.shape[0]):
                dx, dz = to_world(mount[c, 0], mount[c, 2], math.sin(yaw), math.cos(yaw))
                view = view_of(
                    robot_state[e, X] + dx, mount[c, 1], robot_state[e, Z] + dz,
                    robot_state[e, YAW] + camera[e, c, 2], camera[e, c, 0], camera[e, c, 1], width, height,
                )  # fmt: skip
                draw(view, canvas, boxes, looks, room[e, 0])
                colour_in(canvas, boxes, looks, room[e], rgb[e, c], pixels[e, c])
                if len(ids) > 0:
                    _copy_ids(canvas.shown, part_box[e], last_part[e, boxes.n_boxes - 1], ids[e, c])
                if len(depth) > 0:  # not in a kernel, whose fast divisions need not give infinity
                    for row in range(height):
                        for x in range(width):
                            depth[e, c, row, x] = np.float32(1.0) / canvas.shown[x // BLOCK, row, INVERSE, x % BLOCK]


@kernel
def _copy_ids(shown, part_box, n_parts, ids):
    """A canvas's parts into the slots of their boxes (H, W), NOTHING for ceiling and sky."""
    for row in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            part = int(shown[x // BLOCK, row, CODE, x % BLOCK]) // N_FACES
            ids[row, x] = part_box[part] if part < n_parts else NOTHING


@parallel_kernel
def _note_seen(slots, robot_state, pose, n_boxes, pixels, visible, seen, needed):
    """Enter what the pictures of the environments `slots` show into visible (B, C, M) and seen (B, M)."""
    for i in prange(slots.shape[0]):
        e = slots[i]
        for m in range(n_boxes[e]):
            note_seen(m, robot_state[e], pose[e], pixels[e], visible[e], seen[e], needed)
