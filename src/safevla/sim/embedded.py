"""The embedded simulator: B furnished houses at once, moved by `physics` and drawn by `render`, behind the contract.

State lives in one set of arrays, a row per environment and a column per box slot; an environment is independent of its
neighbours, so a batch of B gives bit for bit what B batches of one give. Slots are as many as the largest house so far
needs.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numba import get_num_threads, prange

from safevla import navigation
from safevla.episodes import Episode
from safevla.kernels import parallel_kernel
from safevla.layout import STRUCTURE
from safevla.sim import robot
from safevla.sim.geometry import RADIANS, noise, to_world
from safevla.sim.interface import CAMERAS, N_ACTIONS, NEVER, NOTHING, Action, Scene, SimulatorError, Transition, check_slots
from safevla.sim.physics import ARM_ROWS, MAX_CHAIN, act
from safevla.sim.render import BLOCK, draw

SEEN_WITHIN_M = 4.0
# An object is visible when its share of the picture is at least this: one pixel of 36x64, thirty-seven of 224x384.
VISIBLE_SHARE = 1.0 / (36 * 64)
_MAX_LIGHTS = 16


class EmbeddedSimulator:
    """The default simulator. Implements `sim.interface.Simulator` on the CPU.

    `actuation_noise` is the largest share by which a motion of the base falls short of, or exceeds, what was asked; how
    much it does at a step follows from the episode's seed. So does how far a camera's field of view, pitch and yaw are
    from what they should be, at most `camera_jitter_deg`.
    """

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
        if robot_name not in robot.ROBOTS:
            raise SimulatorError(f"unknown robot {robot_name!r}; the robots are {', '.join(robot.ROBOTS)}")
        self.n_envs, self.image_size = n_envs, tuple(image_size)
        self.episodes: list[Episode | None] = [None] * n_envs
        self._mount = np.asarray([dataclasses.astuple(camera) for camera in robot.ROBOTS[robot_name]], np.float32)
        b, c, (h, w) = n_envs, len(CAMERAS), self.image_size
        self._robot = np.zeros((b, 6), np.float32)
        self._grip = np.zeros((b, 4), np.float32)
        self._held = np.full(b, NOTHING, np.int32)
        self._step = np.zeros(b, np.int32)
        self._seed = np.zeros(b, np.int64)
        self._actuation_noise = actuation_noise
        self._n_boxes = np.zeros(b, np.int32)
        self._camera_jitter_deg = camera_jitter_deg
        self._camera = np.zeros((b, c, 3), np.float32)  # pitch, field of view and yaw as calibrated for the episode
        self._lights = np.zeros((b, _MAX_LIGHTS, 7), np.float32)
        self._n_lights = np.zeros(b, np.int32)
        self._room = np.zeros((b, 7), np.float32)  # ceiling height, ceiling colour, sky colour
        self._rgba = np.zeros((b, c, h, -(-w // BLOCK) * BLOCK), np.int32)
        # filled once somebody has asked for them
        self._depth = np.zeros((0, c, h, w), np.float32)
        self._ids = np.zeros((0, c, h, w), np.int32)
        self._needed = max(1, math.ceil(VISIBLE_SHARE * h * w - 1e-6))
        self._blocker = np.full(b, NOTHING, np.int32)
        self._changed = np.zeros(b, np.bool_)
        self._reachable = np.zeros((b, 1, 1), np.bool_)
        self._reachable_origin = np.zeros((b, 2), np.float32)
        self._capacity = 0
        self._grow(1)

    def _grow(self, n_boxes: int) -> None:
        """Make room for houses of n_boxes boxes."""
        if n_boxes + ARM_ROWS <= self._capacity:
            return
        old, self._capacity = self._capacity, max(n_boxes + ARM_ROWS, int(1.25 * self._capacity))
        b, m, c = self.n_envs, self._capacity, len(CAMERAS)

        def grown(name: str, shape: tuple[int, ...], dtype, fill=0) -> None:
            array = np.full(shape, fill, dtype)
            if old:
                array[tuple(slice(0, n) for n in getattr(self, name).shape)] = getattr(self, name)
            setattr(self, name, array)

        grown("_pose", (b, m, 5), np.float32)
        grown("_half", (b, m, 3), np.float32)
        grown("_kind", (b, m), np.int8, STRUCTURE)
        grown("_type_index", (b, m), np.int16, -1)
        grown("_support", (b, m), np.int16, -1)
        grown("_colour", (b, m, 3), np.uint8)
        grown("_pattern", (b, m), np.uint8)
        grown("_visible", (b, c, m), np.bool_)
        grown("_seen", (b, m), np.int32, NEVER)
        grown("_pixels", (b, c, m), np.int32)

    # the contract ------------------------------------------------------------------------------------------

    def reset(self, episodes: Sequence[Episode]) -> Scene:
        return self.reset_some(range(self.n_envs), episodes)

    def reset_some(self, slots: Sequence[int], episodes: Sequence[Episode]) -> Scene:
        slots = list(slots)
        check_slots(slots, episodes)
        self._grow(max((episode.layout.n_boxes for episode in episodes), default=1))
        for slot, episode in zip(slots, episodes, strict=True):
            self._load(slot, episode)
        self._observe(np.asarray(slots, np.int64))
        return self.scene()

    def step(self, actions: torch.Tensor) -> Transition:
        actions = torch.as_tensor(actions)
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        chosen = actions.numpy().astype(np.int64)
        if chosen.min() < 0 or chosen.max() >= N_ACTIONS:
            raise SimulatorError(f"actions must be 0 to {N_ACTIONS - 1}")
        before = self._snapshot()
        _step_all(
            chosen, self._robot, self._held, self._grip, self._pose, self._half, self._kind, self._support,
            self._n_boxes, self._step, self._seed, self._actuation_noise, self._blocker, self._changed,
        )  # fmt: skip
        self._observe(np.arange(self.n_envs))
        succeeded = torch.from_numpy(self._changed & (self._blocker == NOTHING)) | (actions >= Action.DONE)
        return Transition(before, actions.long(), self.scene(), torch.from_numpy(self._blocker.copy()), succeeded)

    def lost(self) -> list[int]:
        return []

    def render(self) -> dict[str, torch.Tensor]:
        pictures = torch.from_numpy(self._rgba.view(np.uint8).reshape(*self._rgba.shape, 4))
        return {name: pictures[:, c, :, : self.image_size[1], :3] for c, name in enumerate(CAMERAS)}

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

    def scene(self) -> Scene:
        """The current scene; its tensors share the simulator's memory."""
        return self._scene(self._robot, self._pose, self._half, self._held, self._visible, self._seen, self._step)

    def _snapshot(self) -> Scene:
        """The current scene, with its own copy of what the next step may change."""
        return self._scene(
            self._robot.copy(), self._pose.copy(), self._half.copy(), self._held.copy(),
            self._visible.copy(), self._seen.copy(), self._step.copy(),
        )  # fmt: skip

    def _scene(self, state, pose, half, held, visible, seen, step) -> Scene:
        view = torch.from_numpy
        used = slice(0, self._capacity - ARM_ROWS)
        return Scene(
            robot=view(state),
            pose=view(pose)[:, used],
            half=view(half)[:, used],
            kind=view(self._kind)[:, used],
            type_index=view(self._type_index)[:, used],
            n_boxes=view(self._n_boxes),
            held=view(held),
            visible=view(visible)[:, :, used],
            steps_since_seen=view(seen)[:, used],
            step=view(step),
            reachable=view(self._reachable),
            reachable_origin=view(self._reachable_origin),
        )

    def _load(self, slot: int, episode: Episode) -> None:
        layout = episode.layout
        n = layout.n_boxes
        self.episodes[slot] = episode
        self._n_boxes[slot] = n
        self._pose[slot] = 0
        self._pose[slot, :n] = navigation.box_poses(layout)
        for name in ("half", "kind", "type_index", "support", "colour", "pattern"):
            array = getattr(self, f"_{name}")
            array[slot, n:] = {"kind": STRUCTURE, "type_index": -1, "support": -1}.get(name, 0)
            array[slot, :n] = getattr(layout, name)
        self._seed[slot] = episode.seed
        self._seen[slot] = NEVER
        self._visible[slot] = False
        self._pixels[slot] = 0
        x, z, yaw_deg = episode.start
        wrapped = (yaw_deg + 180.0) % 360.0 - 180.0
        self._robot[slot] = (x, z, wrapped, robot.REST_LIFT_M, robot.REST_EXTENSION_M, robot.REST_WRIST_DEG)
        self._held[slot], self._step[slot], self._blocker[slot] = NOTHING, 0, NOTHING
        fov_jitter, pitch_jitter, yaw_jitter = self._camera_jitter_deg
        for c in range(len(CAMERAS)):
            self._camera[slot, c, 0] = self._mount[c, 4] + pitch_jitter * (2.0 * noise(episode.seed, 2 * c) - 1.0)
            self._camera[slot, c, 1] = robot.VERTICAL_FOV_DEG + fov_jitter * (2.0 * noise(episode.seed, 2 * c + 1) - 1.0)
            self._camera[slot, c, 2] = self._mount[c, 3] + yaw_jitter * (2.0 * noise(episode.seed, 50 + c) - 1.0)
        lights = layout.lights[:_MAX_LIGHTS]
        self._lights[slot, : len(lights)], self._n_lights[slot] = lights, len(lights)
        self._room[slot] = (layout.ceiling_m, *layout.ceiling_colour, *layout.sky_colour)
        reachable, origin = navigation.reachable_grid(layout)
        size = np.maximum(self._reachable.shape[1:], reachable.shape)
        if tuple(size) != self._reachable.shape[1:]:
            grown = np.zeros((self.n_envs, *size), np.bool_)
            grown[:, : self._reachable.shape[1], : self._reachable.shape[2]] = self._reachable
            self._reachable = grown
        self._reachable[slot] = False
        self._reachable[slot, : reachable.shape[0], : reachable.shape[1]] = reachable
        self._reachable_origin[slot] = origin

    def _observe(self, slots: np.ndarray) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        _note_seen(slots, self._robot, self._pose, self._n_boxes, self._pixels, self._visible, self._seen, self._needed)

    def _draw(self, slots: np.ndarray) -> None:
        _draw_all(
            slots, get_num_threads(), self.image_size[1], self._mount, self._camera, self._robot, self._pose, self._half,
            self._colour, self._pattern, self._n_boxes, self._lights, self._n_lights, self._room,
            self._rgba, self._depth, self._ids, self._pixels,
        )  # fmt: skip


