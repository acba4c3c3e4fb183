"""Solids: where the rays of a camera meet a part of a shape, as both devices draw it.

A part is what lies between its planes and, where it is round, inside its quadric (`world.parts`); in coordinates that count
half extents, planes lie at ±1. With an eye at e and a ray e + d/w, w being the inverse depth:

    a plane   is met at w = d / (±1 − e), linear in row and x
    a quadric x² + z² ≤ a + b·y + c·y² is A·w² + 2·B·w + C ≤ 0 with
        A = e_x² + e_z² − a − b·e_y − c·e_y²
        B = e_x·d_x + e_z·d_z − (b/2 + c·e_y)·d_y
        C = d_x² + d_z² − c·d_y²
      so it is met at w = β ± √q with β = −B/A, linear, and q = (B² − A·C)/A², quadratic

A part is hit where its nearest near surface lies before its nearest far one, and hides what has a smaller inverse depth.
"""

import math

import numpy as np

from safevla.runtime.kernels import lean_kernel
from safevla.sim.view import EYE, FORWARD, RIGHT, UP
from safevla.world.materials import MASK, OFFSET, PERIOD, SHIFT, A, B, C
from safevla.world.parts import AXES, BOX, CENTRE, HALF, KIND, QUADRIC

_TOO_CLOSE_M = 1e-4  # planes nearer to the eye than this count as this far
_NOWHERE = 1e9  # inverse depth of a near surface that is not there: never the smallest
_POSITIVE = 2.0 * PERIOD  # cells added to a material's coordinates: to cut off their fractions then is to round them down
_NEAREST_M = 0.05  # corners nearer to the eye along the optical axis do not bound a part's pixels

# What is computed of a part for a view, `solid` (N_SOLID,). Of a box: its six planes, three numbers each, which give the inverse
# depth where a pixel's ray meets the plane as AT + PER_ROW · row + PER_X · x; those that the eye is in front of come first. Then
# how many these are, and the faces, 4·axis in the order z, x, y, that they belong to.
AT, PER_ROW, PER_X = range(3)
PLANES, N_NEAR, FACES = 0, 18, 19
# Of a round part: β and q as polynomials of (1, row, x) and (1, row, x, row², row·x, x²); how the quadric's near and far side
# follow from them, near = NEAR_B · β + NEAR_ROOT · √q + NEAR_Q, far likewise, or where q is negative MISSED_NEAR and MISSED_FAR;
# and three of the planes across its y axis, the near one (nowhere where the eye lies between the two) and two far ones.
BETA, Q, NEAR_B, NEAR_ROOT, FAR_B, FAR_ROOT = 0, 3, 9, 10, 11, 12
ENDS_AT = 13
NEAR_Q, FAR_Q, MISSED_NEAR, MISSED_FAR = 22, 23, 24, 25
# and how light it is there: a coordinate of the point that is met, 0 to 7, as (to, at, per row, per x)
SHADE = 26
# two coordinates of the object's material, in the same form
U, V = 30, 34
BEGINS = 38  # metres along the optical axis from which the part's object may be met
N_SOLID = 40  # one more than there are, for a GPU reads four at a time where rows begin at multiples of four

_SHIFT = 12  # a constant, because to shift by a variable is slow in a loop over pixels
N_SHADES = 7  # of a round side


@lean_kernel
def aim(part, frame, aimed):
    """Fill aimed (4, 3): the eye, in metres, and the camera's forward, right and up along the axes of a part (N_COLUMNS,).

    frame: the view in the part's object (`view.look_into`).
    """
    x, y, z = part[CENTRE], part[CENTRE + 1], part[CENTRE + 2]
    if part[AXES] == 1.0 and part[AXES + 4] == 1.0:  # most parts are not turned
        for k in range(3):
            aimed[FORWARD, k], aimed[RIGHT, k], aimed[UP, k] = frame[FORWARD, k], frame[RIGHT, k], frame[UP, k]
        aimed[EYE, 0], aimed[EYE, 1], aimed[EYE, 2] = frame[EYE, 0] - x, frame[EYE, 1] - y, frame[EYE, 2] - z
        return
    for k in range(3):
        ax, ay, az = part[AXES + 3 * k], part[AXES + 3 * k + 1], part[AXES + 3 * k + 2]
        aimed[EYE, k] = (frame[EYE, 0] - x) * ax + (frame[EYE, 1] - y) * ay + (frame[EYE, 2] - z) * az
        for i in range(1, 4):
            aimed[i, k] = frame[i, 0] * ax + frame[i, 1] * ay + frame[i, 2] * az


