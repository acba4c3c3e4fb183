"""The cameras: boxes, floor and ceiling drawn into colour, inverse depth and instance ids.

A ray that leaves the eye through pixel (row, x) meets a plane at an inverse depth that is *linear* in row and x. A box is
hit where the nearest of its near faces lies before the nearest of its far ones, and hides what has a smaller inverse
depth. So a pixel takes no division and no branch. There is no acceleration structure, so a moving object costs nothing.

The picture is drawn in blocks of 16 columns whose pixels lie in one piece of memory, row after row. Per box and block the
rows that the box may cover follow from the same planes, and one vectorised loop over one-dimensional slices draws them
all. Floors are boxes too. Colours are looked up in a last pass, for the faces that are to be seen, into four bytes a
pixel of which the fourth is unused, because that pass then is one gather.
"""

import math
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.geometry import RADIANS, to_local

BLOCK = 16  # columns
# texture bits per metre along the box's (x, y, z), by `layout.Layout.pattern`
_TEXTURE_PER_M = np.array([[0, 0, 0], [9, 0, 0], [5, 5, 5], [4, 0, 0], [2.5, 0, 2.5]], np.float32)
_TOO_CLOSE_M = 1e-4  # faces nearer to the eye than this count as this far
SHADE = 0.86  # of the darker half of a texture
_NO_FACE = 1e9  # inverse depth of a near face that is not there: never the smallest

# A slab of a box, its two faces across one axis, as a row of seven numbers. The ray's component along the axis is
# d = _AT + _PER_ROW * row + _PER_X * x; the near face is at inverse depth _NEAR * d + _NEAR_AT (none where the eye is
# inside the slab), the far one at the larger of _FAR_A * d and _FAR_B * d.
_AT, _PER_ROW, _PER_X, _NEAR, _NEAR_AT, _FAR_A, _FAR_B = range(7)


class View(NamedTuple):
    """A camera's eye and picture.

    The ray through pixel (row, x) is forward + u·right + v·up, with u = u_at + u_by · x and v = v_at + v_by · row.
    """

    x: float  # metres, of the eye
    y: float
    z: float
    sin_yaw: float
    cos_yaw: float
    sin_pitch: float  # downwards
    cos_pitch: float
    u_at: float
    u_by: float
    v_at: float
    v_by: float
    tan_u: float  # half the picture's width at a distance of 1 m, in metres
    tan_v: float  # half its height
    width: int  # pixels
    height: int


class InBox(NamedTuple):
    """A view in the frame of a box."""

    x: float  # metres, of the eye
    y: float
    z: float
    forward_x: float  # the camera's heading
    forward_z: float
    right_x: float
    right_z: float


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
def view_of(eye_x, eye_y, eye_z, yaw_deg, pitch_deg, fov_deg, width, height):
    """What a camera shows in a picture of that size; pitch is positive downwards, the field of view is vertical."""
    heading, pitch = yaw_deg * RADIANS, pitch_deg * RADIANS
    tan_v = math.tan(0.5 * fov_deg * RADIANS)
    tan_u = tan_v * width / height
    return View(
        eye_x, eye_y, eye_z, math.sin(heading), math.cos(heading), math.sin(pitch), math.cos(pitch),
        (1.0 / width - 1.0) * tan_u, 2.0 * tan_u / width, (1.0 - 1.0 / height) * tan_v, -2.0 * tan_v / height, tan_u, tan_v,
        width, height,
    )  # fmt: skip


