"""Drawing on a GPU: the pictures of `sim.render`, in two kernels.

The first sets up the boxes that a camera may show, nearest first. The second draws the picture in tiles, each thread taking
some pixels through those boxes until all that is left lies behind what it has.

As on the CPU, except: pixels are computed from the picture's corner instead of from a box's first row, so the last bit of
an inverse depth may differ, and with it the odd pixel at an edge.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numba
import numpy as np
import torch

from safevla.runtime import kernels
from safevla.sim.boxes import Boxes
from safevla.sim.geometry import RADIANS, to_world
from safevla.sim.interface import CAMERAS, NOTHING
from safevla.sim.light import ceiling, face_light, shade, sky
from safevla.sim.motion import YAW, X, Z
from safevla.sim.view import covered, in_box, limits, meet, rows_between, slabs, texture, view_of

cuda = kernels.cuda()
_int32, _float32, _float64 = numba.int32, numba.float32, numba.float64

_SET_UP_THREADS, _THREADS = 64, 128
_COLUMNS = 2  # of four pixels that a thread draws
_AT_ONCE = 64  # boxes in shared memory; a picture that shows more draws them in turns
MAX_BOXES = 1024  # of a house

# What the tiles read of a box: as floats three slabs of seven, the texture's four and where it begins, in metres; as integers
# its slot, the first row and the one after the last, columns likewise, and the colours of its three faces, two each.
_TEXTURE, _BEGINS, _N_FLOATS = 21, 25, 26
_SLOT, _TOP, _BOTTOM, _LEFT, _RIGHT, _COLOURS, _N_INTS = 0, 1, 2, 3, 4, 5, 11


def shown_arrays(n_envs: int, n_cameras: int, n_boxes: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Memory for what cameras may show: (box_floats, box_ints, n_shown, backdrop, hues).

    box_floats (B, C, M, _N_FLOATS) and box_ints (B, C, M, _N_INTS): the boxes, nearest first, of which n_shown (B, C) are filled;
    backdrop (B, C, 2): the ceiling's inverse depth at row 0, and more per row; hues (B, C, 2): ceiling and sky, packed.
    """
    of_each = (n_envs, n_cameras)
    return (
        torch.zeros(*of_each, n_boxes, _N_FLOATS, device=device),
        torch.zeros(*of_each, n_boxes, _N_INTS, dtype=torch.int32, device=device),
        torch.zeros(*of_each, dtype=torch.int32, device=device),
        torch.zeros(*of_each, 2, device=device),
        torch.zeros(*of_each, 2, dtype=torch.int32, device=device),
    )