@lean_kernel
def sides_of(aimed):
    """On which side of a part's axes the eye is, a bit each: 1 for x, 2 for y, 4 for z, where it is the positive one."""
    sides = 1 if aimed[EYE, 0] > 0.0 else 0
    sides += 2 if aimed[EYE, 1] > 0.0 else 0
    return sides + (4 if aimed[EYE, 2] > 0.0 else 0)


@lean_kernel
def enter(part, aimed, view, solid, rays):
    """Compute `solid` from a part and where it is `aimed` at; False with the eye inside. Fills rays (4, 3) as `enter_rays`."""
    enter_rays(part, aimed, view, rays)
    if part[KIND] == BOX:
        return _enter_box(part, rays, solid)
    low, high, is_between = _ends(rays, 1, _TOO_CLOSE_M / part[HALF + 1])
    near, far = (low, high) if low > 0.0 else (high, low)
    _enter_plane(solid, ENDS_AT, rays, 1, 0.0 if is_between else 1.0 / near)
    if is_between:
        solid[ENDS_AT + AT] = _NOWHERE
    _enter_plane(solid, ENDS_AT + 3, rays, 1, 1.0 / far)
    _enter_plane(solid, ENDS_AT + 6, rays, 1, 1.0 / (near if is_between else far))
    return _enter_quadric(solid, rays, part[QUADRIC], part[QUADRIC + 1], part[QUADRIC + 2]) | (not is_between)


@lean_kernel
def _enter_box(part, rays, solid):
    """Enter a box's planes and faces; whether the eye lies outside of it."""
    n_near, n_far = 0, 0
    for k in range(3):
        solid[FACES + k] = 0.0
    for face in range(3):
        axis = 2 if face == 0 else face - 1
        low, high, is_between = _ends(rays, axis, _TOO_CLOSE_M / part[HALF + axis])
        first, second = 1.0 / low, 1.0 / high
        if not is_between:
            near, first = (first, second) if low > 0.0 else (second, first)
            _enter_plane(solid, PLANES + 3 * n_near, rays, axis, near)
            solid[FACES + n_near] = 4 * face
            n_near += 1
        else:
            _enter_plane(solid, PLANES + 15 - 3 * n_far, rays, axis, second)
            n_far += 1
        _enter_plane(solid, PLANES + 15 - 3 * n_far, rays, axis, first)
        n_far += 1
    solid[N_NEAR] = n_near
    return n_near > 0


@lean_kernel
def _ends(rays, axis, too_close):
    """Where the planes across an axis lie, seen from the eye in half extents: (low, high, whether the eye is between them)."""
    high, low = 1.0 - rays[0, axis], -1.0 - rays[0, axis]
    if abs(high) < too_close:
        high = too_close if high >= 0.0 else -too_close
    if abs(low) < too_close:
        low = too_close if low >= 0.0 else -too_close
    return low, high, high >= 0.0 and low <= 0.0


@lean_kernel
def _enter_plane(solid, at, rays, axis, scale):
    """Enter the plane across an axis at 1 / scale from the eye."""
    for i in range(3):
        solid[at + i] = rays[1 + i, axis] * scale


@lean_kernel
def enter_rays(part, aimed, view, rays):
    """Fill rays (4, 3): the eye in half extents of the part, and how a ray's direction there follows from 1, row and x."""
    for k in range(3):
        scale = 1.0 / part[HALF + k]
        right, up = aimed[RIGHT, k] * scale, aimed[UP, k] * scale
        rays[0, k] = aimed[EYE, k] * scale
        rays[1, k] = aimed[FORWARD, k] * scale + view.u_at * right + view.v_at * up
        rays[2, k], rays[3, k] = view.v_by * up, view.u_by * right


