"""Drawing on a GPU: the pictures of `sim.render`, in two kernels.

The first sets up the parts of the objects that a camera may show, nearest object first. The second draws the picture in tiles,
each thread taking some pixels through those parts until all that is left lies behind what it has.

As on the CPU, except: pixels are computed from the picture's corner instead of from a part's first row, so the last bit of
an inverse depth may differ, and with it the odd pixel at an edge.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numba
import torch

from safevla.runtime import kernels
from safevla.sim.appearance import seen_texture
from safevla.sim.geometry import RADIANS, to_world
from safevla.sim.interface import CAMERAS, NOTHING
from safevla.sim.light import DRAWN, N_FACES, PLAIN, ROUND_ENDS, TOWARDS, ceiling, paint, relight, sky
from safevla.sim.motion import YAW, X, Z
from safevla.sim.solids import (
    BEGINS,
    BETA,
    ENDS_AT,
    FACES,
    FAR_B,
    FAR_Q,
    FAR_ROOT,
    MISSED_FAR,
    MISSED_NEAR,
    N_NEAR,
    N_SOLID,
    NEAR_B,
    NEAR_Q,
    NEAR_ROOT,
    PLANES,
    SHADE,
    Q,
    U,
    V,
    aim,
    bounds,
    coordinate,
    enter,
    enter_material,
    enter_shade,
    entered_levels,
    inverse_of,
    level,
    limits,
    meet_round,
    met,
    rows_between,
    shade_at,
    sides_of,
)  # fmt: skip
from safevla.sim.view import is_in_view, look_into, view_of
from safevla.world.parts import BOX, KIND, TEXTURED

cuda = kernels.cuda()
_int32, _float32, _float64 = numba.int32, numba.float32, numba.float64

_RELIGHT_THREADS, _SET_UP_THREADS, _THREADS = 32, 128, 128
_WARPS = _THREADS // 32
_APART = N_SOLID + 1  # from a thread's numbers to the next one's: odd, so that they lie in different banks of memory
_COLUMNS = 2  # of four pixels that a thread draws
_AT_ONCE = 64  # parts in shared memory; a picture that shows more draws them in turns
MAX_BOXES = 1024  # of a house

# What the tiles read of a part, besides its numbers of `sim.solids`: its slot, the first row and the one after the last, columns
# likewise; how many planes of a box the eye is in front of, 0 for a round part; their faces; and a, b and mask of its material,
# of which the mask is 0 where it does not show. And for its colours: on which sides of it the eye is, how its material is seen.
_PART, _TOP, _BOTTOM, _LEFT, _RIGHT, _NEAR, _FACES, _LEVELS, _MASK, _SIDES, _TEXTURE = 0, 1, 2, 3, 4, 5, 6, 9, 11, 12, 13
_N_INTS = 16
_N_OF_BOX = 13  # what the parts of a box share: its frame, of `sim.view`, and how its material is seen


def shown_arrays(n_envs: int, n_cameras: int, n_boxes: int, n_parts: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Memory for what cameras may show: (of_boxes, solids, facts, colours, n_shown, backdrop, hues).

    of_boxes (B, C, M, _N_OF_BOX): of boxes in view; solids (B, C, P, N_SOLID) and facts (B, C, P, _N_INTS): the parts, nearest
    object first, of which n_shown (B, C) are filled; colours (B, C, N_FACES · P): by part and face, packed; backdrop (B, C, 2):
    the ceiling's inverse depth at row 0, and more per row; hues (B, C, 2): ceiling and sky, packed.
    """
    of_each = (n_envs, n_cameras)
    return (
        torch.zeros(*of_each, n_boxes, _N_OF_BOX, device=device),
        torch.zeros(*of_each, n_parts, N_SOLID, device=device),
        torch.zeros(*of_each, n_parts, _N_INTS, dtype=torch.int32, device=device),
        torch.zeros(*of_each, N_FACES * n_parts, dtype=torch.int32, device=device),
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
        _relight, slots.shape[0], _RELIGHT_THREADS, slots, v["n_boxes"], v["pose"], v["is_wide"], v["lights"], v["n_lights"],
        v["lit_at"], v["lit"],
    )  # fmt: skip
    kernels.run_on_cuda(
        _set_up, n_pictures, _SET_UP_THREADS, slots, mount, v["camera"], v["robot_state"], v["pose"], v["n_boxes"],
        v["parts"], v["part_box"], v["first_part"], v["last_part"], v["radius"], v["is_wide"], v["palette"], v["material"],
        v["lit"], v["room"], image_size, *shown,
    )  # fmt: skip
    # tiles that a block's threads fill, in columns of four pixels
    tile_width = -(-width // -(-width // 64))
    tile_height = min(-(-height // 4), _THREADS * _COLUMNS // tile_width) * 4
    n_tiles = -(-width // tile_width) * -(-height // tile_height)
    kernels.run_on_cuda(
        _draw_tiles, n_pictures * n_tiles, _THREADS, slots, tile_height, tile_width, v["n_boxes"], v["part_box"], *shown,
        *pictures, v["pixels"],
    )  # fmt: skip


@cuda.jit
def _relight(slots, n_boxes, pose, is_wide, lights, n_lights, lit_at, lit):
    """`relight` for every box of the environments `slots`, a block each."""
    e = slots[cuda.blockIdx.x]
    for m in range(cuda.threadIdx.x, n_boxes[e], cuda.blockDim.x):
        relight(pose[e, m], is_wide[e, m], lights[e], n_lights[e], lit_at[e, m], lit[e, m])


@cuda.jit
def _set_up(
    slots, mount, camera, robot_state, pose, n_boxes, parts, part_box, first_part, last_part, radius, is_wide, palette, material,
    lit, room, size, of_boxes, solids, facts, colours, n_shown, backdrop, hues,
):  # fmt: skip
    """What a camera may show, a block each; the last seven arrays are `shown_arrays`.

    It is long because a block's threads wait for each other between its passes: boxes, their order, parts, colours.
    """
    begins = cuda.shared.array(MAX_BOXES, _float32)
    n_parts = cuda.shared.array(MAX_BOXES, _int32)
    before = cuda.shared.array(MAX_BOXES, _int32)  # parts in view of the boxes before it
    place = cuda.shared.array(MAX_BOXES, _int32)  # of a box's first part in the list, which is nearest first
    count = cuda.shared.array(1, _int32)
    solid = cuda.shared.array((_SET_UP_THREADS, _APART), _float32)
    places = cuda.shared.array(_SET_UP_THREADS, _int32)
    height, width = size
    thread = cuda.threadIdx.x
    c, e = cuda.blockIdx.x % mount.shape[0], slots[cuda.blockIdx.x // mount.shape[0]]
    yaw = robot_state[e, YAW] * RADIANS
    off_x, off_z = to_world(mount[c, 0], mount[c, 2], math.sin(yaw), math.cos(yaw))
    view = view_of(
        robot_state[e, X] + off_x, mount[c, 1], robot_state[e, Z] + off_z,
        robot_state[e, YAW] + camera[e, c, 2], camera[e, c, 0], camera[e, c, 1], width, height,
    )  # fmt: skip
    n = n_boxes[e]
    for m in range(thread, n, cuda.blockDim.x):
        is_seen, begins_m = is_in_view(pose[e, m, 0], pose[e, m, 1], pose[e, m, 2], radius[e, m], view)
        begins[m] = begins_m if is_seen else math.inf
        n_parts[m] = last_part[e, m] - first_part[e, m] if is_seen else 0
    cuda.syncthreads()
    if thread == 0:
        total = 0
        for m in range(n):
            before[m] = total
            total += n_parts[m]
        count[0] = total
        n_shown[e, c] = total
        backdrop[e, c, 0] = (-view.sin_pitch + view.v_at * view.cos_pitch) / (room[e, 0] - view.y)
        backdrop[e, c, 1] = view.v_by * view.cos_pitch / (room[e, 0] - view.y)
        hues[e, c, 0], hues[e, c, 1] = ceiling(room[e]), sky(room[e])
    for m in range(thread, n, cuda.blockDim.x):
        if begins[m] == math.inf:
            continue
        at, mine = 0, begins[m]
        for other in range(n):
            if begins[other] < mine or (begins[other] == mine and other < m):
                at += n_parts[other]
        place[m] = at
        _enter_box(pose[e, m], is_wide[e, m], material[e, m], mine, view, of_boxes[e, c, m])
    cuda.syncthreads()
    for first in range(0, count[0], _SET_UP_THREADS):
        i = first + thread
        if i < count[0]:
            m, above = 0, n  # the box whose part is the i-th of those in view
            while above - m > 1:
                middle = (m + above) >> 1
                if before[middle] <= i:
                    m = middle
                else:
                    above = middle
            p, at = first_part[e, m] + i - before[m], place[m] + i - before[m]
            _enter_part(
                p, parts[e, p], material[e, m], begins[m], of_boxes[e, c, m], lit[e, m], view, solid[thread], facts[e, c, at]
            )  # fmt: skip
            places[thread] = at
        cuda.syncthreads()
        # a warp writes a part's numbers together: memory takes what lies side by side at once
        for i in range(thread >> 5, min(_SET_UP_THREADS, count[0] - first), _SET_UP_THREADS >> 5):
            for k in range(thread & 31, N_SOLID, 32):
                solids[e, c, places[i], k] = solid[i, k]
        cuda.syncthreads()
    for i in range(thread, N_FACES * count[0], cuda.blockDim.x):  # a colour each, so that all threads have work
        fact, face = facts[e, c, i // N_FACES], i % N_FACES
        if fact[_TOP] < fact[_BOTTOM] and _is_shown(fact, face):
            p = fact[_PART]
            m = part_box[e, p]
            colours[e, c, N_FACES * p + face] = paint(
                parts[e, p], fact[_SIDES], palette[e, m], material[e, m], fact[_TEXTURE], lit[e, m], face
            )


@cuda.jit(device=True)
def _is_shown(fact, face):
    """Whether a part may show that face."""
    if fact[_NEAR] == 0:
        return face & 1 <= fact[_MASK] and face < ROUND_ENDS + 2
    return face & 3 <= fact[_MASK] and face < 12


@cuda.jit(device=True)
def _enter_box(pose, is_wide, material, begins_m, view, of_box):
    """Enter what the parts of a box share."""
    frame = cuda.local.array((4, 3), _float64)
    look_into(pose, is_wide, view, frame)
    for i in range(4):
        for k in range(3):
            of_box[3 * i + k] = frame[i, k]
    of_box[12] = seen_texture(material, begins_m, view)


@cuda.jit(device=True)
def _enter_part(p, part, material, begins_m, of_box, lit, view, solid, fact):
    """Enter the numbers and facts of a part; no rows if it is not to be seen."""
    frame = cuda.local.array((4, 3), _float64)
    aimed = cuda.local.array((4, 3), _float64)
    rays = cuda.local.array((4, 3), _float64)
    for i in range(4):
        for k in range(3):
            frame[i, k] = of_box[3 * i + k]
    aim(part, frame, aimed)
    top, bottom, left, right, is_clipped = bounds(part, aimed, view)
    fact[_PART], fact[_TOP], fact[_BOTTOM], fact[_LEFT], fact[_RIGHT] = p, 0, 0, left, right
    solid[BEGINS] = begins_m
    if top >= bottom or left >= right or not enter(part, aimed, view, solid, rays):
        return
    is_round = part[KIND] != BOX
    if is_round:
        fact[_NEAR] = 0
        enter_shade(part, rays, lit[TOWARDS:], solid)
    else:
        fact[_NEAR] = int(solid[N_NEAR])
        for k in range(3):
            fact[_FACES + k] = int(solid[FACES + k])
        if is_clipped:
            top, bottom = _clipped_rows(solid, left, right, top, bottom)
    fact[_TOP], fact[_BOTTOM], fact[_SIDES] = top, bottom, sides_of(aimed)
    texture = int(of_box[12]) if part[TEXTURED] > 0 else PLAIN
    fact[_TEXTURE], fact[_MASK] = texture, 0
    if texture == DRAWN:
        enter_material(material, frame, view, solid)
        fact[_LEVELS], fact[_LEVELS + 1], fact[_MASK] = entered_levels(material, is_round)


@cuda.jit(device=True)
def _clipped_rows(solid, left, right, top, bottom):
    """The rows in which a box can be hit whose corners do not say it."""
    limit = cuda.local.array((9, 3), _float64)
    return rows_between(limit, limits(solid, limit), float(left), right - 1.0, top, bottom)


@cuda.jit(device=True)
def _three(solid, first):
    return solid[first], solid[first + 1], solid[first + 2]


@cuda.jit(device=True)
def _draw_pixel(row, x, solid, fact, old, old_code):
    """A pixel's (inverse depth, code) after a part; of two parts at the same depth the first in the house is seen."""
    n_near, is_end = fact[_NEAR], False
    if n_near > 0:
        w, other = met(_three(solid, PLANES), row, x), met(_three(solid, PLANES + 3), row, x)
        third, far = met(_three(solid, PLANES + 6), row, x), met(_three(solid, PLANES + 9), row, x)
        far = max(far, max(met(_three(solid, PLANES + 12), row, x), met(_three(solid, PLANES + 15), row, x)))
        face = fact[_FACES]
        if n_near > 1:
            face = fact[_FACES + 1] if other < w else face
            w = min(w, other)
        else:
            far = max(far, other)
        if n_near > 2:
            face = fact[_FACES + 2] if third < w else face
            w = min(w, third)
        else:
            far = max(far, third)
        seen = w >= far
    else:
        beta = _three(solid, BETA)
        q = (solid[Q], solid[Q + 1], solid[Q + 2], solid[Q + 3], solid[Q + 4], solid[Q + 5])
        side = (
            solid[NEAR_B], solid[NEAR_ROOT], solid[FAR_B], solid[FAR_ROOT], solid[NEAR_Q], solid[FAR_Q], solid[MISSED_NEAR],
            solid[MISSED_FAR],
        )  # fmt: skip
        end, far, other_far = _three(solid, ENDS_AT), _three(solid, ENDS_AT + 3), _three(solid, ENDS_AT + 6)
        w, seen, is_end = meet_round(row, x, beta, q, side, end, far, other_far, _float32(-1.0))
        face = _int32(0)
    part = fact[_PART]
    if not seen or w < old or (w == old and (old_code < 0 or part >= old_code // N_FACES)):
        return old, old_code
    if n_near == 0 or fact[_MASK] != 0:
        depth = inverse_of(w)
        if n_near == 0:
            light = (solid[SHADE], solid[SHADE + 1], solid[SHADE + 2], solid[SHADE + 3])
            face = _int32(ROUND_ENDS) if is_end else _int32(2) * shade_at(row, x, depth, light)
        if fact[_MASK] != 0:
            u = coordinate(row, x, depth, (solid[U], solid[U + 1], solid[U + 2], solid[U + 3]))
            v = coordinate(row, x, depth, (solid[V], solid[V + 1], solid[V + 2], solid[V + 3]))
            face += level(u, v, fact[_LEVELS], fact[_LEVELS + 1], fact[_MASK])
    return w, _int32(part * N_FACES + face)


@kernels.cuda_kernel(max_registers=80)  # with more, too few warps are there to hide one another's waits
def _draw_tiles(
    slots,
    tile_height,
    tile_width,
    n_boxes,
    part_box,
    of_boxes,
    solids,
    facts,
    colours,
    n_shown,
    backdrop,
    hues,
    rgb,
    depth,
    ids,
    pixels,
):
    """Draw a tile of a picture, a block each: into rgb (B, C, H, W, 3), depth and ids (B or 0, C, H, W), pixels (B, C, M).

    A thread draws columns of four pixels, so that what it reads of a part serves four times. It is long because a
    thread's pixels stay in registers only as long as no other function takes them.
    """
    solid = cuda.shared.array((_AT_ONCE, N_SOLID), _float32)
    fact = cuda.shared.array((_AT_ONCE, _N_INTS), _int32)
    is_near = cuda.shared.array(_THREADS, _int32)
    of_warps = cuda.shared.array(_WARPS, _int32)  # how many of these each warp found
    near = cuda.shared.array(_THREADS, _int32)
    counter = cuda.shared.array(MAX_BOXES, _int32)
    inverse = cuda.local.array((_COLUMNS, 4), _float32)
    code = cuda.local.array((_COLUMNS, 4), _int32)

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
            inverse[k, j] = max(_float32(0.0), backdrop[e, c, 0] + backdrop[e, c, 1] * _float32(row))
            code[k, j] = NOTHING
    n = n_boxes[e]
    for m in range(thread, n, _THREADS):
        counter[m] = 0

    shown = n_shown[e, c]
    for first in range(0, shown, _THREADS):
        # which of the next parts may touch the tile, in their order
        cuda.syncthreads()
        candidate, touches = first + thread, False
        if candidate < shown:
            other = facts[e, c, candidate]
            touches = other[_TOP] < bottom and other[_BOTTOM] > top and other[_LEFT] < right and other[_RIGHT] > left
        is_near[thread] = 1 if touches else 0
        lane, warp = thread & 31, thread >> 5
        cuda.syncthreads()
        place, n_near = 0, 0
        for other_thread in range(thread - lane, thread):
            place += is_near[other_thread]
        if lane == 31:
            of_warps[warp] = place + is_near[thread]
        cuda.syncthreads()
        for other_warp in range(_WARPS):
            if other_warp == warp:
                place += n_near
            n_near += of_warps[other_warp]
        if touches:
            near[place] = candidate
        for start in range(0, n_near, _AT_ONCE):
            here = min(_AT_ONCE, n_near - start)
            cuda.syncthreads()
            for i in range(warp, here, _THREADS >> 5):  # a warp for each part
                for k in range(lane, N_SOLID, 32):
                    solid[i, k] = solids[e, c, near[start + i], k]
                if lane < _N_INTS:
                    fact[i, lane] = facts[e, c, near[start + i], lane]
            cuda.syncthreads()
            for k in range(_COLUMNS):
                row, x = top + 4 * ((k * _THREADS + thread) // tile_width), left + (k * _THREADS + thread) % tile_width
                if row >= bottom or x >= right:
                    continue
                w0, w1, w2, w3 = inverse[k, 0], inverse[k, 1], inverse[k, 2], inverse[k, 3]
                p0, p1, p2, p3 = code[k, 0], code[k, 1], code[k, 2], code[k, 3]
                r0, r1, r2, r3 = _float32(row), _float32(row + 1), _float32(row + 2), _float32(row + 3)
                x_f = _float32(x)
                for i in range(here):
                    if min(min(w0, w1), min(w2, w3)) * solid[i, BEGINS] > _float32(1.0001):
                        break  # all that follow begin behind what is there
                    if row + 3 < fact[i, _TOP] or row >= fact[i, _BOTTOM] or x < fact[i, _LEFT] or x >= fact[i, _RIGHT]:
                        continue
                    w0, p0 = _draw_pixel(r0, x_f, solid[i], fact[i], w0, p0)
                    w1, p1 = _draw_pixel(r1, x_f, solid[i], fact[i], w1, p1)
                    w2, p2 = _draw_pixel(r2, x_f, solid[i], fact[i], w2, p2)
                    w3, p3 = _draw_pixel(r3, x_f, solid[i], fact[i], w3, p3)
                inverse[k, 0], inverse[k, 1], inverse[k, 2], inverse[k, 3] = w0, w1, w2, w3
                code[k, 0], code[k, 1], code[k, 2], code[k, 3] = p0, p1, p2, p3

    cuda.syncthreads()
    for k in range(_COLUMNS):
        last, run = _int32(NOTHING), 0
        for j in range(4):
            row, x = top + 4 * ((k * _THREADS + thread) // tile_width) + j, left + (k * _THREADS + thread) % tile_width
            if row >= bottom or x >= right:
                continue
            slot, packed = _int32(NOTHING), hues[e, c, 0] if inverse[k, j] > _float32(0.0) else hues[e, c, 1]
            if code[k, j] >= 0:
                slot, packed = _int32(part_box[e, code[k, j] // N_FACES]), colours[e, c, code[k, j]]
            if slot != last:  # a column mostly shows one box
                if last >= 0:
                    cuda.atomic.add(counter, last, run)
                last, run = slot, 0
            run += 1
            rgb[e, c, row, x, 0] = packed & 255
            rgb[e, c, row, x, 1] = (packed >> 8) & 255
            rgb[e, c, row, x, 2] = (packed >> 16) & 255
            if depth.shape[0] > 0:
                depth[e, c, row, x] = _float32(1.0) / inverse[k, j]
            if ids.shape[0] > 0:
                ids[e, c, row, x] = slot
        if last >= 0:
            cuda.atomic.add(counter, last, run)
    cuda.syncthreads()
    for m in range(thread, n, _THREADS):
        if counter[m] > 0:
            cuda.atomic.add(pixels, (e, c, m), counter[m])
