"""The embedded simulator on a GPU: the same scalar physics, rules and geometry, compiled for CUDA, behind the same contract.

One thread moves one house. A picture is drawn in tiles by blocks of threads: a block sets up the boxes that its tile may
show in shared memory, nearest first, and then each thread takes some pixels through them. Nothing leaves the GPU; tensors
that `scene` and `render` give are the simulator's own memory.

As on the CPU, except: pixels are computed from the picture's corner instead of from a box's first row, so the last bit of
an inverse depth may differ, and with it the odd pixel at an edge.
"""

import math
from collections.abc import Sequence

import numba
import numpy as np
import torch

from safevla import kernels
from safevla.episodes import Episode
from safevla.packed import Packed
from safevla.sim import robot
from safevla.sim.embedded import note_seen, pixels_needed, slip_of
from safevla.sim.geometry import RADIANS, to_local, to_world
from safevla.sim.interface import CAMERAS, NOTHING, Action, Scene, SimulatorError, Transition, check_slots
from safevla.sim.physics import MAX_CHAIN, act
from safevla.sim.render import ceiling, covered, face_light, lens, limits, meet, pack, rows_between, shade, slabs, weave
from safevla.sim.state import ARRAYS, State, blank, mounts, scene

cuda = kernels.cuda()
_int32, _int64, _float32, _float64 = numba.int32, numba.int64, numba.float32, numba.float64

_THREADS = 128
_PER_THREAD = 8  # pixels
_AT_ONCE = 128  # boxes in shared memory; a tile that shows more draws them in turns
MAX_BOXES = 1024  # of a house
_NEAR = 25  # the column of a box's numbers that says where it begins, after three slabs of seven and its texture's four