def draw(
    slots: Any, mount: Any, views: Mapping[str, Any], image_size: tuple[int, int], shown: Sequence[Any], pictures: Sequence[Any]
) -> None:
    """Draw both pictures of the environments `slots`, and add up in views["pixels"], which must be 0, what each box got.

    All are Numba's views of tensors: mount (C, 5) as `state.mounts`; views by the names of `state.ARRAYS`; shown as
    `shown_arrays`; pictures rgb (B, C, H, W, 3) uint8, depth (B or 0, C, H, W) float32 and ids (B or 0, C, H, W) int32.
    """
    v = views
    height, width = image_size
    n_pictures = slots.shape[0] * len(CAMERAS)
    kernels.run_on_cuda(
        _set_up, n_pictures, _SET_UP_THREADS, slots, mount, v["camera"], v["robot_state"], v["pose"], v["half"], v["mobility"],
        v["n_boxes"], v["colour"], v["pattern"], v["lights"], v["n_lights"], v["room"], image_size, *shown,
    )  # fmt: skip
    # tiles that a block's threads fill, in columns of four pixels
    tile_width = -(-width // -(-width // 64))
    tile_height = min(-(-height // 4), _THREADS * _COLUMNS // tile_width) * 4
    n_tiles = -(-width // tile_width) * -(-height // tile_height)
    kernels.run_on_cuda(
        _draw_tiles, n_pictures * n_tiles, _THREADS, slots, tile_height, tile_width, v["n_boxes"], *shown, *pictures, v["pixels"]
    )


@cuda.jit
def _set_up(
    slots, mount, camera, robot_state, pose, half, mobility, n_boxes, colour, pattern, lights, n_lights, room, size,
    box_floats, box_ints, n_shown, backdrop, hues,
):  # fmt: skip
    """What a camera may show, a block each; the last five arrays are `shown_arrays`."""
    begins = cuda.shared.array(MAX_BOXES, _float32)
    count = cuda.shared.array(1, _int32)
    slab = cuda.local.array((3, 7), _float64)
    limit = cuda.local.array((18, 3), _float64)
    height, width = size
    thread = cuda.threadIdx.x
    c, e = cuda.blockIdx.x % mount.shape[0], slots[cuda.blockIdx.x // mount.shape[0]]
    boxes = Boxes(pose[e], half[e], mobility[e], np.int64(n_boxes[e]))
    yaw = robot_state[e, YAW] * RADIANS
    off_x, off_z = to_world(mount[c, 0], mount[c, 2], math.sin(yaw), math.cos(yaw))
    view = view_of(
        robot_state[e, X] + off_x, mount[c, 1], robot_state[e, Z] + off_z,
        robot_state[e, YAW] + camera[e, c, 2], camera[e, c, 0], camera[e, c, 1], width, height,
    )  # fmt: skip
    if thread == 0:
        count[0] = 0
    cuda.syncthreads()
    for m in range(thread, boxes.n_boxes, cuda.blockDim.x):
        top, bottom, left, right, begins_m = covered(m, boxes, view)
        is_shown = top < bottom and left < right
        begins[m] = begins_m if is_shown else math.inf
        if is_shown:
            cuda.atomic.add(count, 0, 1)
    cuda.syncthreads()
    if thread == 0:
        n_shown[e, c] = count[0]
        backdrop[e, c, 0] = (-view.sin_pitch + view.v_at * view.cos_pitch) / (room[e, 0] - view.y)
        backdrop[e, c, 1] = view.v_by * view.cos_pitch / (room[e, 0] - view.y)
        hues[e, c, 0], hues[e, c, 1] = ceiling(room[e]), sky(room[e])
    for m in range(thread, boxes.n_boxes, cuda.blockDim.x):
        if begins[m] == math.inf:
            continue
        rank = 0
        for other in range(boxes.n_boxes):
            if begins[other] < begins[m] or (begins[other] == begins[m] and other < m):
                rank += 1
        box_float, box_int = box_floats[e, c, rank], box_ints[e, c, rank]
        box_float[_BEGINS] = begins[m]
        _enter_box(m, boxes, view, pattern[e], slab, limit, box_float, box_int)
        for side in range(3):
            light = face_light(m, side, boxes, view, lights[e], n_lights[e])
            box_int[_COLOURS + 2 * side] = shade(m, 0, light, colour[e], pattern[e])
            box_int[_COLOURS + 2 * side + 1] = shade(m, 1, light, colour[e], pattern[e])


@cuda.jit(device=True)
def _enter_box(m, boxes, view, pattern, slab, limit, box_float, box_int):
    """Enter box m's slabs, texture, rows and columns; no rows if the eye is inside. slab (3, 7) and limit (18, 3) are scratch."""
    top, bottom, left, right, _ = covered(m, boxes, view)
    inside = in_box(m, boxes, view)
    if slabs(m, boxes, inside, view, slab):
        top, bottom = rows_between(limit, limits(slab, limit), float(left), right - 1.0, top, bottom)
    else:
        bottom = top
    for axis in range(3):
        for column in range(7):
            box_float[7 * axis + column] = slab[axis, column]
    at, per_row, per_x, to = texture(pattern[m], inside, view)
    box_float[_TEXTURE], box_float[_TEXTURE + 1], box_float[_TEXTURE + 2], box_float[_TEXTURE + 3] = at, per_row, per_x, to
    box_int[_SLOT], box_int[_TOP], box_int[_BOTTOM], box_int[_LEFT], box_int[_RIGHT] = m, top, bottom, left, right


@cuda.jit(device=True)
def _draw_pixel(
    row, x, z_at, z, x_at, xx, y_at, y, texture_at, texture_row, texture_x, texture_to, box_int, old, old_slot, old_packed
):
    """A pixel's (inverse depth, slot, colour) after a box; of two boxes at the same depth the first in the house is seen."""
    w, seen, side = meet(row, x, z_at, z, x_at, xx, y_at, y, _float32(-1.0))
    if seen and (w > old or (w == old and 0 <= box_int[_SLOT] < old_slot)):
        bit = _int32((texture_at + texture_row * row + texture_x * x) / w + texture_to) & 1
        return w, box_int[_SLOT], box_int[_COLOURS + side + bit]
    return old, old_slot, old_packed


@cuda.jit
def _draw_tiles(slots, tile_height, tile_width, n_boxes, box_floats, box_ints, n_shown, backdrop, hues, rgb, depth, ids, pixels):
    """Draw a tile of a picture, a block each: into rgb (B, C, H, W, 3), depth and ids (B or 0, C, H, W), pixels (B, C, M).

    A thread draws columns of four pixels, so that what it reads of a box serves four times. It is long because a
    thread's pixels stay in registers only as long as no other function takes them.
    """
    box = cuda.shared.array((_AT_ONCE, _N_FLOATS), _float32)
    box_int = cuda.shared.array((_AT_ONCE, _N_INTS), _int32)
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
            if lane < _N_FLOATS:
                box[i, lane] = box_floats[e, c, first + i, lane]
            if lane < _N_INTS:
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
                if min(min(w0, w1), min(w2, w3)) * box[i, _BEGINS] > _float32(1.0001):
                    break  # all that follow begin behind what is there
                if row + 3 < box_int[i, _TOP] or row >= box_int[i, _BOTTOM] or x < box_int[i, _LEFT] or x >= box_int[i, _RIGHT]:
                    continue
                z = (box[i, 1], box[i, 2], box[i, 3], box[i, 4], box[i, 5], box[i, 6])
                xx = (box[i, 8], box[i, 9], box[i, 10], box[i, 11], box[i, 12], box[i, 13])
                y = (box[i, 15], box[i, 16], box[i, 17], box[i, 18], box[i, 19], box[i, 20])
                z_at, x_at, y_at = box[i, 0], box[i, 7], box[i, 14]
                a, b, d, t = box[i, _TEXTURE], box[i, _TEXTURE + 1], box[i, _TEXTURE + 2], box[i, _TEXTURE + 3]
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
