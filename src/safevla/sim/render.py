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


@kernel
def lens(width, height, pitch_deg, fov_deg):
    """A camera's numbers: (sin and cos of its pitch, u_at, u_by, v_at, v_by, half the picture's width and height at 1 m).

    A ray is forward + u·right + v·up, with u = u_at + u_by · x and v = v_at + v_by · row.
    """
    tan_v = math.tan(0.5 * fov_deg * RADIANS)
    tan_u = tan_v * width / height
    return (
        math.sin(pitch_deg * RADIANS), math.cos(pitch_deg * RADIANS),
        (1.0 / width - 1.0) * tan_u, 2.0 * tan_u / width, (1.0 - 1.0 / height) * tan_v, -2.0 * tan_v / height, tan_u, tan_v,
    )  # fmt: skip


@kernel
def covered(dx, dy, dz, radius, sin_yaw, cos_yaw, camera, width, height):
    """What a sphere at an offset from the eye may cover: (first row, row after the last, first and last column, metres).

    The last is how far away along the optical axis it begins. No row is covered by a sphere outside the picture.
    """
    sin_pitch, cos_pitch, u_at, u_by, v_at, v_by, tan_u, tan_v = camera
    side, front = to_local(dx, dz, sin_yaw, cos_yaw)
    deep = front * cos_pitch - dy * sin_pitch
    high = front * sin_pitch + dy * cos_pitch
    slack_u, slack_v = math.sqrt(1.0 + tan_u * tan_u), math.sqrt(1.0 + tan_v * tan_v)
    if deep < -radius or abs(side) > deep * tan_u + radius * slack_u or abs(high) > deep * tan_v + radius * slack_v:
        return 0, 0, 0, 0, 0.0
    first_row, last_row, first_x, last_x = 0, height, 0, width
    if deep > 1.01 * radius:  # the rows and columns of a cube around the sphere
        v_high = (high + radius) / (deep - radius if high + radius > 0.0 else deep + radius)
        v_low = (high - radius) / (deep + radius if high - radius > 0.0 else deep - radius)
        first_row = max(0, int(math.floor((v_high - v_at) / v_by)))
        last_row = min(height, int(math.ceil((v_low - v_at) / v_by)) + 1)
        u_high = (side + radius) / (deep - radius if side + radius > 0.0 else deep + radius)
        u_low = (side - radius) / (deep + radius if side - radius > 0.0 else deep - radius)
        first_x = max(0, int(math.floor((u_low - u_at) / u_by)))
        last_x = min(width, int(math.ceil((u_high - u_at) / u_by)) + 1)
    return first_row, last_row, first_x, last_x, deep - radius


@kernel
def texture(pattern, lx, ly, lz, fx, fz, rx, rz, camera):
    """A box's texture coordinate, (at, per row, per x, to): depth · (at + per row · row + per x · x) + to; see `slabs`."""
    sin_pitch, cos_pitch, u_at, u_by, v_at, v_by, _, _ = camera
    along_x, along_y, along_z = _TEXTURE_PER_M[pattern, 0], _TEXTURE_PER_M[pattern, 1], _TEXTURE_PER_M[pattern, 2]
    ahead, right = fx * along_x + fz * along_z, rx * along_x + rz * along_z
    return (
        ahead * (cos_pitch + v_at * sin_pitch) + along_y * (v_at * cos_pitch - sin_pitch) + right * u_at,
        (ahead * sin_pitch + along_y * cos_pitch) * v_by,
        right * u_by,
        lx * along_x + ly * along_y + lz * along_z + 512.0,
    )


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
    r = np.int32(min(255.0, max(0.0, red)))
    g = np.int32(min(255.0, max(0.0, green)))
    b = np.int32(min(255.0, max(0.0, blue)))
    return r | (g << 8) | (b << 16)


