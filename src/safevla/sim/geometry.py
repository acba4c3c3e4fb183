"""Scalar geometry: rays, boxes and discs, written once and compiled for the CPU and the GPU.

Every function takes and returns scalars, allocates nothing and has no state, so that Numba can inline it into the CPU
kernels as it stands and compile it for CUDA. Frame: Unity's, left-handed, metres, y up; a yaw of θ degrees turns +z
towards +x, so forward = (sin θ, 0, cos θ) and right = (cos θ, 0, −sin θ). A box's local x axis is its right.
"""

import math

from safevla.runtime.kernels import lean_kernel

RADIANS = math.pi / 180.0


@lean_kernel
def wrap_deg(angle):
    """The same angle in [−180, 180)."""
    return angle - 360.0 * math.floor((angle + 180.0) / 360.0)


@lean_kernel
def to_local(dx, dz, sin_yaw, cos_yaw):
    """World offset (dx, dz) in the frame of a body with that yaw: (right, forward)."""
    return dx * cos_yaw - dz * sin_yaw, dx * sin_yaw + dz * cos_yaw


@lean_kernel
def to_world(right, forward, sin_yaw, cos_yaw):
    """The inverse of `to_local`."""
    return right * cos_yaw + forward * sin_yaw, -right * sin_yaw + forward * cos_yaw


@lean_kernel
def disc_to_rectangle(dx, dz, sin_yaw, cos_yaw, half_x, half_z):
    """Distance from a point at offset (dx, dz) from a yawed rectangle's centre, and the outward direction there.

    Returns (distance, nx, nz): distance in metres, negative inside; (nx, nz) the unit vector from the rectangle towards
    the point (inside: through the nearest side).
    """
    right, forward = to_local(dx, dz, sin_yaw, cos_yaw)
    over_x = abs(right) - half_x
    over_z = abs(forward) - half_z
    sign_x = 1.0 if right >= 0.0 else -1.0
    sign_z = 1.0 if forward >= 0.0 else -1.0
    if over_x <= 0.0 and over_z <= 0.0:
        if over_x > over_z:
            distance, local_x, local_z = over_x, sign_x, 0.0
        else:
            distance, local_x, local_z = over_z, 0.0, sign_z
    else:
        out_x = max(over_x, 0.0)
        out_z = max(over_z, 0.0)
        distance = math.sqrt(out_x * out_x + out_z * out_z)
        local_x = sign_x * out_x / distance
        local_z = sign_z * out_z / distance
    nx, nz = to_world(local_x, local_z, sin_yaw, cos_yaw)
    return distance, nx, nz


@lean_kernel
def _separation(dx, dz, axis_x, axis_z, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b):
    """Gap between two yawed rectangles along one axis; negative when their shadows overlap."""
    reach_a = a_x * abs(axis_x * cos_a - axis_z * sin_a) + a_z * abs(axis_x * sin_a + axis_z * cos_a)
    reach_b = b_x * abs(axis_x * cos_b - axis_z * sin_b) + b_z * abs(axis_x * sin_b + axis_z * cos_b)
    return abs(dx * axis_x + dz * axis_z) - reach_a - reach_b


@lean_kernel
def rectangle_gap(dx, dz, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b):
    """Largest separation over the four face normals of two yawed rectangles (separating-axis theorem).

    (dx, dz) is b's centre minus a's. Positive: they are apart. Negative: they overlap, by that depth.
    """
    gap = _separation(dx, dz, cos_a, -sin_a, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b)
    gap = max(gap, _separation(dx, dz, sin_a, cos_a, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b))
    gap = max(gap, _separation(dx, dz, cos_b, -sin_b, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b))
    gap = max(gap, _separation(dx, dz, sin_b, cos_b, a_x, a_z, sin_a, cos_a, b_x, b_z, sin_b, cos_b))
    return gap


@lean_kernel
def noise(seed, counter):
    """A uniform number in [0, 1) that is a pure function of two non-negative integers (Wang's integer hash)."""
    h = (seed * 747796405 + counter * 277803737 + 2891336453) & 0xFFFFFFFF
    h = (h ^ (h >> 16)) * 2246822519 & 0xFFFFFFFF
    h = (h ^ (h >> 13)) * 3266489917 & 0xFFFFFFFF
    h = h ^ (h >> 16)
    return h / 4294967296.0
