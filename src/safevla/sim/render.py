"""Rendering on the CPU: a camera's view of a house drawn into colour, inverse depth and instance ids.

The picture is drawn in blocks of 16 columns, row after row. Per part of a shape and block the rows that it may cover follow from
its corners or its planes (`sim.solids`); a row of a block is a vector. Floors and walls are parts too. There is no acceleration
structure, so a moving object costs nothing. `draw` enters codes of faces and how far they are; `colour_in` counts the codes,
mixes the colours of those that are to be seen, and looks them up.
"""

from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel, lean_kernel
from safevla.sim.appearance import seen_texture
from safevla.sim.light import DRAWN, N_FACES, PLAIN, ROUND_ENDS, TOWARDS, ceiling, paint, sky
from safevla.sim.solids import (
    AT,
    BETA,
    ENDS_AT,
    FACES,
    MISSED_FAR,
    N_NEAR,
    N_SOLID,
    NEAR_B,
    NEAR_Q,
    PER_ROW,
    PER_X,
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
    meet_box,
    meet_round,
    rows_between,
    shade_at,
    sides_of,
)  # fmt: skip
from safevla.sim.view import is_in_view, look_into
from safevla.world.parts import BOX, KIND, TEXTURED

BLOCK = 16  # columns
INVERSE, CODE = range(2)  # of `Canvas.shown`
_LARGE = 400  # pixels from which it pays to find a box's rows exactly, block by block


class Canvas(NamedTuple):
    """Memory to draw pictures of H rows in. Its N columns are whole blocks; those beyond a picture's width are waste."""

    # (N / BLOCK, H, 2, BLOCK) float32: one over the metres along the optical axis, 0 for the sky; and N_FACES · part + face, of
    # which part P stands for ceiling and sky. In one array, so that the compiler sees that the two are apart; in two their
    # addresses might agree in the last 12 bits, and processors take such for the same.
    shown: np.ndarray
    hues: np.ndarray  # (N,) uint32: a row's colours as in `table`
    words: np.ndarray  # (3 · N / 4,) uint32: the same as they are stored, red, green and blue a byte each
    table: np.ndarray  # (N_FACES · (P + 1),) uint32: the colour by code, red in the lowest byte
    count: np.ndarray  # (N_FACES · (P + 1), 4) int32: pixels by code; in four, for to add to the same one in turn is slow
    drawn: np.ndarray  # (P,) int32: the parts that are in the picture's bounds, in the order in which they were drawn
    n_drawn: np.ndarray  # (1,) int64: how many these are
    sides: np.ndarray  # (P,) int8: on which sides of a part's axes the eye is, a bit each
    texture: np.ndarray  # (M,) int8: how each box's material is seen, of `sim.light`
    above: np.ndarray  # (H,) float32: the ceiling's inverse depth
    # of the part that is being drawn, as `sim.solids` has them: its object's frame (4, 3), its own, its rays (4, 3), its numbers
    # (N_SOLID,) and its limits (9, 3)
    frame: np.ndarray
    aimed: np.ndarray
    rays: np.ndarray
    solid: np.ndarray
    limit: np.ndarray