@kernel
def slabs(lx, ly, lz, hx, hy, hz, fx, fz, rx, rz, camera, slab):
    """The slabs (3, 7) of a box across its z, x and y; False with the eye inside the box.

    (lx, ly, lz) is the eye, (fx, fz) and (rx, rz) the camera's heading and right, in the box's frame; camera is its `lens`.
    """
    sin_pitch, cos_pitch, u_at, u_by, v_at, v_by, _, _ = camera
    outside = False
    for axis in range(3):
        eye, half = (lz, hz) if axis == 0 else ((lx, hx) if axis == 1 else (ly, hy))
        ahead, right = (fz, rz) if axis == 0 else ((fx, rx) if axis == 1 else (0.0, 0.0))
        # the ray's component along the axis is level + tilted * v + right * u
        level = ahead * cos_pitch if axis < 2 else -sin_pitch
        tilted = ahead * sin_pitch if axis < 2 else cos_pitch
        slab[axis, _AT] = level + tilted * v_at + right * u_at
        slab[axis, _PER_ROW], slab[axis, _PER_X] = tilted * v_by, right * u_by
        high, low = half - eye, -half - eye
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
def draw(
    width, rgba, pixels, inverse, code, table, count,
    pose, half, colour, pattern, n_boxes,
    eye_x, eye_y, eye_z, yaw_deg, pitch_deg, fov_deg,
    lights, n_lights, ceiling_m, ceiling_colour, sky_colour,
):  # fmt: skip
    """Draw one picture.

    Into rgba (H, P) int32, of which `width` columns are the picture and whose bytes are red, green, blue and nothing; and
    into pixels (M + 1,) int32, how many each box got. Scratch in blocks (P / BLOCK, H · BLOCK): inverse float32 ends as
    one over the metres along the optical axis, 0 for the sky; code int32 as 8·box + 2·face + texture bit, where the box
    `n_boxes` stands for ceiling and sky. More scratch: table (8·M + 8,) and count (4·M + 4,) int32.
    """
    height = rgba.shape[0]
    n_blocks = code.shape[0]
    sin_yaw, cos_yaw = math.sin(yaw_deg * RADIANS), math.cos(yaw_deg * RADIANS)
    camera = lens(width, height, pitch_deg, fov_deg)
    sin_pitch, cos_pitch, _, _, v_at, v_by, _, _ = camera

    zero = np.int32(width >> 30)
    rows, xs = np.empty(height * BLOCK, np.float32), np.empty(height * BLOCK, np.float32)
    for row in range(height):
        for x in range(BLOCK):
            rows[row * BLOCK + x] = row
            xs[row * BLOCK + x] = x
        rise = -sin_pitch + (v_at + v_by * row) * cos_pitch
        above = np.float32(max(0.0, rise / (ceiling_m - eye_y)))
        face = np.int32(8 * n_boxes) if above > 0.0 else np.int32(8 * n_boxes + 2)
        for block in range(n_blocks):
            inverse[block, row * BLOCK : (row + 1) * BLOCK] = above
            code[block, row * BLOCK : (row + 1) * BLOCK] = face

    slab, limit = np.empty((3, 7)), np.empty((18, 3))
    for m in range(n_boxes):
        hx, hy, hz = half[m, 0], half[m, 1], half[m, 2]
        dx, dy, dz = pose[m, 0] - eye_x, pose[m, 1] - eye_y, pose[m, 2] - eye_z
        radius = math.sqrt(hx * hx + hy * hy + hz * hz)
        first_row, last_row, first_column, last_column, _ = covered(dx, dy, dz, radius, sin_yaw, cos_yaw, camera, width, height)
        if first_row >= last_row or first_column >= last_column:
            continue
        turn = pose[m, 3] * RADIANS
        sin_box, cos_box = math.sin(turn), math.cos(turn)
        # the eye and the camera's axes in the box's frame
        lx, lz = to_local(-dx, -dz, sin_box, cos_box)
        fx, fz = to_local(sin_yaw, cos_yaw, sin_box, cos_box)
        rx, rz = to_local(cos_yaw, -sin_yaw, sin_box, cos_box)
        if not slabs(lx, -dy, lz, hx, hy, hz, fx, fz, rx, rz, camera, slab):
            continue
        n_limits = limits(slab, limit)
        z, x, y = _shared(slab[0]), _shared(slab[1]), _shared(slab[2])
        tag = np.int32(m * 8)
        is_textured = pattern[m] > 0
        texture_at, texture_row, texture_x, texture_to = texture(pattern[m], lx, -dy, lz, fx, fz, rx, rz, camera)
        for block in range(first_column // BLOCK, (last_column - 1) // BLOCK + 1):
            first_x = float(block * BLOCK)
            top, bottom = rows_between(limit, n_limits, first_x, min(first_x + BLOCK, float(width)) - 1.0, first_row, last_row)
            if top >= bottom:
                continue
            z_at = np.float32(slab[0, _AT] + slab[0, _PER_ROW] * top + slab[0, _PER_X] * first_x)
            x_at = np.float32(slab[1, _AT] + slab[1, _PER_ROW] * top + slab[1, _PER_X] * first_x)
            y_at = np.float32(slab[2, _AT] + slab[2, _PER_ROW] * top)
            size = (bottom - top) * BLOCK
            some_inverse, some_code = inverse[block, top * BLOCK :][:size], code[block, top * BLOCK :][:size]
            if not is_textured:
                _plain(some_inverse, some_code, rows[:size], xs[:size], z_at, z, x_at, x, y_at, y, tag, zero)
                continue
            _textured(
                some_inverse, some_code, rows[:size], xs[:size], z_at, z, x_at, x, y_at, y, tag, zero,
                np.float32(texture_at + texture_row * top + texture_x * first_x), np.float32(texture_row), np.float32(texture_x),
                np.float32(texture_to),
            )  # fmt: skip

    for face in range(4 * n_boxes + 4):
        count[face] = 0
    for block in range(n_blocks):
        _count_faces(code[block].reshape(height, BLOCK), min(BLOCK, width - block * BLOCK), count)
    for m in range(n_boxes + 1):
        pixels[m] = count[4 * m] + count[4 * m + 1] + count[4 * m + 2]
    for m in range(n_boxes):
        if pixels[m] > 0:
            for face in range(3):
                if count[4 * m + face] > 0:
                    light = face_light(m, face, pose, half, eye_x, eye_y, eye_z, lights, n_lights)
                    for bit in range(2):
                        table[8 * m + 2 * face + bit] = shade(m, bit, light, colour, pattern)
    table[8 * n_boxes] = ceiling(ceiling_colour)
    table[8 * n_boxes + 2] = pack(sky_colour[0], sky_colour[1], sky_colour[2])
    for block in range(n_blocks):
        _look_up(code[block].reshape(height, BLOCK), table, rgba[:, block * BLOCK : (block + 1) * BLOCK])


@kernel
def ceiling(colour):
    """A ceiling's colour as it is drawn, packed."""
    return pack(colour[0] * 0.8, colour[1] * 0.8, colour[2] * 0.8)


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
def face_light(m, face, pose, half, eye_x, eye_y, eye_z, lights, n_lights):
    """Light (red, green, blue) on the side that is towards the eye of a box's face: 0 across its z, 1 across x, 2 across y."""
    sin_box, cos_box = math.sin(pose[m, 3] * RADIANS), math.cos(pose[m, 3] * RADIANS)
    lx, lz = to_local(eye_x - pose[m, 0], eye_z - pose[m, 2], sin_box, cos_box)
    if face == 0:
        sign = 1.0 if lz > 0.0 else -1.0
        nx, ny, nz = sign * sin_box, 0.0, sign * cos_box
        reach = half[m, 2]
    elif face == 1:
        sign = 1.0 if lx > 0.0 else -1.0
        nx, ny, nz = sign * cos_box, 0.0, -sign * sin_box
        reach = half[m, 0]
    else:
        sign = 1.0 if eye_y > pose[m, 1] else -1.0
        nx, ny, nz = 0.0, sign, 0.0
        reach = half[m, 1]
    return _light_at(pose[m, 0] + nx * reach, pose[m, 1] + ny * reach, pose[m, 2] + nz * reach, nx, ny, nz, lights, n_lights)


@kernel
def shade(m, bit, light, colour, pattern):
    """The colour of box m where its texture is 0 or 1, in that light, packed."""
    share = SHADE if bit == 1 and pattern[m] > 0 else 1.0
    return pack(colour[m, 0] * light[0] * share, colour[m, 1] * light[1] * share, colour[m, 2] * light[2] * share)
