"""Rendering on the CPU: a camera's boxes drawn into colour, inverse depth and instance ids.

The picture is drawn in blocks of 16 columns whose pixels lie in one piece of memory, row after row. Per box and block the
rows that the box may cover follow from its planes (`sim.view`), and one vectorised loop over one-dimensional slices draws
them all. Floors are boxes too. There is no acceleration structure, so a moving object costs nothing. Colours are looked up
in a last pass, for the faces that are to be seen, into four bytes a pixel of which the fourth is unused, because that pass
then is one gather.
"""

from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.light import ceiling, face_light, shade, sky
from safevla.sim.view import AT, PER_ROW, PER_X, covered, in_box, limits, meet, rows_between, slabs, texture

BLOCK = 16  # columns


class Canvas(NamedTuple):
    """Memory to draw pictures of H rows in. Its P columns are whole blocks; those beyond a picture's width are waste."""

    rgba: np.ndarray  # (H, P) int32: red, green and blue from the lowest byte up
    inverse: np.ndarray  # (P / BLOCK, H · BLOCK) float32: one over the metres along the optical axis, 0 for the sky
    code: np.ndarray  # (P / BLOCK, H · BLOCK) int32: 8·box + 2·face + texture bit; box M stands for ceiling and sky
    row: np.ndarray  # (H · BLOCK,) float32: of each of a block's pixels
    x: np.ndarray  # (H · BLOCK,) float32: its column in the block
    table: np.ndarray  # (8·M + 8,) int32: the colour, as in rgba, by code
    count: np.ndarray  # (4·M + 4,) int32: how many pixels each face got, by 4·box + face


@kernel
def new_canvas(width, height, capacity):
    """A canvas for pictures of that size and houses of up to `capacity` boxes."""
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
        np.empty(8 * capacity + 8, np.int32),
        np.empty(4 * capacity + 4, np.int32),
    )