class CudaSimulator:
    """Implements `sim.interface.Simulator` on a GPU; options as `EmbeddedSimulator`'s."""

    packs = True

    def __init__(
        self,
        n_envs: int,
        image_size: tuple[int, int] = (36, 64),
        robot_name: str = "stretch",
        actuation_noise: float = 0.0,
        camera_jitter_deg: tuple[float, float, float] = robot.CAMERA_JITTER_DEG,
        device: torch.device | str = "cuda",
    ):
        if not 0.0 <= actuation_noise < 1.0:
            raise SimulatorError(f"actuation_noise is {actuation_noise}, expected a share from 0 to 1")
        self.n_envs, self.image_size, self.device = n_envs, tuple(image_size), torch.device(device)
        self.robot_name, self.camera_jitter_deg = robot_name, camera_jitter_deg
        self._actuation_noise = actuation_noise
        self._mount = torch.from_numpy(mounts(robot_name)).to(self.device)
        self._arrays = self._moved(State(n_envs, mounts(robot_name), camera_jitter_deg))
        b, c, (h, w) = n_envs, len(CAMERAS), self.image_size
        self._rgb = torch.zeros(b, c, h, w, 3, dtype=torch.uint8, device=self.device)
        # filled once somebody has asked for them
        self._depth = torch.zeros(0, c, h, w, device=self.device)
        self._ids = torch.zeros(0, c, h, w, dtype=torch.int32, device=self.device)
        self._near = torch.zeros(b, self._capacity, dtype=torch.int64, device=self.device)
        self._needed = pixels_needed(self.image_size)
        self._everybody = torch.arange(n_envs, device=self.device)

    def _moved(self, state: State) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(getattr(state, name)).to(self.device) for name in ARRAYS}

    @property
    def _capacity(self) -> int:
        return self._arrays["pose"].shape[1]

    # the contract ------------------------------------------------------------------------------------------

    def reset(self, episodes: Sequence[Episode]) -> Scene:
        return self.reset_some(range(self.n_envs), episodes)

    def reset_some(self, slots: Sequence[int], episodes: Sequence[Episode]) -> Scene:
        slots = list(slots)
        check_slots(slots, episodes)
        if not slots:
            return self.scene()
        packed = Packed.of(episodes, self.robot_name, self.camera_jitter_deg).to(self.device)
        return self.reset_packed(torch.tensor(slots, device=self.device), packed, torch.arange(len(slots), device=self.device))

    def reset_packed(self, slots: torch.Tensor, packed: Packed, rows: torch.Tensor) -> Scene:
        if packed.arrays["pose"].shape[1] > MAX_BOXES:
            raise SimulatorError(f"a house of over {MAX_BOXES} boxes: the GPU's simulator cannot count their pixels")
        for name in ARRAYS:
            new = packed.arrays[name]
            if any(more > have for more, have in zip(new.shape[1:], self._arrays[name].shape[1:], strict=True)):
                self._grow(packed)
                break
        for name in ARRAYS:
            mine, new = self._arrays[name], packed.arrays[name].index_select(0, rows)
            if mine.shape[1:] == new.shape[1:]:
                mine.index_copy_(0, slots, new)
                continue
            whole = blank(name, (len(slots), *mine.shape[1:]), self.device)
            whole[tuple(slice(0, size) for size in new.shape)] = new
            mine.index_copy_(0, slots, whole)
        self._observe(slots)
        return self.scene()

    def _grow(self, packed: Packed) -> None:
        """Make room for the largest of these houses."""
        for name in ARRAYS:
            old = self._arrays[name]
            size = tuple(max(pair) for pair in zip(old.shape[1:], packed.arrays[name].shape[1:], strict=True))
            if size == old.shape[1:]:
                continue
            self._arrays[name] = blank(name, (self.n_envs, *size), self.device)
            self._arrays[name][tuple(slice(0, n) for n in old.shape)] = old
        self._near = torch.zeros(self.n_envs, self._capacity, dtype=torch.int64, device=self.device)

    def step(self, actions: torch.Tensor) -> Transition:
        actions = actions.to(self.device)
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        before = self.scene(copy=True)
        s = self._arrays
        kernels.run_on_cuda(
            _step_all, -(-self.n_envs // 32), 32, actions, s["robot"], s["held"], s["grip"], s["pose"], s["half"], s["kind"],
            s["support"], s["n_boxes"], s["step"], s["seed"], np.float64(self._actuation_noise), self._near, s["blocker"],
            s["changed"],
        )  # fmt: skip
        self._observe(self._everybody)
        succeeded = (s["changed"] & (s["blocker"] == NOTHING)) | (actions >= Action.DONE)
        return Transition(before, actions, self.scene(), s["blocker"].clone(), succeeded)

    def lost(self) -> list[int]:
        return []

    def render(self) -> dict[str, torch.Tensor]:
        return {name: self._rgb[:, c] for c, name in enumerate(CAMERAS)}

    def close(self) -> None:
        pass

    # ------------------------------------------------------------------------------------------------------

    def render_depth(self) -> dict[str, torch.Tensor]:
        """Metres along each pixel's optical axis, {camera: (B, H, W) float32}; infinite in the sky."""
        if len(self._depth) == 0:
            self._depth = torch.zeros(self.n_envs, *self._depth.shape[1:], device=self.device)
            self._draw(self._everybody)
        return {name: self._depth[:, c] for c, name in enumerate(CAMERAS)}

    def render_ids(self) -> dict[str, torch.Tensor]:
        """Box slot per pixel, {camera: (B, H, W) int32}; NOTHING where there is none."""
        if len(self._ids) == 0:
            self._ids = torch.zeros(self.n_envs, *self._ids.shape[1:], dtype=torch.int32, device=self.device)
            self._draw(self._everybody)
        return {name: self._ids[:, c] for c, name in enumerate(CAMERAS)}

    def scene(self, copy: bool = False) -> Scene:
        """The current scene; its tensors share the simulator's memory, unless a copy of what steps change is asked for."""
        return scene(self._arrays.__getitem__, copy)

    def _observe(self, slots: torch.Tensor) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        s = self._arrays
        kernels.run_on_cuda(
            _note_seen, len(slots), 64, slots, s["robot"], s["pose"], s["n_boxes"], s["pixels"], s["visible"], s["seen"],
            self._needed,
        )  # fmt: skip

    def _draw(self, slots: torch.Tensor) -> None:
        s = self._arrays
        s["pixels"][slots] = 0
        height, width = self.image_size
        # tiles of at most as many pixels as a block takes, about as wide as high
        tiles_y = max(1, round(height / math.sqrt(_THREADS * _PER_THREAD)))
        tiles_x = -(-width // (_THREADS * _PER_THREAD // -(-height // tiles_y)))
        kernels.run_on_cuda(
            _draw_tiles, len(slots) * len(CAMERAS) * tiles_x * tiles_y, _THREADS, slots, tiles_x, tiles_y, self._mount,
            s["camera"], s["robot"], s["pose"], s["half"], s["colour"], s["pattern"], s["n_boxes"], s["lights"], s["n_lights"],
            s["room"], self._rgb, self._depth, self._ids, s["pixels"],
        )  # fmt: skip


@cuda.jit
def _step_all(
    actions, state, held, grip, pose, half, kind, support, n_boxes, step, seed, actuation_noise, near, blocker, changed
):  # fmt: skip
    e = cuda.grid(1)
    if e < actions.shape[0]:
        chain = cuda.local.array(MAX_CHAIN, _int64)
        old = cuda.local.array(6, _float32)
        new = cuda.local.array(6, _float32)
        met, taken, moved = act(
            actions[e], state[e], _int64(held[e]), grip[e], pose[e], half[e], kind[e], support[e], _int64(n_boxes[e]),
            slip_of(seed[e], step[e], actuation_noise), near[e], chain, old, new,
        )  # fmt: skip
        blocker[e] = met
        held[e] = taken
        changed[e] = moved
        step[e] += 1


@cuda.jit
def _note_seen(slots, state, pose, n_boxes, pixels, visible, seen, needed):
    """A block for each environment."""
    e = slots[cuda.blockIdx.x]
    m = cuda.threadIdx.x
    while m < n_boxes[e]:
        note_seen(m, state[e], pose[e], pixels[e], visible[e], seen[e], needed)
        m += cuda.blockDim.x


@cuda.jit
def _draw_tiles(
    slots, tiles_x, tiles_y, mount, camera, state, pose, half, colour, pattern, n_boxes, lights, n_lights, room,
    rgb, depth, ids, pixels,
):  # fmt: skip
    """Draw a tile of a picture, a block each: into rgb (B, C, H, W, 3), depth and ids (B or 0, C, H, W), pixels (B, C, M)."""
    box = cuda.shared.array((_AT_ONCE, 26), _float32)
    where = cuda.shared.array((_AT_ONCE, 5), _int32)  # slot, and what part of the tile it may cover
    face = cuda.shared.array((_AT_ONCE, 6), _int32)  # colours
    order = cuda.shared.array(_AT_ONCE, _int32)  # nearest first
    n_shown = cuda.shared.array(1, _int32)
    counter = cuda.shared.array(MAX_BOXES, _int32)
    slab = cuda.local.array((3, 7), _float64)
    limit = cuda.local.array((18, 3), _float64)
    inverse = cuda.local.array(_PER_THREAD, _float32)
    slot = cuda.local.array(_PER_THREAD, _int32)
    packed = cuda.local.array(_PER_THREAD, _int32)

    height, width = rgb.shape[2], rgb.shape[3]
    thread = cuda.threadIdx.x
    job = cuda.blockIdx.x
    tile, job = job % (tiles_x * tiles_y), job // (tiles_x * tiles_y)
    c, e = job % mount.shape[0], slots[job // mount.shape[0]]
    tile_height, tile_width = (height + tiles_y - 1) // tiles_y, (width + tiles_x - 1) // tiles_x
    top, left = (tile // tiles_x) * tile_height, (tile % tiles_x) * tile_width
    bottom, right = min(height, top + tile_height), min(width, left + tile_width)
    n = n_boxes[e]

    yaw = state[e, 2] * RADIANS
    off_x, off_z = to_world(mount[c, 0], mount[c, 2], math.sin(yaw), math.cos(yaw))
    eye_x, eye_y, eye_z = state[e, 0] + off_x, mount[c, 1], state[e, 1] + off_z
    heading = (state[e, 2] + camera[e, c, 2]) * RADIANS
    sin_yaw, cos_yaw = math.sin(heading), math.cos(heading)
    view = lens(width, height, camera[e, c, 0], camera[e, c, 1])

    for k in range(_PER_THREAD):  # ceiling and sky
        row = top + (k * _THREADS + thread) // tile_width
        rise = -view[0] + (view[4] + view[5] * row) * view[1]
        above = max(0.0, rise / (room[e, 0] - eye_y))
        inverse[k], slot[k] = above, NOTHING
        packed[k] = ceiling(room[e, 1:4]) if above > 0.0 else pack(room[e, 4], room[e, 5], room[e, 6])
    for m in range(thread, n, _THREADS):
        counter[m] = 0

    for first in range(0, n, _AT_ONCE):
        if thread == 0:
            n_shown[0] = 0
        cuda.syncthreads()
        for m in range(first + thread, min(n, first + _AT_ONCE), _THREADS):
            dx, dy, dz = pose[e, m, 0] - eye_x, pose[e, m, 1] - eye_y, pose[e, m, 2] - eye_z
            hx, hy, hz = half[e, m, 0], half[e, m, 1], half[e, m, 2]
            radius = math.sqrt(hx * hx + hy * hy + hz * hz)
            row_0, row_1, x_0, x_1, near = covered(dx, dy, dz, radius, sin_yaw, cos_yaw, view, width, height)
            row_0, row_1, x_0, x_1 = max(row_0, top), min(row_1, bottom), max(x_0, left), min(x_1, right)
            if row_0 >= row_1 or x_0 >= x_1:
                continue
            turn = pose[e, m, 3] * RADIANS
            sin_box, cos_box = math.sin(turn), math.cos(turn)
            lx, lz = to_local(-dx, -dz, sin_box, cos_box)
            fx, fz = to_local(sin_yaw, cos_yaw, sin_box, cos_box)
            rx, rz = to_local(cos_yaw, -sin_yaw, sin_box, cos_box)
            if not slabs(lx, -dy, lz, hx, hy, hz, fx, fz, rx, rz, view, slab):
                continue
            row_0, row_1 = rows_between(limit, limits(slab, limit), float(x_0), x_1 - 1.0, row_0, row_1)
            if row_0 >= row_1:
                continue
            i = cuda.atomic.add(n_shown, 0, 1)
            for axis in range(3):
                for column in range(7):
                    box[i, 7 * axis + column] = slab[axis, column]
            box[i, 21], box[i, 22], box[i, 23], box[i, 24] = weave(pattern[e, m], lx, -dy, lz, fx, fz, rx, rz, view)
            box[i, _NEAR] = near
            where[i, 0], where[i, 1], where[i, 2], where[i, 3], where[i, 4] = m, row_0, row_1, x_0, x_1
        cuda.syncthreads()
        shown = n_shown[0]
        for i in range(thread, shown, _THREADS):
            rank = 0
            for j in range(shown):
                if box[j, _NEAR] < box[i, _NEAR] or (box[j, _NEAR] == box[i, _NEAR] and where[j, 0] < where[i, 0]):
                    rank += 1
            order[rank] = i
        for job in range(thread, 3 * shown, _THREADS):
            i, side = job // 3, job % 3
            m = where[i, 0]
            light = face_light(m, side, pose[e], half[e], eye_x, eye_y, eye_z, lights[e], n_lights[e])
            face[i, 2 * side] = shade(m, 0, light, colour[e], pattern[e])
            face[i, 2 * side + 1] = shade(m, 1, light, colour[e], pattern[e])
        cuda.syncthreads()

        for k in range(_PER_THREAD):
            row, x = top + (k * _THREADS + thread) // tile_width, left + (k * _THREADS + thread) % tile_width
            if row >= bottom or x >= right:
                continue
            old, old_slot, old_packed = inverse[k], slot[k], packed[k]
            row_f, x_f = _float32(row), _float32(x)
            for place in range(shown):
                i = order[place]
                if old * box[i, _NEAR] > _float32(1.0001):
                    break  # all that follow begin behind what is there
                if row < where[i, 1] or row >= where[i, 2] or x < where[i, 3] or x >= where[i, 4]:
                    continue
                w, seen, side = meet(
                    row_f, x_f,
                    box[i, 0], (box[i, 1], box[i, 2], box[i, 3], box[i, 4], box[i, 5], box[i, 6]),
                    box[i, 7], (box[i, 8], box[i, 9], box[i, 10], box[i, 11], box[i, 12], box[i, 13]),
                    box[i, 14], (box[i, 15], box[i, 16], box[i, 17], box[i, 18], box[i, 19], box[i, 20]),
                    _float32(-1.0),
                )  # fmt: skip
                # of two at the same depth the first is seen, in whatever order they are drawn
                if seen and (w > old or (w == old and 0 <= where[i, 0] < old_slot)):
                    at = box[i, 21] + box[i, 22] * row_f + box[i, 23] * x_f
                    old, old_slot = w, where[i, 0]
                    old_packed = face[i, side + (_int32(at / w + box[i, 24]) & 1)]
            inverse[k], slot[k], packed[k] = old, old_slot, old_packed
        cuda.syncthreads()

    for k in range(_PER_THREAD):
        row, x = top + (k * _THREADS + thread) // tile_width, left + (k * _THREADS + thread) % tile_width
        if row >= bottom or x >= right:
            continue
        if slot[k] >= 0:
            cuda.atomic.add(counter, slot[k], 1)
        rgb[e, c, row, x, 0] = packed[k] & 255
        rgb[e, c, row, x, 1] = (packed[k] >> 8) & 255
        rgb[e, c, row, x, 2] = (packed[k] >> 16) & 255
        if depth.shape[0] > 0:
            depth[e, c, row, x] = _float32(1.0) / inverse[k]
        if ids.shape[0] > 0:
            ids[e, c, row, x] = slot[k]
    cuda.syncthreads()
    for m in range(thread, n, _THREADS):
        if counter[m] > 0:
            cuda.atomic.add(pixels, (e, c, m), counter[m])
