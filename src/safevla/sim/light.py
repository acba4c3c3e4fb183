"""Light: the colour of a box's face, of the ceiling and of the sky, packed into four bytes."""

import math

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.geometry import RADIANS, to_local

_SHADE = 0.86  # of the darker half of a texture


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
    share = _SHADE if bit == 1 and pattern[m] > 0 else 1.0
    return pack(colour[m, 0] * light[0] * share, colour[m, 1] * light[1] * share, colour[m, 2] * light[2] * share)


@kernel
def ceiling(room):
    """The ceiling's colour as it is drawn, packed; room (7,): its height in metres, its colour and the sky's."""
    return pack(room[1] * 0.8, room[2] * 0.8, room[3] * 0.8)


@kernel
def sky(room):
    """The sky's colour, packed; room as for the ceiling."""
    return pack(room[4], room[5], room[6])


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