@kernel
def covered(m, boxes, view):
    """What box m may cover: (first row, row after the last, first column, column after the last, where it begins).

    It begins so many metres away along the optical axis. A box outside the picture covers no row.
    """
    half = boxes.half
    dx, dy, dz = boxes.pose[m, 0] - view.x, boxes.pose[m, 1] - view.y, boxes.pose[m, 2] - view.z
    radius = math.sqrt(half[m, 0] * half[m, 0] + half[m, 1] * half[m, 1] + half[m, 2] * half[m, 2])
    side, front = to_local(dx, dz, view.sin_yaw, view.cos_yaw)
    deep = front * view.cos_pitch - dy * view.sin_pitch
    high = front * view.sin_pitch + dy * view.cos_pitch
    tan_u, tan_v = view.tan_u, view.tan_v
    slack_u, slack_v = math.sqrt(1.0 + tan_u * tan_u), math.sqrt(1.0 + tan_v * tan_v)
    if deep < -radius or abs(side) > deep * tan_u + radius * slack_u or abs(high) > deep * tan_v + radius * slack_v:
        return 0, 0, 0, 0, 0.0
    first_row, last_row, first_x, last_x = 0, view.height, 0, view.width
    if deep > 1.01 * radius:  # the rows and columns of a cube around the sphere
        v_high = (high + radius) / (deep - radius if high + radius > 0.0 else deep + radius)
        v_low = (high - radius) / (deep + radius if high - radius > 0.0 else deep - radius)
        first_row = max(0, int(math.floor((v_high - view.v_at) / view.v_by)))
        last_row = min(view.height, int(math.ceil((v_low - view.v_at) / view.v_by)) + 1)
        u_high = (side + radius) / (deep - radius if side + radius > 0.0 else deep + radius)
        u_low = (side - radius) / (deep + radius if side - radius > 0.0 else deep - radius)
        first_x = max(0, int(math.floor((u_low - view.u_at) / view.u_by)))
        last_x = min(view.width, int(math.ceil((u_high - view.u_at) / view.u_by)) + 1)
    return first_row, last_row, first_x, last_x, deep - radius


@kernel
def in_box(m, boxes, view):
    """The view in the frame of box m."""
    pose = boxes.pose
    turn = pose[m, 3] * RADIANS
    sin_box, cos_box = math.sin(turn), math.cos(turn)
    eye_x, eye_z = to_local(view.x - pose[m, 0], view.z - pose[m, 2], sin_box, cos_box)
    forward_x, forward_z = to_local(view.sin_yaw, view.cos_yaw, sin_box, cos_box)
    right_x, right_z = to_local(view.cos_yaw, -view.sin_yaw, sin_box, cos_box)
    return InBox(eye_x, view.y - pose[m, 1], eye_z, forward_x, forward_z, right_x, right_z)


@kernel
def texture(pattern, inside, view):
    """A box's texture coordinate, (at, per row, per x, to): depth · (at + per row · row + per x · x) + to.

    inside: the view `in_box`.
    """
    along_x, along_y, along_z = _TEXTURE_PER_M[pattern, 0], _TEXTURE_PER_M[pattern, 1], _TEXTURE_PER_M[pattern, 2]
    ahead, right = inside.forward_x * along_x + inside.forward_z * along_z, inside.right_x * along_x + inside.right_z * along_z
    return (
        ahead * (view.cos_pitch + view.v_at * view.sin_pitch) + along_y * (view.v_at * view.cos_pitch - view.sin_pitch)
        + right * view.u_at,
        (ahead * view.sin_pitch + along_y * view.cos_pitch) * view.v_by,
        right * view.u_by,
        inside.x * along_x + inside.y * along_y + inside.z * along_z + 512.0,
    )  # fmt: skip


