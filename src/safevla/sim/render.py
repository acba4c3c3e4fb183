"""Rendering on the CPU: a camera's view of a house drawn into colour, inverse depth and instance ids.

The picture is drawn in blocks of 16 columns whose pixels lie in one piece of memory, row after row. Per part of a shape and
block the rows that it may cover follow from its corners or its planes (`sim.solids`), and one vectorised loop over
one-dimensional slices draws them all. Floors and walls are parts too. There is no acceleration structure, so a moving object
costs nothing. Colours are looked up in a last pass, for the parts that are to be seen, into four bytes a pixel of which the
fourth is unused, because that pass then is one gather.
"""

from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.appearance import seen_texture
from safevla.sim.light import DRAWN, N_FACES, N_LIT, PLAIN, ROUND_ENDS, TOWARDS, ceiling, gather, paint, sky
from safevla.sim.solids import (
    AT,
    BETA,
    MISSED_FAR,
    N_SOLID,
    NEAR_B,
    NEAR_Q,
    PER_ROW,
    PER_X,
    SHADE,
    SLAB_X,
    SLAB_Y,
    SLAB_Z,
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
_LARGE = 400  # pixels from which it pays to find a box's rows exactly, block by block


class Canvas(NamedTuple):
    """Memory to draw pictures of H rows in. Its N columns are whole blocks; those beyond a picture's width are waste."""

    rgba: np.ndarray  # (H, N) int32: red, green and blue from the lowest byte up
    inverse: np.ndarray  # (N / BLOCK, H · BLOCK) float32: one over the metres along the optical axis, 0 for the sky
    code: np.ndarray  # (N / BLOCK, H · BLOCK) int32: N_FACES · part + face; part P stands for ceiling and sky
    row: np.ndarray  # (H · BLOCK,) float32: of each of a block's pixels
    x: np.ndarray  # (H · BLOCK,) float32: its column in the block
    table: np.ndarray  # (N_FACES · (P + 1),) int32: the colour, as in rgba, by code
    painted: np.ndarray  # (P + 1,) int32: which of a part's faces have their colour, a bit each
    count: np.ndarray  # (P + 1,) int32: how many pixels each part got
    sides: np.ndarray  # (P,) int8: on which sides of a part's axes the eye is, a bit each
    texture: np.ndarray  # (M,) int8: how each box's material is seen, of `sim.light`
    lit: np.ndarray  # (M, N_LIT): the light on each box, where `is_lit`
    is_lit: np.ndarray  # (M,) bool


@kernel
def new_canvas(width, height, n_boxes, n_parts):
    """A canvas for pictures of that size and houses of up to so many boxes and parts."""
    n_blocks = -(-width // BLOCK)
    rows, xs = np.empty(height * BLOCK, np.float32), np.empty(height * BLOCK, np.float32)
    for row in range(height):
        for x in range(BLOCK):
            rows[row * BLOCK + x] = row
            xs[row * BLOCK + x] = x
    return Canvas(
        np.empty((height, n_blocks * BLOCK), np.int32),
        np.empty((n_blocks, height * BLOCK), np.float32),
        np.empty((n_blocks, height * BLOCK), np.int32),
        rows,
        xs,
        np.empty(N_FACES * (n_parts + 1), np.int32),
        np.empty(n_parts + 1, np.int32),
        np.empty(n_parts + 1, np.int32),
        np.empty(n_parts, np.int8),
        np.empty(n_boxes, np.int8),
        np.empty((n_boxes, N_LIT)),
        np.empty(n_boxes, np.bool_),
    )


@kernel
def draw(view, canvas, boxes, looks, lights, n_lights, room, pixels):
    """Draw one picture into the canvas, and enter how many pixels each box got into pixels (≥ M,) int32.

    looks: the boxes' `Appearance`; of the lights (·, 7) the first n_lights shine; room (7,): the ceiling's height in metres, its
    colour and the sky's.
    """
    n_parts = looks.last_part[boxes.n_boxes - 1] if boxes.n_boxes > 0 else np.int32(0)
    _draw_backdrop(view, canvas, N_FACES * n_parts, room[0])
    frame, aimed, rays = np.empty((4, 3)), np.empty((4, 3)), np.empty((4, 3))
    solid, limit = np.empty(N_SOLID), np.empty((18, 3))
    for m in range(boxes.n_boxes):
        pose = boxes.pose[m]
        canvas.is_lit[m] = False
        is_seen, begins_m = is_in_view(pose[0], pose[1], pose[2], looks.radius[m], view)
        if not is_seen:
            continue
        look_into(pose, looks.is_wide[m], view, frame)
        texture = seen_texture(looks.material[m], begins_m, view)
        canvas.texture[m] = texture
        levels = (np.int32(0), np.int32(0), np.int32(0))
        for p in range(looks.first_part[m], looks.last_part[m]):
            part = looks.parts[p]
            aim(part, frame, aimed)
            extent = bounds(part, aimed, view)
            if extent[0] >= extent[1] or extent[2] >= extent[3] or not enter(part, aimed, view, solid, rays):
                continue
            canvas.sides[p] = sides_of(aimed)
            if part[KIND] != BOX:
                if not canvas.is_lit[m]:
                    gather(pose, looks.is_wide[m], lights, n_lights, canvas.lit[m])
                    canvas.is_lit[m] = True
                enter_shade(part, rays, canvas.lit[m, TOWARDS:], solid)
            is_textured = texture == DRAWN and part[TEXTURED] > 0
            if is_textured:
                enter_material(looks.material[m], frame, view, solid)
                levels = entered_levels(looks.material[m], part[KIND] != BOX)
            if part[KIND] == BOX:
                _draw_box(view, canvas, p, solid, limit, extent, is_textured, levels)
            else:
                _draw_round(view, canvas, p, solid, extent, is_textured, levels)
    _colour_in(view, canvas, boxes, looks, lights, n_lights, room, n_parts)
    for m in range(boxes.n_boxes):
        total = np.int32(0)
        for p in range(looks.first_part[m], looks.last_part[m]):
            total += canvas.count[p]
        pixels[m] = total


@kernel
def _draw_backdrop(view, canvas, code_behind, ceiling_m):
    """Ceiling and sky, under the code `code_behind`: the ceiling as its face 0, the sky as its face 1."""
    for row in range(view.height):
        rise = -view.sin_pitch + (view.v_at + view.v_by * row) * view.cos_pitch
        above = np.float32(max(0.0, rise / (ceiling_m - view.y)))
        face = np.int32(code_behind) if above > 0.0 else np.int32(code_behind + 1)
        for block in range(canvas.code.shape[0]):
            canvas.inverse[block, row * BLOCK : (row + 1) * BLOCK] = above
            canvas.code[block, row * BLOCK : (row + 1) * BLOCK] = face


@kernel
def _draw_box(view, canvas, p, solid, limit, extent, is_textured, levels):
    """Draw part p, a box, from its numbers `solid`. extent: its `bounds`; levels: `entered_levels`."""
    first_row, last_row, first_column, last_column, is_clipped = extent
    is_large = is_clipped or (last_row - first_row) * (last_column - first_column) > _LARGE
    n_limits = limits(solid, limit) if is_large else 0
    z, x, y = _shared(solid, SLAB_Z), _shared(solid, SLAB_X), _shared(solid, SLAB_Y)
    tag, zero = np.int32(N_FACES * p), np.int32(view.width >> 30)
    for block in range(first_column // BLOCK, (last_column - 1) // BLOCK + 1):
        first_x = float(block * BLOCK)
        top, bottom = first_row, last_row
        if is_large:
            last_x = min(first_x + BLOCK, float(view.width)) - 1.0
            top, bottom = rows_between(limit, n_limits, first_x, last_x, first_row, last_row)
            if top >= bottom:
                continue
        z_at, x_at, y_at = _at(solid, SLAB_Z, top, first_x), _at(solid, SLAB_X, top, first_x), _at(solid, SLAB_Y, top, first_x)
        size = (bottom - top) * BLOCK
        inverse, code = canvas.inverse[block, top * BLOCK :][:size], canvas.code[block, top * BLOCK :][:size]
        rows, xs = canvas.row[:size], canvas.x[:size]
        if not is_textured:
            _plain_box(inverse, code, rows, xs, z_at, z, x_at, x, y_at, y, tag, zero)
        else:
            u, v = _coordinate_from(solid, U, top, first_x), _coordinate_from(solid, V, top, first_x)
            _textured_box(
                inverse, code, rows, xs, z_at, z, x_at, x, y_at, y, tag, zero, u, v,
                levels[0], levels[1], levels[2],
            )  # fmt: skip


@kernel
def _draw_round(view, canvas, p, solid, extent, is_textured, levels):
    """The same for a round part."""
    first_row, last_row, first_column, last_column, _ = extent
    y, top = _shared(solid, SLAB_Y), first_row
    side = (
        np.float32(solid[NEAR_B]), np.float32(solid[NEAR_B + 1]), np.float32(solid[NEAR_B + 2]), np.float32(solid[NEAR_B + 3]),
        np.float32(solid[NEAR_Q]), np.float32(solid[NEAR_Q + 1]), np.float32(solid[NEAR_Q + 2]), np.float32(solid[MISSED_FAR]),
    )  # fmt: skip
    tag, zero = np.int32(N_FACES * p), np.int32(view.width >> 30)
    size = (last_row - first_row) * BLOCK
    for block in range(first_column // BLOCK, (last_column - 1) // BLOCK + 1):
        first_x = float(block * BLOCK)
        inverse, code = canvas.inverse[block, top * BLOCK :][:size], canvas.code[block, top * BLOCK :][:size]
        rows, xs = canvas.row[:size], canvas.x[:size]
        beta = (_at(solid, BETA, top, first_x), np.float32(solid[BETA + 1]), np.float32(solid[BETA + 2]))
        q = _quadratic_from(solid, top, first_x)
        y_at = _at(solid, SLAB_Y, top, first_x)
        shade = _coordinate_from(solid, SHADE, top, first_x)
        if not is_textured:
            _plain_round(inverse, code, rows, xs, beta, q, side, y_at, y, shade, tag, zero)
        else:
            u, v = _coordinate_from(solid, U, top, first_x), _coordinate_from(solid, V, top, first_x)
            _textured_round(
                inverse, code, rows, xs, beta, q, side, y_at, y, shade, tag, zero, u, v,
                levels[0], levels[1], levels[2],
            )  # fmt: skip


@kernel
def _colour_in(view, canvas, boxes, looks, lights, n_lights, room, n_parts):
    """Look every pixel's colour up, and count each part's pixels. A face gets its colour when it is first met."""
    for p in range(n_parts + 1):
        canvas.painted[p] = canvas.count[p] = 0
    canvas.table[N_FACES * n_parts], canvas.table[N_FACES * n_parts + 1] = ceiling(room), sky(room)
    canvas.painted[n_parts] = 3
    for block in range(canvas.code.shape[0]):
        width = min(BLOCK, view.width - block * BLOCK)
        code = canvas.code[block].reshape(view.height, BLOCK)
        for row in range(view.height):
            differ, faces = np.int32(0), np.int32(0)
            for x in range(BLOCK):
                differ |= code[row, x] ^ code[row, 0]
                faces |= np.int32(1) << np.int32(code[row, x] & np.int32(N_FACES - 1))
            if differ < N_FACES:  # all show one part
                part = code[row, 0] // N_FACES
                canvas.count[part] += width
                if faces & ~canvas.painted[part]:
                    _paint(canvas, part, faces, boxes, looks, lights, n_lights)
                continue
            for x in range(BLOCK):
                part = code[row, x] // N_FACES
                canvas.count[part] += x < width
                face = np.int32(1) << np.int32(code[row, x] & np.int32(N_FACES - 1))
                if face & ~canvas.painted[part]:
                    _paint(canvas, part, face, boxes, looks, lights, n_lights)
        _look_up(code, canvas.table, canvas.rgba[:, block * BLOCK : (block + 1) * BLOCK])


@kernel
def _paint(canvas, p, faces, boxes, looks, lights, n_lights):
    """Enter the colours of a part's faces, a bit each, into the canvas's table."""
    m = looks.part_box[p]
    if not canvas.is_lit[m]:
        gather(boxes.pose[m], looks.is_wide[m], lights, n_lights, canvas.lit[m])
        canvas.is_lit[m] = True
    part = looks.parts[p]
    texture = canvas.texture[m] if part[TEXTURED] > 0 else PLAIN
    colours = canvas.table[N_FACES * p : N_FACES * (p + 1)]
    paint(part, canvas.sides[p], looks.palette[m], looks.material[m], texture, canvas.lit[m], faces, colours)
    canvas.painted[p] |= faces


# The loops over pixels. Each draws a part into pixels at row (N,) and x (N,) after an origin. `zero` is 0. Adding it keeps the
# compiler from turning the two conditional assignments into masked stores, which some processors carry out ten times slower
# than plain ones.


@kernel
def _plain_box(inverse, code, row, x, z_at, z, x_at, xx, y_at, y, tag, zero):
    """A box without a material; z, xx, y are the slabs' numbers, float32."""
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, face = meet_box(row[i], x[i], z_at, z, x_at, xx, y_at, y, old)
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (np.int32(tag + face) if seen else old_code) + zero


@kernel
def _textured_box(inverse, code, row, x, z_at, z, x_at, xx, y_at, y, tag, zero, u, v, a, b, mask):
    """A box with a material."""
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, face = meet_box(row[i], x[i], z_at, z, x_at, xx, y_at, y, old)
        depth = inverse_of(w)
        at_u = coordinate(row[i], x[i], depth, u[0], u[1], u[2], u[3])
        at_v = coordinate(row[i], x[i], depth, v[0], v[1], v[2], v[3])
        shown = np.int32(tag + face + level(at_u, at_v, a, b, mask))
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (shown if seen else old_code) + zero


@kernel
def _plain_round(inverse, code, row, x, beta, q, side, y_at, y, light, tag, zero):
    """A round part without a material."""
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, is_end = meet_round(row[i], x[i], beta, q, side, y_at, y, old)
        depth = inverse_of(w)
        shade = shade_at(row[i], x[i], depth, light)
        shown = np.int32(tag + (np.int32(ROUND_ENDS) if is_end else np.int32(2) * shade))
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (shown if seen else old_code) + zero


@kernel
def _textured_round(inverse, code, row, x, beta, q, side, y_at, y, light, tag, zero, u, v, a, b, mask):
    """A round part with a material."""
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, is_end = meet_round(row[i], x[i], beta, q, side, y_at, y, old)
        depth = inverse_of(w)
        shade = shade_at(row[i], x[i], depth, light)
        at_u = coordinate(row[i], x[i], depth, u[0], u[1], u[2], u[3])
        at_v = coordinate(row[i], x[i], depth, v[0], v[1], v[2], v[3])
        shown = tag + (np.int32(ROUND_ENDS) if is_end else np.int32(2) * shade) + level(at_u, at_v, a, b, mask)
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (np.int32(shown) if seen else old_code) + zero


@kernel
def _at(solid, first, row, x):
    """A linear quantity at a pixel, float32; solid[first:] has it at the origin, per row and per column."""
    return np.float32(solid[first + AT] + solid[first + PER_ROW] * row + solid[first + PER_X] * x)


@kernel
def _shared(solid, slab):
    """What of a slab's numbers all its pixels share, as float32: from PER_ROW on."""
    return (
        np.float32(solid[slab + 1]), np.float32(solid[slab + 2]), np.float32(solid[slab + 3]),
        np.float32(solid[slab + 4]), np.float32(solid[slab + 5]), np.float32(solid[slab + 6]),
    )  # fmt: skip


@kernel
def _coordinate_from(solid, first, row, x):
    """A coordinate's numbers (to, at, per row, per x) as float32, with the origin at a pixel."""
    at = solid[first + 1] + solid[first + 2] * row + solid[first + 3] * x
    return np.float32(solid[first]), np.float32(at), np.float32(solid[first + 2]), np.float32(solid[first + 3])


@kernel
def _quadratic_from(solid, row, x):
    """The polynomial q as float32, with the origin at a pixel."""
    one, by_row, by_x, row_row, row_x, x_x = solid[Q], solid[Q + 1], solid[Q + 2], solid[Q + 3], solid[Q + 4], solid[Q + 5]
    return (
        np.float32(one + by_row * row + by_x * x + row_row * row * row + row_x * row * x + x_x * x * x),
        np.float32(by_row + 2.0 * row_row * row + row_x * x),
        np.float32(by_x + 2.0 * x_x * x + row_x * row),
        np.float32(row_row), np.float32(row_x), np.float32(x_x),
    )  # fmt: skip


@kernel
def _look_up(code, table, rgba):
    """Colours (H, BLOCK) for the codes (H, BLOCK)."""
    for row in range(code.shape[0]):
        for x in range(BLOCK):
            rgba[row, x] = table[code[row, x]]