@parallel_kernel
def _step_all(
    actions, state, held, grip, pose, half, kind, support, n_boxes, step, seed, actuation_noise, blocker, changed
):  # fmt: skip
    capacity = pose.shape[1]
    for e in prange(actions.shape[0]):
        near = np.empty(capacity, np.int64)
        chain = np.empty(MAX_CHAIN, np.int64)
        old = np.empty(6, np.float32)
        new = np.empty(6, np.float32)
        slip = actuation_noise * (2.0 * noise(seed[e], 100 + step[e]) - 1.0)
        met, taken, moved = act(
            actions[e], state[e], np.int64(held[e]), grip[e], pose[e], half[e], kind[e], support[e], np.int64(n_boxes[e]),
            slip, near, chain, old, new,
        )  # fmt: skip
        blocker[e] = met
        held[e] = taken
        changed[e] = moved
        step[e] += 1


@parallel_kernel
def _draw_all(
    slots, n_parts, width, mount, camera, state, pose, half, colour, pattern, n_boxes, lights, n_lights, room,
    rgba, depth, ids, pixels,
):  # fmt: skip
    """Draw both pictures of the environments `slots`, every n_parts-th of them with the same scratch memory."""
    n_cameras, capacity = mount.shape[0], pose.shape[1]
    height, n_blocks = rgba.shape[2], rgba.shape[3] // BLOCK
    for part in prange(n_parts):
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
                    width, rgba[e, c], pixels[e, c], inverse, code, table, count,
                    pose[e], half[e], colour[e], pattern[e], n,
                    state[e, 0] + dx, mount[c, 1], state[e, 1] + dz,
                    state[e, 2] + camera[e, c, 2], camera[e, c, 0], camera[e, c, 1],
                    lights[e], n_lights[e], room[e, 0], room[e, 1:4], room[e, 4:7],
                )  # fmt: skip
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
            if seen[e, m] < NEVER:
                seen[e, m] += 1
            off_x, off_z = pose[e, m, 0] - state[e, 0], pose[e, m, 2] - state[e, 1]
            is_near = off_x * off_x + off_z * off_z <= SEEN_WITHIN_M * SEEN_WITHIN_M
            for c in range(pixels.shape[1]):
                visible[e, c, m] = pixels[e, c, m] >= needed
                if visible[e, c, m] and is_near:
                    seen[e, m] = 0
