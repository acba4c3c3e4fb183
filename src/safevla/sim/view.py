"""View: where the rays of a camera meet a box, as both devices draw it.

A ray that leaves the eye through pixel (row, x) meets a plane at an inverse depth that is *linear* in row and x. A box is
hit where the nearest of its near faces lies before the nearest of its far ones, and hides what has a smaller inverse
depth. So a pixel takes no division and no branch.
"""

import math
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.geometry import RADIANS, to_local

# texture bits per metre along the box's (x, y, z), by `layout.Layout.pattern`
_TEXTURE_PER_M = np.array([[0, 0, 0], [9, 0, 0], [5, 5, 5], [4, 0, 0], [2.5, 0, 2.5]], np.float32)
_TOO_CLOSE_M = 1e-4  # faces nearer to the eye than this count as this far
_NO_FACE = 1e9  # inverse depth of a near face that is not there: never the smallest

# A slab of a box, its two faces across one axis, as a row of seven numbers. The ray's component along the axis is
# d = AT + PER_ROW * row + PER_X * x; the near face is at inverse depth _NEAR * d + _NEAR_AT (none where the eye is
# inside the slab), the far one at the larger of _FAR_A * d and _FAR_B * d.
AT, PER_ROW, PER_X, _NEAR, _NEAR_AT, _FAR_A, _FAR_B = range(7)


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
        slab[axis, AT] = level + tilted * view.v_at + right * view.u_at
        slab[axis, PER_ROW], slab[axis, PER_X] = tilted * view.v_by, right * view.u_by
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
                limit[n, 0] = slab[i, _NEAR] * slab[i, AT] - far * slab[j, AT]
                limit[n, 1] = slab[i, _NEAR] * slab[i, PER_ROW] - far * slab[j, PER_ROW]
                limit[n, 2] = slab[i, _NEAR] * slab[i, PER_X] - far * slab[j, PER_X]
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