@kernel
def draw(view, canvas, boxes, colour, pattern, lights, n_lights, room, pixels):
    """Draw one picture into the canvas, and enter how many pixels each box got into pixels (≥ M,) int32.

    colour (M, 3) uint8 and pattern (M,) uint8 are the boxes'; of the lights (·, 7) the first n_lights shine;
    room (7,): the ceiling's height in metres, its colour and the sky's.
    """
    inverse, code = canvas.inverse, canvas.code
    _draw_backdrop(view, canvas, 8 * boxes.n_boxes, room[0])
    zero = np.int32(view.width >> 30)
    slab, limit = np.empty((3, 7)), np.empty((18, 3))
    for m in range(boxes.n_boxes):
        first_row, last_row, first_column, last_column, _ = covered(m, boxes, view)
        if first_row >= last_row or first_column >= last_column:
            continue
        inside = in_box(m, boxes, view)
        if not slabs(m, boxes, inside, view, slab):
            continue
        n_limits = limits(slab, limit)
        z, x, y = _shared(slab[0]), _shared(slab[1]), _shared(slab[2])
        tag = np.int32(m * 8)
        is_textured = pattern[m] > 0
        texture_at, texture_row, texture_x, texture_to = texture(pattern[m], inside, view)
        for block in range(first_column // BLOCK, (last_column - 1) // BLOCK + 1):
            first_x = float(block * BLOCK)
            last_x = min(first_x + BLOCK, float(view.width)) - 1.0
            top, bottom = rows_between(limit, n_limits, first_x, last_x, first_row, last_row)
            if top >= bottom:
                continue
            z_at = np.float32(slab[0, AT] + slab[0, PER_ROW] * top + slab[0, PER_X] * first_x)
            x_at = np.float32(slab[1, AT] + slab[1, PER_ROW] * top + slab[1, PER_X] * first_x)
            y_at = np.float32(slab[2, AT] + slab[2, PER_ROW] * top)
            size = (bottom - top) * BLOCK
            some_inverse, some_code = inverse[block, top * BLOCK :][:size], code[block, top * BLOCK :][:size]
            rows, xs = canvas.row[:size], canvas.x[:size]
            if not is_textured:
                _plain(some_inverse, some_code, rows, xs, z_at, z, x_at, x, y_at, y, tag, zero)
                continue
            _textured(
                some_inverse, some_code, rows, xs, z_at, z, x_at, x, y_at, y, tag, zero,
                np.float32(texture_at + texture_row * top + texture_x * first_x), np.float32(texture_row), np.float32(texture_x),
                np.float32(texture_to),
            )  # fmt: skip
    _count_pixels(view, canvas, boxes.n_boxes, pixels)
    _colour_in(view, canvas, boxes, colour, pattern, lights, n_lights, room, pixels)


@kernel
def _draw_backdrop(view, canvas, code_behind, ceiling_m):
    """Ceiling and sky, under the code `code_behind`: the ceiling as its face 0, the sky as its face 1."""
    for row in range(view.height):
        rise = -view.sin_pitch + (view.v_at + view.v_by * row) * view.cos_pitch
        above = np.float32(max(0.0, rise / (ceiling_m - view.y)))
        face = np.int32(code_behind) if above > 0.0 else np.int32(code_behind + 2)
        for block in range(canvas.code.shape[0]):
            canvas.inverse[block, row * BLOCK : (row + 1) * BLOCK] = above
            canvas.code[block, row * BLOCK : (row + 1) * BLOCK] = face


@kernel
def _count_pixels(view, canvas, n_boxes, pixels):
    """Enter how many pixels each face got into the canvas's count, and each box into pixels."""
    count = canvas.count
    for face in range(4 * n_boxes + 4):
        count[face] = 0
    for block in range(canvas.code.shape[0]):
        _count_faces(canvas.code[block].reshape(view.height, BLOCK), min(BLOCK, view.width - block * BLOCK), count)
    for m in range(n_boxes):
        pixels[m] = count[4 * m] + count[4 * m + 1] + count[4 * m + 2]


@kernel
def _colour_in(view, canvas, boxes, colour, pattern, lights, n_lights, room, pixels):
    """Light the faces that are to be seen, and look every pixel's colour up."""
    table, n_boxes = canvas.table, boxes.n_boxes
    for m in range(n_boxes):
        if pixels[m] > 0:
            for face in range(3):
                if canvas.count[4 * m + face] > 0:
                    light = face_light(m, face, boxes, view, lights, n_lights)
                    for bit in range(2):
                        table[8 * m + 2 * face + bit] = shade(m, bit, light, colour, pattern)
    table[8 * n_boxes], table[8 * n_boxes + 2] = ceiling(room), sky(room)
    for block in range(canvas.code.shape[0]):
        rgba = canvas.rgba[:, block * BLOCK : (block + 1) * BLOCK]
        _look_up(canvas.code[block].reshape(view.height, BLOCK), table, rgba)


@kernel
def _plain(inverse, code, row, x, z_at, z, x_at, xx, y_at, y, tag, zero):
    """Draw a box into pixels at row (N,) and x (N,) after the slabs' origin; z, xx, y are the slabs' numbers, float32.

    `zero` is 0. Adding it keeps the compiler from turning the two conditional assignments into masked stores, which
    some processors carry out ten times slower than plain ones.
    """
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, face = meet(row[i], x[i], z_at, z, x_at, xx, y_at, y, old)
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (np.int32(tag + face) if seen else old_code) + zero


@kernel
def _textured(inverse, code, row, x, z_at, z, x_at, xx, y_at, y, tag, zero, texture_at, texture_row, texture_x, texture_to):
    """The same for a box with a pattern, whose texture coordinate is depth · (at + row · row + x · x) + to."""
    for i in range(inverse.size):
        old, old_code = inverse[i], code[i]
        w, seen, face = meet(row[i], x[i], z_at, z, x_at, xx, y_at, y, old)
        bit = np.int32((texture_at + texture_row * row[i] + texture_x * x[i]) / w + texture_to) & np.int32(1)
        inverse[i] = (w if seen else old) + np.float32(zero)
        code[i] = (np.int32(tag + face + bit) if seen else old_code) + zero


@kernel
def _shared(slab):
    """What of a slab's numbers all its pixels share, as float32: from PER_ROW on."""
    return (
        np.float32(slab[1]), np.float32(slab[2]), np.float32(slab[3]),
        np.float32(slab[4]), np.float32(slab[5]), np.float32(slab[6]),
    )  # fmt: skip


@kernel
def _look_up(code, table, rgba):
    """Colours (H, BLOCK) for the codes (H, BLOCK)."""
    for row in range(code.shape[0]):
        for x in range(BLOCK):
            rgba[row, x] = table[code[row, x]]


@kernel
def _count_faces(code, width, count):
    """Add the pixels of each face to count, a run of equal ones at a time; code (H, BLOCK), of which `width` columns count."""
    for row in range(code.shape[0]):
        face = code[row, 0] >> 1
        if width == BLOCK:
            differ = np.int32(0)
            for x in range(BLOCK):
                differ |= code[row, x] ^ code[row, 0]
            if differ < 2:
                count[face] += BLOCK
                continue
        start = 0
        for x in range(1, width):
            if code[row, x] >> 1 != face:
                count[face] += x - start
                face, start = code[row, x] >> 1, x
        count[face] += width - start