@lean_kernel
def _enter_quadric(solid, rays, a, b, c):
    """Enter the quadric x² + z² ≤ a + b·y + c·y²; whether the eye lies outside of it, or of the half of it that is the part's."""
    ex, ey, ez = rays[0, 0], rays[0, 1], rays[0, 2]
    square = ex * ex + ez * ez - a - b * ey - c * ey * ey  # A
    if abs(square) < 1e-6:
        square = 1e-6 if square >= 0.0 else -1e-6
    by_y, inverse = 0.5 * b + c * ey, 1.0 / square
    one, by_row = _beta(rays, 1, ex, by_y, ez, inverse), _beta(rays, 2, ex, by_y, ez, inverse)
    by_x = _beta(rays, 3, ex, by_y, ez, inverse)
    solid[BETA], solid[BETA + 1], solid[BETA + 2] = one, by_row, by_x
    solid[Q] = one * one - _across(rays, 1, 1, c) * inverse
    solid[Q + 1] = 2.0 * (one * by_row - _across(rays, 1, 2, c) * inverse)
    solid[Q + 2] = 2.0 * (one * by_x - _across(rays, 1, 3, c) * inverse)
    solid[Q + 3] = by_row * by_row - _across(rays, 2, 2, c) * inverse
    solid[Q + 4] = 2.0 * (by_row * by_x - _across(rays, 2, 3, c) * inverse)
    solid[Q + 5] = by_x * by_x - _across(rays, 3, 3, c) * inverse
    solid[NEAR_Q] = solid[FAR_Q] = 0.0
    if square > 0.0:  # between the roots
        solid[NEAR_B], solid[NEAR_ROOT], solid[FAR_B], solid[FAR_ROOT] = 1.0, 1.0, 1.0, -1.0
        solid[MISSED_NEAR], solid[MISSED_FAR] = -1.0, 0.0
        return True
    solid[MISSED_NEAR], solid[MISSED_FAR] = _NOWHERE, -_NOWHERE
    # a cone has two halves, which meet at y = −b / 2c; the part lies about y = 0
    if c <= 0.0 or (ey + 0.5 * b / c) * b >= 0.0:
        solid[NEAR_B], solid[NEAR_ROOT], solid[NEAR_Q], solid[FAR_B], solid[FAR_ROOT] = 0.0, 0.0, _NOWHERE, 1.0, 1.0
        return False
    solid[NEAR_B], solid[NEAR_ROOT], solid[FAR_B], solid[FAR_ROOT], solid[FAR_Q] = 1.0, -1.0, 0.0, 0.0, -_NOWHERE
    return True


@lean_kernel
def _beta(rays, i, ex, by_y, ez, inverse):
    """A coefficient of β = −B / A: of 1, row or x."""
    return -(ex * rays[i, 0] + ez * rays[i, 2] - by_y * rays[i, 1]) * inverse


@lean_kernel
def _across(rays, i, j, c):
    """A coefficient of C: of a product of 1, row and x."""
    return rays[i, 0] * rays[j, 0] + rays[i, 2] * rays[j, 2] - c * rays[i, 1] * rays[j, 1]


@lean_kernel
def enter_shade(part, rays, towards, solid):
    """Enter how light a round side is where it is met: 0 away from the direction `towards` (3,), in the object's frame, to 7.

    In half extents a point of an ellipsoid is its own normal, nearly; of a cone its x and z are.
    """
    light = solid[SHADE : SHADE + 4]
    light[0] = 0.5 * N_SHADES
    for i in range(1, 4):
        light[i] = 0.0
    squeeze = math.sqrt(max(0.0, -part[QUADRIC + 2]))
    for k in range(3):
        axis = part[AXES + 3 * k : AXES + 3 * k + 3]
        along = 0.5 * N_SHADES * (axis[0] * towards[0] + axis[1] * towards[1] + axis[2] * towards[2])
        if k == 1:
            if squeeze < 1e-6:
                continue
            light[0] -= along * 0.5 * part[QUADRIC + 1] / squeeze
            along *= squeeze
        light[0] += along * rays[0, k]
        for i in range(1, 4):
            light[i] += along * rays[i, k]


