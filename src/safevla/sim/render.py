"""The cameras: boxes, floor and ceiling drawn into colour, depth and instance ids.

Box-major rasterisation. Per camera every box is turned into its own frame, culled, and its eight corners are projected to
a rectangle of pixels; each row of that rectangle is a branch-free slab test against the depth buffer. There is no
acceleration structure, so a moving object costs nothing. What makes the inner loop vectorise: it runs over one-dimensional
slices, everything that is constant along a row is hoisted, choices are selects, and the only outputs are depth and one
integer code (box, face, texture bit). Floors are boxes too. Colours are looked up from the code in a last pass, into four
bytes a pixel of which the fourth is unused, because that pass then is one gather.
"""

import math

import numpy as np

from safevla.kernels import kernel
from safevla.sim.geometry import RADIANS, to_local, to_world

NEAR_M = 0.02
# texture bits per metre along the box's (x, y, z), by `layout.Layout.pattern`
_WEAVE_PER_M = np.array([[0, 0, 0], [9, 0, 0], [5, 5, 5], [4, 0, 0], [2.5, 0, 2.5]], np.float32)


@kernel
def _draw_rows(
    depth, code, u, top, bottom, left, right, lx, ly, lz, ax, bx, az, bz, rise, hx, hy, hz, tag, fx, fy, fz
):  # fmt: skip
    """Slab tests of one box against a rectangle of pixels; local ray direction = (ax + u bx, rise, az + u bz)."""
    one = np.float32(1.0)
    for row in range(top, bottom):
        dir_y = rise[row]
        inv_y = one / dir_y
        mid_y = -ly * inv_y
        reach_y = hy * abs(inv_y)
        near_y = np.float32(max(mid_y - reach_y, np.float32(NEAR_M)))
        far_y = np.float32(mid_y + reach_y)
        rax = ax[row]
        raz = az[row]
        depth_row = depth[row, left:right]
        code_row = code[row, left:right]
        u_row = u[left:right]
        for x in range(depth_row.size):
            dir_x = rax + u_row[x] * bx
            dir_z = raz + u_row[x] * bz
            inv_x = one / dir_x
            inv_z = one / dir_z
            mid_x = -lx * inv_x
            reach_x = hx * abs(inv_x)
            mid_z = -lz * inv_z
            reach_z = hz * abs(inv_z)
            near_x = mid_x - reach_x
            near_z = mid_z - reach_z
            far = min(min(mid_x + reach_x, mid_z + reach_z), far_y)
            near = max(max(near_x, near_z), near_y)
            seen = (near <= far) & (near < depth_row[x])
            axis = np.int32(2) if near == near_x else (np.int32(0) if near == near_z else np.int32(4))
            place = (near * dir_x + lx) * fx + (near * dir_y + ly) * fy + (near * dir_z + lz) * fz
            weave = np.int32(place + np.float32(512.0)) & np.int32(1)
            depth_row[x] = near if seen else depth_row[x]
            code_row[x] = np.int32(tag + axis + weave) if seen else code_row[x]


@kernel
def _face_light(px, py, pz, nx, ny, nz, lights, n_lights):
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
def _pack(red, green, blue):
    r = np.int32(min(255.0, max(0.0, red)))
    g = np.int32(min(255.0, max(0.0, green)))
    b = np.int32(min(255.0, max(0.0, blue)))
    return r | (g << 8) | (b << 16)