@kernel
def meet(row, x, z_at, z, x_at, xx, y_at, y, old):
    """Where a pixel's ray meets a box: inverse depth, whether that is before `old`, and 2·face."""
    across_z = z_at + z[0] * row + z[1] * x
    across_x = x_at + xx[0] * row + xx[1] * x
    across_y = y_at + y[0] * row
    near_z, near_x, near_y = z[2] * across_z + z[3], xx[2] * across_x + xx[3], y[2] * across_y + y[3]
    far_z = max(z[4] * across_z, z[5] * across_z)
    far_x = max(xx[4] * across_x, xx[5] * across_x)
    far_y = max(y[4] * across_y, y[5] * across_y)
    w = min(min(near_z, near_x), near_y)
    seen = (w > old) & (w >= max(max(far_z, far_x), far_y))
    face = np.int32(2) if w == near_x else (np.int32(0) if w == near_z else np.int32(4))
    return w, seen, face


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
def _light_at(px, py, pz, nx, ny, nz, lights, n_lights):
    """Light (red, green, blue) that falls on a face at p with unit normal n: ambient, the sun, and the lamps."""
    red = green = blue = np.float32(0.34)
    for i in range(n_lights):
        if lights[i, 1] < 0.0:  # directional, from above and the side
            cosine = max(0.0, 0.35 * nx + 0.85 * ny + 0.38 * nz)
            strength = 0.42 * lights[i, 3] * cosine
        else:
            dx, dy, dz = lights[i, 0] - px, lights[i, 1] - py, lights[i, 2] - pz
            squared = dx * dx + dy * dy + dz * dz + 1e-3
            cosine = (dx * nx + dy * ny + dz * nz) / math.sqrt(squared)
            strength = 1.5 * lights[i, 3] * (0.25 + 0.75 * max(0.0, cosine)) / (1.0 + 0.35 * squared)
        red += strength * lights[i, 4]
        green += strength * lights[i, 5]
        blue += strength * lights[i, 6]
    return red, green, blue


@kernel
def pack(red, green, blue):
    """A colour, from 0 to 255 each, as four bytes; what lies beyond is cut off."""
    r = np.int32(min(255.0, max(0.0, red)))
    g = np.int32(min(255.0, max(0.0, green)))
    b = np.int32(min(255.0, max(0.0, blue)))
    return r | (g << 8) | (b << 16)


@kernel
def slabs(m, boxes, inside, view, slab):
    """Fill the slabs (3, 7) of box m across its z, x and y; False with the eye inside the box. inside: the view `in_box`."""
    half = boxes.half
    outside = False
    for axis in range(3):
        eye, reach = (inside.z, half[m, 2]) if axis == 0 else ((inside.x, half[m, 0]) if axis == 1 else (inside.y, half[m, 1]))
        ahead = inside.forward_z if axis == 0 else (inside.forward_x if axis == 1 else 0.0)
        right = inside.right_z if axis == 0 else (inside.right_x if axis == 1 else 0.0)
        # the ray's component along the axis is level + tilted * v + right * u
        level = ahead * view.cos_pitch if axis < 2 else -view.sin_pitch
        tilted = ahead * view.sin_pitch if axis < 2 else view.cos_pitch
        slab[axis, _AT] = level + tilted * view.v_at + right * view.u_at
        slab[axis, _PER_ROW], slab[axis, _PER_X] = tilted * view.v_by, right * view.u_by
        high, low = reach - eye, -reach - eye
        if abs(high) < _TOO_CLOSE_M:
            high = _TOO_CLOSE_M if high >= 0.0 else -_TOO_CLOSE_M
        if abs(low) < _TOO_CLOSE_M:
            low = _TOO_CLOSE_M if low >= 0.0 else -_TOO_CLOSE_M
        if high < 0.0 or low > 0.0:
            near, far = (high, low) if high < 0.0 else (low, high)
            slab[axis, _NEAR], slab[axis, _NEAR_AT] = 1.0 / near, 0.0
            slab[axis, _FAR_A] = slab[axis, _FAR_B] = 1.0 / far
            outside = True
        else:
            slab[axis, _NEAR], slab[axis, _NEAR_AT] = 0.0, _NO_FACE
            slab[axis, _FAR_A], slab[axis, _FAR_B] = 1.0 / high, 1.0 / low
    return outside


