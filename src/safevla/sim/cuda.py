"""The embedded simulator on a GPU: the same scalar physics, rules and geometry, compiled for CUDA, behind the same contract.

One thread moves one house. Drawing takes two kernels: one sets up the boxes that a camera may show, nearest first, and one
draws the picture in tiles, each thread taking some pixels through those boxes until all that is left lies behind what it
has. Nothing leaves the GPU; tensors that `scene` and `render` give are the simulator's own memory.

As on the CPU, except: pixels are computed from the picture's corner instead of from a box's first row, so the last bit of
an inverse depth may differ, and with it the odd pixel at an edge.
"""

import math
from collections.abc import Mapping, Sequence

import numba
import numpy as np
import torch

from safevla.runtime import kernels
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.contact import MAX_CHAIN
from safevla.sim.embedded import actuation_noise_at, note_seen, pixels_needed
from safevla.sim.geometry import RADIANS, to_local, to_world
from safevla.sim.interface import CAMERAS, NOTHING, Scene, SceneStart, SimulatorError, Transition, check_slots
from safevla.sim.physics import act
from safevla.sim.render import ceiling, covered, face_light, lens, limits, meet, pack, rows_between, shade, slabs, texture
from safevla.sim.robot_state import ARRAYS, SimState, blank, mounts, scene, starting_arrays

cuda = kernels.cuda()
_int32, _int64, _float32, _float64 = numba.int32, numba.int64, numba.float32, numba.float64

_THREADS = 128
_COLUMNS = 2  # of four pixels that a thread draws
_AT_ONCE = 64  # boxes in shared memory; a picture that shows more draws them in turns
MAX_BOXES = 1024  # of a house
_NEAR = 25  # the column of a box's numbers that says where it begins, after three slabs of seven and its texture's four