@kernel
def draw(
    rgba, depth, code, table, pixels,
    pose, half, colour, pattern, n_boxes,
    eye_x, eye_y, eye_z, yaw_deg, pitch_deg, fov_deg,
    lights, n_lights, ceiling_m, ceiling_colour, sky_colour,
):  # fmt: skip
    """Draw one picture.

    Into rgba (H, W) int32, whose bytes are red, green, blue and nothing; depth (H, W) float32, metres along the optical
    axis; code (H, W) int32, 8·box + face and texture bits, where the box `n_boxes` stands for ceiling and sky; and pixels
    (M + 1,) int32, how many each box got. `table` (8·M + 8,) int32 is scratch.
    """
    height, width = depth.shape
    sin_yaw, cos_yaw = math.sin(yaw_deg * RADIANS), math.cos(yaw_deg * RADIANS)
    sin_pitch, cos_pitch = math.sin(pitch_deg * RADIANS), math.cos(pitch_deg * RADIANS)
    tan_v = math.tan(0.5 * fov_deg * RADIANS)
    tan_u = tan_v * width / height
    slack_u, slack_v = math.sqrt(1.0 + tan_u * tan_u), math.sqrt(1.0 + tan_v * tan_v)

    u = np.empty(width, np.float32)
    for x in range(width):
        u[x] = (2.0 * (x + 0.5) / width - 1.0) * tan_u
    # a ray is forward + u·right + v·up; level in "ahead", its horizontal part along the heading, and y
    ahead = np.empty(height, np.float32)
    rise = np.empty(height, np.float32)
    for row in range(height):
        v = (1.0 - 2.0 * (row + 0.5) / height) * tan_v
        ahead[row] = cos_pitch + v * sin_pitch
        rise[row] = -sin_pitch + v * cos_pitch
        if rise[row] > 1e-6:
            plane, face = np.float32((ceiling_m - eye_y) / rise[row]), np.int32(8 * n_boxes)
        else:
            plane, face = np.float32(1e9), np.int32(8 * n_boxes + 1)
        for x in range(width):
            depth[row, x] = plane
            code[row, x] = face

    ax = np.empty(height, np.float32)
    az = np.empty(height, np.float32)
    corners = np.empty((8, 3), np.float32)  # in the camera's frame: side, up, depth
    for m in range(n_boxes):
        hx, hy, hz = half[m, 0], half[m, 1], half[m, 2]
        dx, dy, dz = pose[m, 0] - eye_x, pose[m, 1] - eye_y, pose[m, 2] - eye_z
        radius = math.sqrt(hx * hx + hy * hy + hz * hz)
        side, front = to_local(dx, dz, sin_yaw, cos_yaw)
        deep = front * cos_pitch - dy * sin_pitch
        high = front * sin_pitch + dy * cos_pitch
        if deep < -radius or abs(side) > deep * tan_u + radius * slack_u or abs(high) > deep * tan_v + radius * slack_v:
            continue
        turn = pose[m, 3] * RADIANS
        sin_box, cos_box = math.sin(turn), math.cos(turn)
        # the pixel rectangle that the box covers: its corners, and where its edges cross the near plane
        in_front = 0
        for corner in range(8):
            sx = hx if corner & 1 else -hx
            sy = hy if corner & 2 else -hy
            sz = hz if corner & 4 else -hz
            wx, wz = to_world(sx, sz, sin_box, cos_box)
            cs, cf = to_local(dx + wx, dz + wz, sin_yaw, cos_yaw)
            corners[corner, 0] = cs
            corners[corner, 1] = cf * sin_pitch + (dy + sy) * cos_pitch
            corners[corner, 2] = cf * cos_pitch - (dy + sy) * sin_pitch
            in_front += corners[corner, 2] >= NEAR_M
        if in_front == 0:
            continue
        u0, u1, v0, v1 = 1e9, -1e9, 1e9, -1e9
        for corner in range(8):
            if corners[corner, 2] >= NEAR_M:
                cu, cv = corners[corner, 0] / corners[corner, 2], corners[corner, 1] / corners[corner, 2]
                u0, u1, v0, v1 = min(u0, cu), max(u1, cu), min(v0, cv), max(v1, cv)
                continue
            for bit in range(3):
                other = corner ^ (1 << bit)
                if corners[other, 2] >= NEAR_M:
                    share = (NEAR_M - corners[corner, 2]) / (corners[other, 2] - corners[corner, 2])
                    cu = (corners[corner, 0] + share * (corners[other, 0] - corners[corner, 0])) / NEAR_M
                    cv = (corners[corner, 1] + share * (corners[other, 1] - corners[corner, 1])) / NEAR_M
                    u0, u1, v0, v1 = min(u0, cu), max(u1, cu), min(v0, cv), max(v1, cv)
        left = max(0, int(math.floor((max(u0 / tan_u, -2.0) + 1.0) * 0.5 * width - 0.5)))
        right = min(width, int(math.ceil((min(u1 / tan_u, 2.0) + 1.0) * 0.5 * width + 0.5)))
        top = max(0, int(math.floor((1.0 - min(v1 / tan_v, 2.0)) * 0.5 * height - 0.5)))
        bottom = min(height, int(math.ceil((1.0 - max(v0 / tan_v, -2.0)) * 0.5 * height + 0.5)))
        if left >= right or top >= bottom:
            continue
        # the eye and the rays in the box's frame
        lx, lz = to_local(-dx, -dz, sin_box, cos_box)
        fx, fz = to_local(sin_yaw, cos_yaw, sin_box, cos_box)
        rx, rz = to_local(cos_yaw, -sin_yaw, sin_box, cos_box)
        for row in range(top, bottom):
            ax[row] = ahead[row] * fx
            az[row] = ahead[row] * fz
        tag = np.int32(m * 8)
        _draw_rows(
            depth, code, u, top, bottom, left, right,
            np.float32(lx), np.float32(-dy), np.float32(lz), ax, np.float32(rx), az, np.float32(rz),
            rise, np.float32(hx), np.float32(hy), np.float32(hz), tag,
            _WEAVE_PER_M[pattern[m], 0], _WEAVE_PER_M[pattern[m], 1], _WEAVE_PER_M[pattern[m], 2],
        )  # fmt: skip
        # light the three faces that this eye can see
        for axis in range(3):
            if axis == 0:  # code bit 0: the face across local z
                sign = 1.0 if lz > 0.0 else -1.0
                nx, ny, nz = sign * sin_box, 0.0, sign * cos_box
                reach = hz
            elif axis == 1:  # across local x
                sign = 1.0 if lx > 0.0 else -1.0
                nx, ny, nz = sign * cos_box, 0.0, -sign * sin_box
                reach = hx
            else:  # top or bottom
                sign = 1.0 if -dy > 0.0 else -1.0
                nx, ny, nz = 0.0, sign, 0.0
                reach = hy
            red, green, blue = _face_light(
                pose[m, 0] + nx * reach, pose[m, 1] + ny * reach, pose[m, 2] + nz * reach, nx, ny, nz, lights, n_lights
            )
            for weave in range(2):
                shade = 0.86 if weave == 1 and pattern[m] > 0 else 1.0
                table[tag + 2 * axis + weave] = _pack(
                    colour[m, 0] * red * shade, colour[m, 1] * green * shade, colour[m, 2] * blue * shade
                )

    table[8 * n_boxes] = _pack(ceiling_colour[0] * 0.8, ceiling_colour[1] * 0.8, ceiling_colour[2] * 0.8)
    table[8 * n_boxes + 1] = _pack(np.float32(sky_colour[0]), np.float32(sky_colour[1]), np.float32(sky_colour[2]))
    for m in range(n_boxes + 1):
        pixels[m] = 0
    for row in range(height):
        code_row = code[row]
        rgba_row = rgba[row]
        for x in range(width):
            rgba_row[x] = table[code_row[x]]
        for x in range(width):
            pixels[code_row[x] >> 3] += 1