@kernel
def limits(slab, limit):
    """Lines (·, 3), at + per_row · row + per_x · x, that are nowhere negative where the box is hit; their number.

    One for every near face and every far one: the near one must come first.
    """
    n = 0
    for i in range(3):
        if slab[i, _NEAR] == 0.0:
            continue
        for j in range(3):
            for side in range(2):
                far = slab[j, _FAR_A] if side == 0 else slab[j, _FAR_B]
                if side == 1 and far == slab[j, _FAR_A]:
                    continue
                limit[n, 0] = slab[i, _NEAR] * slab[i, _AT] - far * slab[j, _AT]
                limit[n, 1] = slab[i, _NEAR] * slab[i, _PER_ROW] - far * slab[j, _PER_ROW]
                limit[n, 2] = slab[i, _NEAR] * slab[i, _PER_X] - far * slab[j, _PER_X]
                n += 1
    return n


@kernel
def rows_between(limit, n_limits, first_x, last_x, top, bottom):
    """The rows [top, bottom) in which the box can be hit between two columns."""
    low, high = float(top), bottom - 1.0
    for k in range(n_limits):
        per_row = limit[k, 1]
        best = limit[k, 0] + max(limit[k, 2] * first_x, limit[k, 2] * last_x)
        if per_row > 1e-12:
            low = max(low, -best / per_row)
        elif per_row < -1e-12:
            high = min(high, -best / per_row)
        elif best < 0.0:
            return 0, 0
    return int(math.ceil(low - 1e-6)), int(math.floor(high + 1e-6)) + 1


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
            z_at = np.float32(slab[0, _AT] + slab[0, _PER_ROW] * top + slab[0, _PER_X] * first_x)
            x_at = np.float32(slab[1, _AT] + slab[1, _PER_ROW] * top + slab[1, _PER_X] * first_x)
            y_at = np.float32(slab[2, _AT] + slab[2, _PER_ROW] * top)
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
def ceiling(room):
    """The ceiling's colour as it is drawn, packed; room as `draw` takes it."""
    return pack(room[1] * 0.8, room[2] * 0.8, room[3] * 0.8)


@kernel
def sky(room):
    """The sky's colour, packed; room as `draw` takes it."""
    return pack(room[4], room[5], room[6])


@kernel
def _shared(slab):
    """What of a slab's numbers all its pixels share, as float32: _PER_ROW to _FAR_B."""
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


@kernel
def face_light(m, face, boxes, view, lights, n_lights):
    """Light (red, green, blue) on the side that is towards the eye of a box's face: 0 across its z, 1 across x, 2 across y."""
    pose, half = boxes.pose, boxes.half
    sin_box, cos_box = math.sin(pose[m, 3] * RADIANS), math.cos(pose[m, 3] * RADIANS)
    lx, lz = to_local(view.x - pose[m, 0], view.z - pose[m, 2], sin_box, cos_box)
    if face == 0:
        sign = 1.0 if lz > 0.0 else -1.0
        nx, ny, nz = sign * sin_box, 0.0, sign * cos_box
        reach = half[m, 2]
    elif face == 1:
        sign = 1.0 if lx > 0.0 else -1.0
        nx, ny, nz = sign * cos_box, 0.0, -sign * sin_box
        reach = half[m, 0]
    else:
        sign = 1.0 if view.y > pose[m, 1] else -1.0
        nx, ny, nz = 0.0, sign, 0.0
        reach = half[m, 1]
    return _light_at(pose[m, 0] + nx * reach, pose[m, 1] + ny * reach, pose[m, 2] + nz * reach, nx, ny, nz, lights, n_lights)


@kernel
def shade(m, bit, light, colour, pattern):
    """The colour of box m where its texture is 0 or 1, in that light, packed."""
    share = SHADE if bit == 1 and pattern[m] > 0 else 1.0
    return pack(colour[m, 0] * light[0] * share, colour[m, 1] * light[1] * share, colour[m, 2] * light[2] * share)