@lean_kernel
def enter_material(material, frame, view, solid):
    """Enter the two coordinates u and v of an object's material (`world.materials`) as they are met in `frame`."""
    for k in range(2):
        x, y, z = material[3 * k], material[3 * k + 1], material[3 * k + 2]
        ahead = frame[FORWARD, 0] * x + frame[FORWARD, 1] * y + frame[FORWARD, 2] * z
        right = frame[RIGHT, 0] * x + frame[RIGHT, 1] * y + frame[RIGHT, 2] * z
        up = frame[UP, 0] * x + frame[UP, 1] * y + frame[UP, 2] * z
        at = U + 4 * k
        solid[at] = frame[EYE, 0] * x + frame[EYE, 1] * y + frame[EYE, 2] * z + material[OFFSET + k] + _POSITIVE
        solid[at + 1] = ahead + view.u_at * right + view.v_at * up
        solid[at + 2], solid[at + 3] = view.v_by * up, view.u_by * right


@lean_kernel
def bounds(part, aimed, view):
    """What pixels a part may cover: (first row, row after the last, first column, column after the last, whether it is clipped).

    They come from the corners of its box. A part that reaches the eye may cover all, one behind it covers no row.
    """
    x, y, z = float(part[HALF]), float(part[HALF + 1]), float(part[HALF + 2])
    deep_x, deep_y, deep_z = x * aimed[FORWARD, 0], y * aimed[FORWARD, 1], z * aimed[FORWARD, 2]
    ex, ey, ez = aimed[EYE, 0], aimed[EYE, 1], aimed[EYE, 2]
    deep = -(ex * aimed[FORWARD, 0] + ey * aimed[FORWARD, 1] + ez * aimed[FORWARD, 2])
    reach = abs(deep_x) + abs(deep_y) + abs(deep_z)
    if deep + reach < 0.0:
        return 0, 0, 0, 0, False
    if deep - reach < _NEAREST_M:
        return 0, view.height, 0, view.width, True
    side_x, side_y, side_z = x * aimed[RIGHT, 0], y * aimed[RIGHT, 1], z * aimed[RIGHT, 2]
    high_x, high_y, high_z = x * aimed[UP, 0], y * aimed[UP, 1], z * aimed[UP, 2]
    side = -(ex * aimed[RIGHT, 0] + ey * aimed[RIGHT, 1] + ez * aimed[RIGHT, 2])
    high = -(ex * aimed[UP, 0] + ey * aimed[UP, 1] + ez * aimed[UP, 2])
    low_u = low_v = 1e9
    high_u = high_v = -1e9
    for corner in range(8):
        sign_x = 1.0 if corner & 1 else -1.0
        sign_y = 1.0 if corner & 2 else -1.0
        sign_z = 1.0 if corner & 4 else -1.0
        inverse = 1.0 / (deep + sign_x * deep_x + sign_y * deep_y + sign_z * deep_z)
        u = (side + sign_x * side_x + sign_y * side_y + sign_z * side_z) * inverse
        v = (high + sign_x * high_x + sign_y * high_y + sign_z * high_z) * inverse
        low_u, high_u, low_v, high_v = min(low_u, u), max(high_u, u), min(low_v, v), max(high_v, v)
    # pixel centres lie at whole rows and columns
    first_x = max(0, int(math.ceil((low_u - view.u_at) / view.u_by - 1e-4)))
    end_x = min(view.width, int(math.floor((high_u - view.u_at) / view.u_by + 1e-4)) + 1)
    first_row = max(0, int(math.ceil((high_v - view.v_at) / view.v_by - 1e-4)))
    end_row = min(view.height, int(math.floor((low_v - view.v_at) / view.v_by + 1e-4)) + 1)
    return first_row, end_row, first_x, end_x, False


@lean_kernel
def limits(solid, limit):
    """Lines (·, 3), at + per_row · row + per_x · x, that are nowhere negative where a box is hit; their number.

    One for every near plane and every far one: the near one must come first.
    """
    n, n_near = 0, int(solid[N_NEAR])
    for i in range(n_near):
        for j in range(n_near, 6):
            for k in range(3):
                limit[n, k] = solid[PLANES + 3 * i + k] - solid[PLANES + 3 * j + k]
            n += 1
    return n