class CudaSimulator:
    """Implements `sim.interface.Simulator` on a GPU; options as `EmbeddedSimulator`'s."""

    takes_arrays = True

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
        robot_state = SimState(n_envs, mounts(robot_name), camera_jitter_deg)
        self._arrays = {name: torch.from_numpy(getattr(robot_state, name)).to(self.device) for name in ARRAYS}
        b, c, (h, w) = n_envs, len(CAMERAS), self.image_size
        self._rgb = torch.zeros(b, c, h, w, 3, dtype=torch.uint8, device=self.device)
        # filled once somebody has asked for them
        self._depth = torch.zeros(0, c, h, w, device=self.device)
        self._ids = torch.zeros(0, c, h, w, dtype=torch.int32, device=self.device)
        self._needed = pixels_needed(self.image_size)
        self._everybody = torch.arange(n_envs, device=self.device)
        self._actions = torch.zeros(n_envs, dtype=torch.int64, device=self.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_warm = False  # every kernel of a step has been compiled
        self._bind()

    @property
    def _capacity(self) -> int:
        return self._arrays["pose"].shape[1]

    # the contract ------------------------------------------------------------------------------------------

    def reset(self, starts: Sequence[SceneStart]) -> Scene:
        return self.reset_some(range(self.n_envs), starts)

    def reset_some(self, slots: Sequence[int], starts: Sequence[SceneStart]) -> Scene:
        slots = list(slots)
        check_slots(slots, starts)
        if not slots:
            return self.scene()
        packed = starting_arrays(starts, self.robot_name, self.camera_jitter_deg)
        arrays = {name: array.to(self.device) for name, array in packed.items()}
        return self.reset_arrays(torch.tensor(slots, device=self.device), arrays, torch.arange(len(slots), device=self.device))

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        if arrays["pose"].shape[1] > MAX_BOXES:
            raise SimulatorError(f"a house of over {MAX_BOXES} boxes: the GPU's simulator cannot count their pixels")
        for name in ARRAYS:
            new = arrays[name]
            if any(more > have for more, have in zip(new.shape[1:], self._arrays[name].shape[1:], strict=True)):
                self._grow(arrays)
                break
        for name in ARRAYS:
            mine, new = self._arrays[name], arrays[name].index_select(0, rows)
            if mine.shape[1:] == new.shape[1:]:
                mine.index_copy_(0, slots, new)
                continue
            whole = blank(name, (len(slots), *mine.shape[1:]), self.device)
            whole[tuple(slice(0, size) for size in new.shape)] = new
            mine.index_copy_(0, slots, whole)
        self._observe(slots)
        return self.scene()

    def _grow(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Make room for the largest of these houses."""
        for name in ARRAYS:
            old = self._arrays[name]
            size = tuple(max(pair) for pair in zip(old.shape[1:], arrays[name].shape[1:], strict=True))
            if size == old.shape[1:]:
                continue
            self._arrays[name] = blank(name, (self.n_envs, *size), self.device)
            self._arrays[name][tuple(slice(0, n) for n in old.shape)] = old
        self._bind()

    def _bind(self) -> None:
        """Make the scratch memory anew, and Numba's views of all that lasts, after an array was replaced."""
        b, c, m = self.n_envs, len(CAMERAS), self._capacity
        self._near = torch.zeros(b, m, dtype=torch.int64, device=self.device)
        self._shown = (
            torch.zeros(b, c, m, 26, device=self.device),
            torch.zeros(b, c, m, 11, dtype=torch.int32, device=self.device),
            torch.zeros(b, c, dtype=torch.int32, device=self.device),
            torch.zeros(b, c, 2, device=self.device),
            torch.zeros(b, c, 2, dtype=torch.int32, device=self.device),
        )
        view = kernels.cuda_view  # making one takes longer than launching a kernel
        self._views = {name: view(array) for name, array in self._arrays.items()}
        self._scratch = [view(array) for array in self._shown]
        self._pictures = [view(array) for array in (self._rgb, self._depth, self._ids)]
        self._fixed = {"mount": view(self._mount), "near": view(self._near), "actions": view(self._actions)}
        self._graph = None

    def step(self, actions: torch.Tensor) -> Transition:
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        self._actions.copy_(actions)
        if self._graph is not None:
            self._graph.replay()
        elif not self._is_warm or self.device.type == "cpu":
            self._transition, self._is_warm = self._carry_out(), True
        else:  # the same kernels with the same arguments at every step: recorded once, and started as one
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._transition = self._carry_out()
            self._graph.replay()
        return self._transition

    def _carry_out(self) -> Transition:
        """Carry out `self._actions`."""
        before = self.scene(copy=True)
        v = self._views
        kernels.run_on_cuda(
            _step_all, self.n_envs, 32, self._fixed["actions"], v["robot_state"], v["held"], v["grip"], v["pose"], v["half"], v["mobility"],
            v["support"], v["n_boxes"], v["step"], v["seed"], np.float64(self._actuation_noise), self._fixed["near"],
            v["blocker"], v["changed"],
        )  # fmt: skip
        self._observe(self._everybody)
        changed, blocker = self._arrays["changed"], self._arrays["blocker"]
        succeeded = (changed & (blocker == NOTHING)) | (self._actions >= Action.DONE)
        return Transition(before, self._actions.clone(), self.scene(), blocker.clone(), succeeded)

    def aborted(self) -> list[int]:
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
            self._bind()
            self._draw(self._everybody)
        return {name: self._depth[:, c] for c, name in enumerate(CAMERAS)}

    def render_ids(self) -> dict[str, torch.Tensor]:
        """Box slot per pixel, {camera: (B, H, W) int32}; NOTHING where there is none."""
        if len(self._ids) == 0:
            self._ids = torch.zeros(self.n_envs, *self._ids.shape[1:], dtype=torch.int32, device=self.device)
            self._bind()
            self._draw(self._everybody)
        return {name: self._ids[:, c] for c, name in enumerate(CAMERAS)}

    def scene(self, copy: bool = False) -> Scene:
        """The current scene; its tensors share the simulator's memory, unless a copy of what steps change is asked for."""
        return scene(self._arrays.__getitem__, copy)

    def _observe(self, slots: torch.Tensor) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        v = self._views
        kernels.run_on_cuda(
            _note_seen, len(slots), 64, slots, v["robot_state"], v["pose"], v["n_boxes"], v["pixels"], v["visible"], v["seen"],
            self._needed,
        )  # fmt: skip

    def _draw(self, slots: torch.Tensor) -> None:
        self._arrays["pixels"].index_fill_(0, slots, 0)
        slots = kernels.cuda_view(slots)
        v = self._views
        height, width = self.image_size
        n_pictures = slots.shape[0] * len(CAMERAS)
        kernels.run_on_cuda(
            _set_up, n_pictures, 64, slots, self._fixed["mount"], v["camera"], v["robot_state"], v["pose"], v["half"], v["colour"],
            v["pattern"], v["n_boxes"], v["lights"], v["n_lights"], v["room"], self.image_size, *self._scratch,
        )  # fmt: skip
        # tiles that a block's threads fill, in columns of four pixels
        tile_width = -(-width // -(-width // 64))
        tile_height = min(-(-height // 4), _THREADS * _COLUMNS // tile_width) * 4
        n_tiles = -(-width // tile_width) * -(-height // tile_height)
        kernels.run_on_cuda(
            _draw_tiles, n_pictures * n_tiles, _THREADS, slots, tile_height, tile_width, v["n_boxes"], *self._scratch,
            *self._pictures, v["pixels"],
        )  # fmt: skip


@cuda.jit
def _step_all(
    actions, robot_state, held, grip, pose, half, mobility, support, n_boxes, step, seed, actuation_noise, near, blocker, changed
):  # fmt: skip
    # A warp for each environment, of which one thread works: 32 of them in a warp would wait for one another wherever
    # their houses differ, and there are warps enough.
    e = cuda.blockIdx.x
    if cuda.threadIdx.x == 0:
        chain = cuda.local.array(MAX_CHAIN, _int64)
        old = cuda.local.array(6, _float32)
        new = cuda.local.array(6, _float32)
        met, taken, moved = act(
            actions[e], robot_state[e], _int64(held[e]), grip[e], pose[e], half[e], mobility[e], support[e], _int64(n_boxes[e]),
            actuation_noise_at(seed[e], step[e], actuation_noise), near[e], chain, old, new,
        )  # fmt: skip
        blocker[e] = met
        held[e] = taken
        changed[e] = moved
        step[e] += 1


@cuda.jit
def _note_seen(slots, robot_state, pose, n_boxes, pixels, visible, seen, needed):
    """A block for each environment."""
    e = slots[cuda.blockIdx.x]
    m = cuda.threadIdx.x
    while m < n_boxes[e]:
        note_seen(m, robot_state[e], pose[e], pixels[e], visible[e], seen[e], needed)
        m += cuda.blockDim.x


@cuda.jit
def _set_up(
    slots, mount, camera, robot_state, pose, half, colour, pattern, n_boxes, lights, n_lights, room, size,
    box_floats, box_ints, n_shown, backdrop, hues,
):  # fmt: skip
    """What a camera may show, a block each: n_shown (B, C) boxes, nearest first, into numbers and facts (B, C, M, ·).

    A box's numbers are three slabs of seven, its texture's four, and the metres at which it begins; its facts are its slot,
    the rows and columns that it may cover, from and to, and the colours of its three faces, two each. What is behind them
    is in backdrop (B, C, 2), the ceiling's inverse depth at row 0 and more per row, and hues (B, C, 2), ceiling and sky.
    """
    begins = cuda.shared.array(MAX_BOXES, _float32)
    count = cuda.shared.array(1, _int32)
    slab = cuda.local.array((3, 7), _float64)
    limit = cuda.local.array((18, 3), _float64)
    height, width = size
    thread = cuda.threadIdx.x
    c, e = cuda.blockIdx.x % mount.shape[0], slots[cuda.blockIdx.x // mount.shape[0]]
    n = n_boxes[e]
    yaw = robot_state[e, 2] * RADIANS
    off_x, off_z = to_world(mount[c, 0], mount[c, 2], math.sin(yaw), math.cos(yaw))
    eye_x, eye_y, eye_z = robot_state[e, 0] + off_x, mount[c, 1], robot_state[e, 1] + off_z
    heading = (robot_state[e, 2] + camera[e, c, 2]) * RADIANS
    sin_yaw, cos_yaw = math.sin(heading), math.cos(heading)
    view = lens(width, height, camera[e, c, 0], camera[e, c, 1])
    if thread == 0:
        count[0] = 0
    cuda.syncthreads()
    for m in range(thread, n, cuda.blockDim.x):
        dx, dy, dz = pose[e, m, 0] - eye_x, pose[e, m, 1] - eye_y, pose[e, m, 2] - eye_z
        row_0, row_1, x_0, x_1, near = covered(dx, dy, dz, _radius(half[e, m]), sin_yaw, cos_yaw, view, width, height)
        is_shown = row_0 < row_1 and x_0 < x_1
        begins[m] = near if is_shown else math.inf
        if is_shown:
            cuda.atomic.add(count, 0, 1)
    cuda.syncthreads()
    if thread == 0:
        n_shown[e, c] = count[0]
        backdrop[e, c, 0] = (-view[0] + view[4] * view[1]) / (room[e, 0] - eye_y)
        backdrop[e, c, 1] = view[5] * view[1] / (room[e, 0] - eye_y)
        hues[e, c, 0], hues[e, c, 1] = ceiling(room[e, 1:4]), pack(room[e, 4], room[e, 5], room[e, 6])
    for m in range(thread, n, cuda.blockDim.x):
        near_m = begins[m]
        if near_m == math.inf:
            continue
        rank = 0
        for other in range(n):
            if begins[other] < near_m or (begins[other] == near_m and other < m):
                rank += 1
        dx, dy, dz = pose[e, m, 0] - eye_x, pose[e, m, 1] - eye_y, pose[e, m, 2] - eye_z
        row_0, row_1, x_0, x_1, _ = covered(dx, dy, dz, _radius(half[e, m]), sin_yaw, cos_yaw, view, width, height)
        turn = pose[e, m, 3] * RADIANS
        sin_box, cos_box = math.sin(turn), math.cos(turn)
        lx, lz = to_local(-dx, -dz, sin_box, cos_box)
        fx, fz = to_local(sin_yaw, cos_yaw, sin_box, cos_box)
        rx, rz = to_local(cos_yaw, -sin_yaw, sin_box, cos_box)
        outside = slabs(lx, -dy, lz, half[e, m, 0], half[e, m, 1], half[e, m, 2], fx, fz, rx, rz, view, slab)
        if outside:
            row_0, row_1 = rows_between(limit, limits(slab, limit), float(x_0), x_1 - 1.0, row_0, row_1)
        else:
            row_1 = row_0
        box_float, box_int = box_floats[e, c, rank], box_ints[e, c, rank]
        for axis in range(3):
            for column in range(7):
                box_float[7 * axis + column] = slab[axis, column]
        box_float[21], box_float[22], box_float[23], box_float[24] = texture(pattern[e, m], lx, -dy, lz, fx, fz, rx, rz, view)
        box_float[_NEAR] = near_m
        box_int[0], box_int[1], box_int[2], box_int[3], box_int[4] = m, row_0, row_1, x_0, x_1
        for side in range(3):
            light = face_light(m, side, pose[e], half[e], eye_x, eye_y, eye_z, lights[e], n_lights[e])
            box_int[5 + 2 * side] = shade(m, 0, light, colour[e], pattern[e])
            box_int[6 + 2 * side] = shade(m, 1, light, colour[e], pattern[e])


@cuda.jit(device=True)
def _radius(half):
    return math.sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2])


@cuda.jit(device=True)
def _draw_pixel(
    row, x, z_at, z, x_at, xx, y_at, y, texture_at, texture_row, texture_x, texture_to, box_int, old, old_slot, old_packed
):
    """A pixel's (inverse depth, slot, colour) after a box; of two boxes at the same depth the first in the house is seen."""
    w, seen, side = meet(row, x, z_at, z, x_at, xx, y_at, y, _float32(-1.0))
    if seen and (w > old or (w == old and 0 <= box_int[0] < old_slot)):
        bit = _int32((texture_at + texture_row * row + texture_x * x) / w + texture_to) & 1
        return w, box_int[0], box_int[5 + side + bit]
    return old, old_slot, old_packed


@cuda.jit
def _draw_tiles(slots, tile_height, tile_width, n_boxes, box_floats, box_ints, n_shown, backdrop, hues, rgb, depth, ids, pixels):
    """Draw a tile of a picture, a block each: into rgb (B, C, H, W, 3), depth and ids (B or 0, C, H, W), pixels (B, C, M).

    A thread draws columns of four pixels, so that what it reads of a box serves four times.
    """
    box = cuda.shared.array((_AT_ONCE, 26), _float32)
    box_int = cuda.shared.array((_AT_ONCE, 11), _int32)
    counter = cuda.shared.array(MAX_BOXES, _int32)
    inverse = cuda.local.array((_COLUMNS, 4), _float32)
    slot = cuda.local.array((_COLUMNS, 4), _int32)
    packed = cuda.local.array((_COLUMNS, 4), _int32)

    height, width = rgb.shape[2], rgb.shape[3]
    thread = cuda.threadIdx.x
    tiles_x, tiles_y = (width + tile_width - 1) // tile_width, (height + tile_height - 1) // tile_height
    job = cuda.blockIdx.x
    tile, job = job % (tiles_x * tiles_y), job // (tiles_x * tiles_y)
    c, e = job % rgb.shape[1], slots[job // rgb.shape[1]]
    top, left = (tile // tiles_x) * tile_height, (tile % tiles_x) * tile_width
    bottom, right = min(height, top + tile_height), min(width, left + tile_width)

    for k in range(_COLUMNS):  # ceiling and sky
        for j in range(4):
            row = top + 4 * ((k * _THREADS + thread) // tile_width) + j
            above = max(_float32(0.0), backdrop[e, c, 0] + backdrop[e, c, 1] * _float32(row))
            inverse[k, j], slot[k, j] = above, NOTHING
            packed[k, j] = hues[e, c, 0] if above > _float32(0.0) else hues[e, c, 1]
    n = n_boxes[e]
    for m in range(thread, n, _THREADS):
        counter[m] = 0

    shown = n_shown[e, c]
    for first in range(0, shown, _AT_ONCE):
        here = min(_AT_ONCE, shown - first)
        cuda.syncthreads()
        lane = thread & 31
        for i in range(thread >> 5, here, _THREADS >> 5):  # a warp for each box
            if lane < 26:
                box[i, lane] = box_floats[e, c, first + i, lane]
            if lane < 11:
                box_int[i, lane] = box_ints[e, c, first + i, lane]
        cuda.syncthreads()
        for k in range(_COLUMNS):
            row, x = top + 4 * ((k * _THREADS + thread) // tile_width), left + (k * _THREADS + thread) % tile_width
            if row >= bottom or x >= right:
                continue
            w0, w1, w2, w3 = inverse[k, 0], inverse[k, 1], inverse[k, 2], inverse[k, 3]
            s0, s1, s2, s3 = slot[k, 0], slot[k, 1], slot[k, 2], slot[k, 3]
            p0, p1, p2, p3 = packed[k, 0], packed[k, 1], packed[k, 2], packed[k, 3]
            r0, r1, r2, r3 = _float32(row), _float32(row + 1), _float32(row + 2), _float32(row + 3)
            x_f = _float32(x)
            for i in range(here):
                if min(min(w0, w1), min(w2, w3)) * box[i, _NEAR] > _float32(1.0001):
                    break  # all that follow begin behind what is there
                if row + 3 < box_int[i, 1] or row >= box_int[i, 2] or x < box_int[i, 3] or x >= box_int[i, 4]:
                    continue
                z = (box[i, 1], box[i, 2], box[i, 3], box[i, 4], box[i, 5], box[i, 6])
                xx = (box[i, 8], box[i, 9], box[i, 10], box[i, 11], box[i, 12], box[i, 13])
                y = (box[i, 15], box[i, 16], box[i, 17], box[i, 18], box[i, 19], box[i, 20])
                z_at, x_at, y_at = box[i, 0], box[i, 7], box[i, 14]
                a, b, d, t = box[i, 21], box[i, 22], box[i, 23], box[i, 24]
                w0, s0, p0 = _draw_pixel(r0, x_f, z_at, z, x_at, xx, y_at, y, a, b, d, t, box_int[i], w0, s0, p0)
                w1, s1, p1 = _draw_pixel(r1, x_f, z_at, z, x_at, xx, y_at, y, a, b, d, t, box_int[i], w1, s1, p1)
                w2, s2, p2 = _draw_pixel(r2, x_f, z_at, z, x_at, xx, y_at, y, a, b, d, t, box_int[i], w2, s2, p2)
                w3, s3, p3 = _draw_pixel(r3, x_f, z_at, z, x_at, xx, y_at, y, a, b, d, t, box_int[i], w3, s3, p3)
            inverse[k, 0], inverse[k, 1], inverse[k, 2], inverse[k, 3] = w0, w1, w2, w3
            slot[k, 0], slot[k, 1], slot[k, 2], slot[k, 3] = s0, s1, s2, s3
            packed[k, 0], packed[k, 1], packed[k, 2], packed[k, 3] = p0, p1, p2, p3

    cuda.syncthreads()
    for k in range(_COLUMNS):
        for j in range(4):
            row, x = top + 4 * ((k * _THREADS + thread) // tile_width) + j, left + (k * _THREADS + thread) % tile_width
            if row >= bottom or x >= right:
                continue
            if slot[k, j] >= 0:
                cuda.atomic.add(counter, slot[k, j], 1)
            rgb[e, c, row, x, 0] = packed[k, j] & 255
            rgb[e, c, row, x, 1] = (packed[k, j] >> 8) & 255
            rgb[e, c, row, x, 2] = (packed[k, j] >> 16) & 255
            if depth.shape[0] > 0:
                depth[e, c, row, x] = _float32(1.0) / inverse[k, j]
            if ids.shape[0] > 0:
                ids[e, c, row, x] = slot[k, j]
    cuda.syncthreads()
    for m in range(thread, n, _THREADS):
        if counter[m] > 0:
            cuda.atomic.add(pixels, (e, c, m), counter[m])
