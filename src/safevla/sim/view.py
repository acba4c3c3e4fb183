"""View: what a camera sees of the world, its eye seen from an object, and the rays of its pixels.

A ray that leaves the eye through pixel (row, x) meets a plane at an inverse depth that is *linear* in row and x, and a quadric
at b ± √q with b linear and q quadratic (`sim.solids`). So a pixel takes no branch.
"""

import math
from typing import NamedTuple

import numpy as np

from safevla.runtime.kernels import lean_kernel
from safevla.sim.geometry import RADIANS, to_local

EYE, FORWARD, RIGHT, UP = range(4)  # rows of what `look_into` fills


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


@lean_kernel
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


@lean_kernel
def is_in_view(x, y, z, radius, view):
    """(whether a sphere in the world may be seen, how far away along the optical axis it begins), in metres."""
    dx, dy, dz = x - view.x, y - view.y, z - view.z
    side, front = to_local(dx, dz, view.sin_yaw, view.cos_yaw)
    deep = front * view.cos_pitch - dy * view.sin_pitch
    high = front * view.sin_pitch + dy * view.cos_pitch
    slack_u, slack_v = math.sqrt(1.0 + view.tan_u * view.tan_u), math.sqrt(1.0 + view.tan_v * view.tan_v)
    is_seen = (
        deep >= -radius
        and abs(side) <= deep * view.tan_u + radius * slack_u
        and abs(high) <= deep * view.tan_v + radius * slack_v
    )
    return is_seen, deep - radius


@lean_kernel
def look_into(pose, is_wide, view, frame):
    """Fill frame (4, 3): the eye, in metres, and the camera's forward, right and up, in the frame of an object with that pose.

    pose: as `Boxes.pose`. is_wide: whether the upright object is at least as wide as deep, which tells how it has toppled.
    """
    turn = pose[3] * RADIANS
    sin_yaw, cos_yaw = math.sin(turn), math.cos(turn)
    frame[EYE, 1] = view.y - pose[1]
    frame[EYE, 0], frame[EYE, 2] = to_local(view.x - pose[0], view.z - pose[2], sin_yaw, cos_yaw)
    frame[FORWARD, 1] = -view.sin_pitch
    frame[FORWARD, 0], frame[FORWARD, 2] = to_local(
        view.sin_yaw * view.cos_pitch, view.cos_yaw * view.cos_pitch, sin_yaw, cos_yaw
    )
    frame[RIGHT, 1] = 0.0
    frame[RIGHT, 0], frame[RIGHT, 2] = to_local(view.cos_yaw, -view.sin_yaw, sin_yaw, cos_yaw)
    frame[UP, 1] = view.cos_pitch
    frame[UP, 0], frame[UP, 2] = to_local(view.sin_yaw * view.sin_pitch, view.cos_yaw * view.sin_pitch, sin_yaw, cos_yaw)
    if pose[4] != 0.0:
        for i in range(4):
            frame[i, 0], frame[i, 1], frame[i, 2] = upright(frame[i, 0], frame[i, 1], frame[i, 2], is_wide)


@lean_kernel
def upright(x, y, z, is_wide):
    """A vector in the frame of a toppled object's box, as the object had it when it stood.

    `contact` lays a box down so that its height points ahead and its longer side across. A wide one lies on its front, a deep
    one on its left.
    """
    if is_wide:
        return x, z, -y
    return y, z, x


def toppled_axes(is_wide: bool) -> np.ndarray:
    """The axes (3, 3) of an upright object, a row each, in the frame of its box once it has toppled; see `upright`."""
    return np.array([upright(*axis, is_wide) for axis in np.eye(3)]).T