@kernel
def new_canvas(width, height, n_boxes, n_parts):
    """A canvas for pictures of that size and houses of up to so many boxes and parts."""
    n_blocks = -(-width // BLOCK)
    return Canvas(
        _aligned(2 * n_blocks * height * BLOCK).view(np.float32).reshape((n_blocks, height, 2, BLOCK)),
        np.empty(n_blocks * BLOCK, np.uint32),
        np.empty(3 * n_blocks * BLOCK // 4, np.uint32),
        np.empty(N_FACES * (n_parts + 1), np.uint32),
        np.empty((N_FACES * (n_parts + 1), 4), np.int32),
        np.empty(n_parts, np.int32),
        np.empty(1, np.int64),
        np.empty(n_parts, np.int8),
        np.empty(n_boxes, np.int8),
        np.empty(height, np.float32),
        np.empty((4, 3)),
        np.empty((4, 3)),
        np.empty((4, 3)),
        np.empty(N_SOLID),
        np.empty((9, 3)),
    )


@kernel
def _aligned(size):
    """Room for so many numbers of four bytes, (4 · size,) uint8, that begins where a vector of BLOCK of them may."""
    room = np.empty(4 * (size + BLOCK), np.uint8)
    first = -room.ctypes.data % (4 * BLOCK)
    return room[first : first + 4 * size]


@lean_kernel
def draw(view, canvas, boxes, looks, ceiling_m):
    """Draw which face of which part is where in one picture, and how far; looks: the boxes' `Appearance`."""
    n_parts = looks.last_part[boxes.n_boxes - 1] if boxes.n_boxes > 0 else np.int32(0)
    _draw_backdrop(view, canvas, N_FACES * n_parts, ceiling_m)
    frame, aimed, rays, solid, limit = canvas.frame, canvas.aimed, canvas.rays, canvas.solid, canvas.limit
    shown, size, n_drawn = canvas.shown.reshape(-1), (view.width, view.height), 0
    for m in range(boxes.n_boxes):
        pose = boxes.pose[m]
        is_seen, begins_m = is_in_view(pose[0], pose[1], pose[2], looks.radius[m], view)
        if not is_seen:
            continue
        look_into(pose, looks.is_wide[m], view, frame)
        texture = seen_texture(looks.material[m], begins_m, view)
        canvas.texture[m] = texture
        for p in range(looks.first_part[m], looks.last_part[m]):
            part = looks.parts[p]
            aim(part, frame, aimed)
            extent = bounds(part, aimed, view)
            if extent[0] >= extent[1] or extent[2] >= extent[3] or not enter(part, aimed, view, solid, rays):
                continue
            canvas.drawn[n_drawn], canvas.sides[p] = p, sides_of(aimed)
            n_drawn += 1
            is_round = part[KIND] != BOX
            if is_round:
                enter_shade(part, rays, looks.lit[m, TOWARDS:], solid)
            if texture == DRAWN and part[TEXTURED] > 0:
                enter_material(looks.material[m], frame, view, solid)
                levels = entered_levels(looks.material[m], is_round)
                if is_round:
                    _draw_round(shown, size, p, solid, extent, levels)
                else:
                    _draw_box(shown, size, p, solid, limit, extent, (_four(solid, U), _four(solid, V), levels))
            elif is_round:
                _draw_round(shown, size, p, solid, extent, None)
            else:
                _draw_box(shown, size, p, solid, limit, extent, None)
    canvas.n_drawn[0] = n_drawn


@lean_kernel
def _draw_backdrop(view, canvas, code_behind, ceiling_m):
    """Ceiling and sky, under the code `code_behind`: the ceiling as its face 0, the sky as its face 1."""
    for row in range(view.height):
        rise = -view.sin_pitch + (view.v_at + view.v_by * row) * view.cos_pitch
        canvas.above[row] = max(0.0, rise / (ceiling_m - view.y))
    shown = canvas.shown.reshape(-1)
    for block in range(canvas.shown.shape[0]):
        at = _first_of(block, 0, view.height)
        for row in range(view.height):
            above = canvas.above[row]
            face = np.float32(code_behind) if above > 0.0 else np.float32(code_behind + 1)
            for i in range(BLOCK):
                shown[at + np.uint64(i)] = above
                shown[at + np.uint64(BLOCK + i)] = face
            at += np.uint64(2 * BLOCK)


@lean_kernel
def _draw_box(shown, size, p, solid, limit, extent, texture):
    """Draw part p, a box, from its numbers `solid`. extent: its `bounds`; texture: as `_level_at` takes it, or None."""
    is_large = extent[4] or (extent[1] - extent[0]) * (extent[3] - extent[2]) > _LARGE
    n_limits = limits(solid, limit) if is_large else 0
    tag, zero = np.float32(N_FACES * p), np.float32(size[0] >> 30)
    faces = (tag + np.float32(solid[FACES]), tag + np.float32(solid[FACES + 1]), tag + np.float32(solid[FACES + 2]))
    a, b, c = _three(solid, PLANES), _three(solid, PLANES + 3), _three(solid, PLANES + 6)
    d, e, f = _three(solid, PLANES + 9), _three(solid, PLANES + 12), _three(solid, PLANES + 15)
    all_of = (extent, limit, n_limits, size, zero)
    n_near = int(solid[N_NEAR])
    if n_near == 1:
        _draw_planes(shown, all_of, texture, a, faces[0], None, zero, None, zero, d, e, f, b, c)
    elif n_near == 2:
        _draw_planes(shown, all_of, texture, a, faces[0], b, faces[1], None, zero, d, e, f, c, None)
    else:
        _draw_planes(shown, all_of, texture, a, faces[0], b, faces[1], c, faces[2], d, e, f, None, None)


@lean_kernel
def _draw_round(shown, size, p, solid, extent, levels):
    """The same for a round part; levels: of its texture, or None."""
    tag, zero = np.float32(N_FACES * p), np.float32(size[0] >> 30)
    top, bottom = extent[0], extent[1]
    side = (
        np.float32(solid[NEAR_B]), np.float32(solid[NEAR_B + 1]), np.float32(solid[NEAR_B + 2]), np.float32(solid[NEAR_B + 3]),
        np.float32(solid[NEAR_Q]), np.float32(solid[NEAR_Q + 1]), np.float32(solid[NEAR_Q + 2]), np.float32(solid[MISSED_FAR]),
    )  # fmt: skip
    for block in range(extent[2] // BLOCK, (extent[3] - 1) // BLOCK + 1):
        left = float(block * BLOCK)  # pixels count from (top, left), to be exact with a polynomial in float32
        beta, q = _three_from(solid, BETA, top, left), _quadratic_from(solid, top, left)
        end, far = _three_from(solid, ENDS_AT, top, left), _three_from(solid, ENDS_AT + 3, top, left)
        other_far = _three_from(solid, ENDS_AT + 6, top, left)
        light = _coordinate_from(solid, SHADE, top, left)
        _draw_quadric(
            shown, _first_of(block, top, size[1]), bottom - top, tag, zero, beta, q, side, end, far, other_far,
            light, _texture_from(solid, levels, top, left),
        )  # fmt: skip


@lean_kernel
def colour_in(canvas, boxes, looks, room, rgb, pixels):
    """Look up the colours of the picture that was drawn, rgb (H, W, 3), and count each box's pixels."""
    n_parts = looks.last_part[boxes.n_boxes - 1] if boxes.n_boxes > 0 else np.int32(0)
    for i in range(canvas.n_drawn[0]):
        canvas.count[N_FACES * canvas.drawn[i] : N_FACES * (canvas.drawn[i] + 1)] = 0
    _count(canvas.shown, rgb.shape[1], canvas.count)
    canvas.table[N_FACES * n_parts], canvas.table[N_FACES * n_parts + 1] = ceiling(room), sky(room)
    pixels[: boxes.n_boxes] = 0
    for i in range(canvas.n_drawn[0]):
        p = canvas.drawn[i]
        m = looks.part_box[p]
        texture = canvas.texture[m] if looks.parts[p, TEXTURED] > 0 else PLAIN
        for face in range(N_FACES):
            of_four = canvas.count[N_FACES * p + face]
            n = (of_four[0] + of_four[1]) + (of_four[2] + of_four[3])
            if n > 0:
                pixels[m] += n
                canvas.table[N_FACES * p + face] = paint(
                    looks.parts[p], canvas.sides[p], looks.palette[m], looks.material[m], texture, looks.lit[m], face
                )
    _look_up(canvas.shown, canvas.table, canvas.hues, canvas.words, rgb.reshape(rgb.shape[0], -1))


@lean_kernel
def _count(picture, width, count):
    """Count the pixels of every code."""
    height, shown = picture.shape[1], picture.reshape(-1)
    for block in range(picture.shape[0]):
        n = np.uint64(min(BLOCK, width - block * BLOCK))
        for row in range(height):
            at = _first_of(block, row, height) + np.uint64(BLOCK)
            if n == BLOCK:
                for x in range(0, BLOCK, 4):
                    i = at + np.uint64(x)
                    count[np.uint64(np.int32(shown[i])), 0] += np.int32(1)
                    count[np.uint64(np.int32(shown[i + np.uint64(1)])), 1] += np.int32(1)
                    count[np.uint64(np.int32(shown[i + np.uint64(2)])), 2] += np.int32(1)
                    count[np.uint64(np.int32(shown[i + np.uint64(3)])), 3] += np.int32(1)
            else:
                for x in range(n):
                    count[np.uint64(np.int32(shown[at + x])), x & np.uint64(3)] += np.int32(1)


@lean_kernel
def _look_up(picture, table, hues, words, rgb):
    """Enter the colours of the codes into rgb (H, 3 · W)."""
    height, shown, bytes_of = picture.shape[1], picture.reshape(-1), words.view(np.uint8)
    eight, sixteen, last = np.uint32(8), np.uint32(16), np.uint32(24)
    for row in range(height):
        for block in range(picture.shape[0]):
            at = _first_of(block, row, height) + np.uint64(BLOCK)
            for i in range(BLOCK):
                hues[np.uint64(block * BLOCK + i)] = table[np.uint64(np.int32(shown[at + np.uint64(i)]))]
        to = np.uint64(0)
        for x in range(0, hues.size, 4):  # four pixels are three words
            i = np.uint64(x)
            a, b, c, d = hues[i], hues[i + np.uint64(1)], hues[i + np.uint64(2)], hues[i + np.uint64(3)]
            words[to], words[to + np.uint64(1)] = a | b << last, b >> eight | c << sixteen
            words[to + np.uint64(2)] = c >> sixteen | d << eight
            to += np.uint64(3)
        for i in range(rgb.shape[1]):
            rgb[row, i] = bytes_of[i]


# The loops over pixels. A row of BLOCK pixels is one vector or a few. `zero` is 0. Adding it keeps the compiler from turning
# the two conditional assignments into masked stores, which some processors carry out ten times slower than plain ones.


@lean_kernel
def _draw_planes(shown, all_of, texture, a, face_a, b, face_b, c, face_c, d, e, f, g, h):
    """Draw a box with those planes (`meet_box`); the faces are codes."""
    extent, limit, n_limits, size, zero = all_of
    for block in range(extent[2] // BLOCK, (extent[3] - 1) // BLOCK + 1):
        top, bottom = extent[0], extent[1]
        if n_limits > 0:
            first_x = float(block * BLOCK)
            top, bottom = rows_between(limit, n_limits, first_x, min(first_x + BLOCK, float(size[0])) - 1.0, top, bottom)
        at = _first_of(block, top, size[1])
        for y in range(top, bottom):
            row = np.float32(y)
            for i in range(BLOCK):
                x = np.float32(block * BLOCK + i)
                here, there = at + np.uint64(i), at + np.uint64(BLOCK + i)
                old, old_code = shown[here], shown[there]
                w, seen, code = meet_box(row, x, a, face_a, b, face_b, c, face_c, d, e, f, g, h, old)
                if texture is not None:
                    code += np.float32(_level_at(row, x, inverse_of(w), texture))
                shown[here] = (w if seen else old) + zero
                shown[there] = (code if seen else old_code) + zero
            at += np.uint64(2 * BLOCK)


@lean_kernel
def _draw_quadric(shown, at, n_rows, tag, zero, beta, q, side, end, far, other_far, light, texture):
    """Draw a round part into some rows of a block, of which the first is at shown[at:]."""
    for y in range(n_rows):
        row = np.float32(y)
        for i in range(BLOCK):
            x = np.float32(i)
            here, there = at + np.uint64(i), at + np.uint64(BLOCK + i)
            old, old_code = shown[here], shown[there]
            w, seen, is_end = meet_round(row, x, beta, q, side, end, far, other_far, old)
            depth = inverse_of(w)
            face = np.int32(ROUND_ENDS) if is_end else np.int32(2) * shade_at(row, x, depth, light)
            if texture is not None:
                face += _level_at(row, x, depth, texture)
            shown[here] = (w if seen else old) + zero
            shown[there] = (tag + np.float32(face) if seen else old_code) + zero
        at += np.uint64(2 * BLOCK)


@lean_kernel
def _first_of(block, row, height):
    """Where a block's row begins in `Canvas.shown`, flat. Unsigned, for a signed index might count from the end."""
    return np.uint64((block * height + row) * 2 * BLOCK)


@lean_kernel
def _level_at(row, x, depth, texture):
    """The level of a material where it is met; texture: the numbers of its two coordinates, and its levels."""
    u, v, levels = texture
    return level(coordinate(row, x, depth, u), coordinate(row, x, depth, v), levels[0], levels[1], levels[2])


@lean_kernel
def _texture_from(solid, levels, row, x):
    """What `_level_at` takes, with the origin at a pixel; None without levels."""
    if levels is None:
        return None
    return _coordinate_from(solid, U, row, x), _coordinate_from(solid, V, row, x), levels


@lean_kernel
def _three(solid, first):
    """Three numbers as float32."""
    return np.float32(solid[first]), np.float32(solid[first + 1]), np.float32(solid[first + 2])


@lean_kernel
def _three_from(solid, first, row, x):
    """A linear quantity's numbers as float32, with the origin at a pixel."""
    at = solid[first + AT] + solid[first + PER_ROW] * row + solid[first + PER_X] * x
    return np.float32(at), np.float32(solid[first + PER_ROW]), np.float32(solid[first + PER_X])


@lean_kernel
def _four(solid, first):
    """Four numbers as float32."""
    return np.float32(solid[first]), np.float32(solid[first + 1]), np.float32(solid[first + 2]), np.float32(solid[first + 3])


@lean_kernel
def _coordinate_from(solid, first, row, x):
    """A coordinate's numbers (to, at, per row, per x) as float32, with the origin at a pixel."""
    at = solid[first + 1] + solid[first + 2] * row + solid[first + 3] * x
    return np.float32(solid[first]), np.float32(at), np.float32(solid[first + 2]), np.float32(solid[first + 3])


@lean_kernel
def _quadratic_from(solid, row, x):
    """The polynomial q as float32, with the origin at a pixel."""
    one, by_row, by_x, row_row, row_x, x_x = solid[Q], solid[Q + 1], solid[Q + 2], solid[Q + 3], solid[Q + 4], solid[Q + 5]
    return (
        np.float32(one + by_row * row + by_x * x + row_row * row * row + row_x * row * x + x_x * x * x),
        np.float32(by_row + 2.0 * row_row * row + row_x * x),
        np.float32(by_x + 2.0 * x_x * x + row_x * row),
        np.float32(row_row), np.float32(row_x), np.float32(x_x),
    )  # fmt: skip
