"""The embedded simulator: B furnished houses at once, moved by `physics` and drawn by `render`, behind the contract.

State lives in one set of arrays, a row per environment and a column per box slot; an environment is independent of its
neighbours, so a batch of B gives bit for bit what B batches of one give. Slots are as many as the largest house so far
needs.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numba import get_num_threads, prange

from safevla.runtime.kernels import kernel, parallel_kernel
from safevla.sim import robot
from safevla.sim.actions import N_ACTIONS, Action
from safevla.sim.contact import MAX_CHAIN
from safevla.sim.geometry import RADIANS, noise, to_world
from safevla.sim.interface import CAMERAS, NEVER, NOTHING, Scene, SceneStart, SimulatorError, Transition, check_slots
from safevla.sim.physics import act
from safevla.sim.render import BLOCK, draw
from safevla.sim.state import ARRAYS, SimState, blank, mounts, scene

SEEN_WITHIN_M = 4.0
# An object is visible when its share of the picture is at least this: one pixel of 36x64, thirty-seven of 224x384.
VISIBLE_SHARE = 1.0 / (36 * 64)


def pixels_needed(image_size: tuple[int, int]) -> int:
    """Pixels of a picture of that size from which an object counts as visible."""
    return max(1, math.ceil(VISIBLE_SHARE * image_size[0] * image_size[1] - 1e-6))


class EmbeddedSimulator:
    """The default simulator. Implements `sim.interface.Simulator` on the CPU.

    `actuation_noise` is the largest share by which a motion of the base falls short of, or exceeds, what was asked; how
    much it does at a step follows from the episode's seed. So does how far a camera's field of view, pitch and yaw are
    from what they should be, at most `camera_jitter_deg`.
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
        self._observe(np.asarray(slots, np.int64))
        return self.scene()

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        self.state.fit(arrays)
        for name in ARRAYS:
            mine, new = self._array(name), arrays[name][rows]
            mine[slots] = blank(name, (len(slots), *mine.shape[1:]), self.device)
            mine[(slots, *(slice(0, size) for size in new.shape[1:]))] = new
        self._observe(slots.numpy())
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
            chosen, s.robot_state, s.held, s.grip, s.pose, s.half, s.mobility, s.support, s.n_boxes, s.step, s.seed,
            self._actuation_noise, s.blocker, s.changed,
        )  # fmt: skip
        self._observe(np.arange(self.n_envs))
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
        self.episodes = [None] * self.n_envs

    # -------------------------------------------------------------------------------------------------------

    def scene(self, copy: bool = False) -> Scene:
        """The current scene; its tensors share the simulator's memory, unless a copy of what steps change is asked for."""
        return scene(self._array, copy)

    def _array(self, name: str) -> torch.Tensor:
        return torch.from_numpy(getattr(self.state, name))

    def _observe(self, slots: np.ndarray) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        s = self.state
        _note_seen(slots, s.robot_state, s.pose, s.n_boxes, s.pixels, s.visible, s.seen, self._needed)

    def _draw(self, slots: np.ndarray) -> None:
        s = self.state
        _draw_all(
            slots, get_num_threads(), s.mount, s.camera, s.robot_state, s.pose, s.half, s.colour, s.pattern, s.n_boxes,
            s.lights, s.n_lights, s.room, self._rgb, self._depth, self._ids, s.pixels,
        )  # fmt: skip


@kernel
def actuation_noise_at(seed, step, actuation_noise):
    """By which share the base goes further than it is told to at an episode's step."""
    return actuation_noise * (2.0 * noise(seed, 100 + step) - 1.0)


@kernel
def note_seen(m, state, pose, pixels, visible, seen, needed):
    """Enter what the pictures show of box m of one environment into visible (C, M) and seen (M,)."""
    if seen[m] < NEVER:
        seen[m] += 1
    off_x, off_z = pose[m, 0] - state[0], pose[m, 2] - state[1]
    is_near = off_x * off_x + off_z * off_z <= SEEN_WITHIN_M * SEEN_WITHIN_M
    for c in range(pixels.shape[0]):
        visible[c, m] = pixels[c, m] >= needed
        if visible[c, m] and is_near:
            seen[m] = 0


@parallel_kernel
def _step_all(
    actions, state, held, grip, pose, half, mobility, support, n_boxes, step, seed, actuation_noise, blocker, changed
):  # fmt: skip
    capacity = pose.shape[1]
    for e in prange(actions.shape[0]):
        near = np.empty(capacity, np.int64)
        chain = np.empty(MAX_CHAIN, np.int64)
        old = np.empty(6, np.float32)
        new = np.empty(6, np.float32)
        met, taken, moved = act(
            actions[e], state[e], np.int64(held[e]), grip[e], pose[e], half[e], mobility[e], support[e], np.int64(n_boxes[e]),
            actuation_noise_at(seed[e], step[e], actuation_noise), near, chain, old, new,
        )  # fmt: skip
        blocker[e] = met
        held[e] = taken
        changed[e] = moved
        step[e] += 1


@parallel_kernel
def _draw_all(
    slots, n_parts, mount, camera, state, pose, half, colour, pattern, n_boxes, lights, n_lights, room,
    rgb, depth, ids, pixels,
):  # fmt: skip
    """Draw both pictures of the environments `slots`, every n_parts-th of them with the same scratch memory."""
    n_cameras, capacity = mount.shape[0], pose.shape[1]
    height, width = rgb.shape[2], rgb.shape[3]
    n_blocks = -(-width // BLOCK)
    for part in prange(n_parts):
        rgba = np.empty((height, n_blocks * BLOCK), np.int32)
        inverse = np.empty((n_blocks, height * BLOCK), np.float32)
        code = np.empty((n_blocks, height * BLOCK), np.int32)
        table = np.empty(8 * capacity + 8, np.int32)
        count = np.empty(4 * capacity + 4, np.int32)
        for i in range(part, slots.shape[0], n_parts):
            e = slots[i]
            n = n_boxes[e]
            yaw = state[e, 2] * RADIANS
            for c in range(n_cameras):
                dx, dz = to_world(mount[c, 0], mount[c, 2], np.sin(yaw), np.cos(yaw))
                draw(
                    width, rgba, pixels[e, c], inverse, code, table, count,
                    pose[e], half[e], colour[e], pattern[e], n,
                    state[e, 0] + dx, mount[c, 1], state[e, 1] + dz,
                    state[e, 2] + camera[e, c, 2], camera[e, c, 0], camera[e, c, 1],
                    lights[e], n_lights[e], room[e, 0], room[e, 1:4], room[e, 4:7],
                )  # fmt: skip
                for row in range(height):
                    for x in range(width):
                        colours = rgba[row, x]
                        for channel in range(3):
                            rgb[e, c, row, x, channel] = colours >> 8 * channel & 255
                if len(ids) > 0:
                    for row in range(height):
                        for x in range(width):
                            box = code[x // BLOCK, row * BLOCK + x % BLOCK] >> 3
                            ids[e, c, row, x] = box if box < n else NOTHING
                if len(depth) > 0:
                    for row in range(height):
                        for x in range(width):
                            depth[e, c, row, x] = np.float32(1.0) / inverse[x // BLOCK, row * BLOCK + x % BLOCK]


@parallel_kernel
def _note_seen(slots, state, pose, n_boxes, pixels, visible, seen, needed):
    """Enter what the pictures show into visible (B, C, M) and seen (B, M)."""
    for i in prange(slots.shape[0]):
        e = slots[i]
        for m in range(n_boxes[e]):
            note_seen(m, state[e], pose[e], pixels[e], visible[e], seen[e], needed)