@lean_kernel
def rows_between(limit, n_limits, first_x, last_x, top, bottom):
    """The rows [top, bottom) in which a box can be hit between two columns."""
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


@lean_kernel
def met(plane, row, x):
    """The inverse depth at which a pixel's ray meets a plane (3)."""
    return (plane[AT] + plane[PER_X] * x) + plane[PER_ROW] * row


@lean_kernel
def meet_box(row, x, a, face_a, b, face_b, c, face_c, d, e, f, g, h, old):
    """Where a pixel's ray meets a box: (inverse depth, whether before `old`, face).

    a, b and c are the planes that the eye is in front of, with their faces; d to h the others. Of b, c, g and h those that a box
    does not have are None, which costs nothing.
    """
    w, face = met(a, row, x), face_a
    if b is not None:
        other = met(b, row, x)
        face = face_b if other < w else face
        w = min(w, other)
    if c is not None:
        other = met(c, row, x)
        face = face_c if other < w else face
        w = min(w, other)
    far = max(max(met(d, row, x), met(e, row, x)), met(f, row, x))
    if g is not None:
        far = max(far, met(g, row, x))
    if h is not None:
        far = max(far, met(h, row, x))
    return w, (w > old) & (w >= far), face


@lean_kernel
def meet_round(row, x, beta, q, side, end, far, other_far, old):
    """Where a pixel's ray meets a round part: (inverse depth, whether that is before `old`, whether it is an end).

    beta (3) and q (6): polynomials; side (8): NEAR_B, NEAR_ROOT, FAR_B, FAR_ROOT, NEAR_Q to MISSED_FAR; the planes of ENDS_AT.
    """
    b = beta[0] + beta[1] * row + beta[2] * x
    square = q[0] + q[1] * row + q[2] * x + q[3] * row * row + q[4] * row * x + q[5] * x * x
    root = np.float32(math.sqrt(max(square, np.float32(0.0))))
    is_met = square >= np.float32(0.0)
    near_q = side[0] * b + side[1] * root + side[4] if is_met else side[6]
    far_q = side[2] * b + side[3] * root + side[5] if is_met else side[7]
    near_y, far_y = met(end, row, x), max(met(far, row, x), met(other_far, row, x))
    w = min(near_q, near_y)
    return w, (w > old) & (w >= max(far_q, far_y)), near_y < near_q


@lean_kernel
def inverse_of(w):
    """1 / w for a positive float32, to seven digits: a first guess from its bits, and three of Newton's steps.

    A division takes several times as long in a loop over pixels.
    """
    guess = np.int32(np.int32(0x7EF311C7) - np.float32(w).view(np.int32)).view(np.float32)
    two = np.float32(2.0)
    guess = guess * (two - w * guess)
    guess = guess * (two - w * guess)
    return guess * (two - w * guess)


@lean_kernel
def coordinate(row, x, depth, form):
    """A coordinate of the point that is met at that depth; form: as U, V and SHADE have it."""
    return ((form[1] + form[3] * x) + form[2] * row) * depth + form[0]


@lean_kernel
def shade_at(row, x, depth, light):
    """The shade, 0 to N_SHADES − 1, of a round side where it is met; light: SHADE's four numbers."""
    return np.int32(min(max(coordinate(row, x, depth, light), np.float32(0.0)), np.float32(N_SHADES - 0.01)))


@lean_kernel
def level(u, v, a, b, mask):
    """The level, 0 to 3, of a material at its coordinates (`world.materials`); a, b, mask: of `entered_levels`."""
    return np.int32(np.int32(np.int32(np.int32(np.int32(u) * a) + np.int32(np.int32(v) * b)) >> _SHIFT) & mask)


@lean_kernel
def entered_levels(material, is_round):
    """A material's a, b and mask as the loops over pixels take them: a and b hold its factor c, and the shift is always _SHIFT.

    A round part tells only two of four levels apart.
    """
    shift, mask = int(material[SHIFT]), int(material[MASK])
    if is_round and mask == 3:
        shift, mask = shift + 1, 1
    c = int(material[C])
    c = c << (_SHIFT - shift) if shift <= _SHIFT else c >> (shift - _SHIFT)
    return np.int32(int(material[A]) * c), np.int32(int(material[B]) * c), np.int32(mask)
