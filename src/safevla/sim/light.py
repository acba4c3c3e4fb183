"""Light: the colours of a part's sides in the light that falls on its object, of the ceiling and of the sky, in four bytes each.

Light follows from a surface's direction and from where its object is: lamps are far from most things for their size.
"""

import math

import numpy as np

from safevla.runtime.kernels import lean_kernel
from safevla.sim.geometry import RADIANS, to_local
from safevla.sim.solids import N_SHADES
from safevla.sim.view import upright
from safevla.world.materials import MASK, TONES
from safevla.world.parts import AXES, BOX, ENDS, KIND, SECOND, SIDES

MAX_LIGHTS = 16  # of a house that shine
PLAIN, DRAWN, AVERAGED = range(3)  # what is seen of an object's material on a part
N_FACES = 16  # colours of a part: four levels of a box's three faces; two of a round side's seven shades, and of its ends
ROUND_ENDS = 2 * N_SHADES

TOWARDS, N_LIT = 18, 21  # of what `gather` fills

_AMBIENT = 0.34
_SUN = 0.42  # of a directional light of intensity 1
_LAMP, _FADES_PER_M2 = 1.5, 0.35  # of a lamp of intensity 1, at no distance; how its light fades
_ONE, _NONE = np.float32(1.0), np.float32(0.0)
_THROWN_BACK = 0.25  # share of a lamp's light that reaches what faces away from it, by way of the room


@lean_kernel
def relight(pose, is_wide, lights, n_lights, lit_at, lit):
    """Bring the light on an object up to date: `gather` it if its pose is not lit_at (5,), which it was gathered for."""
    is_moved = False
    for k in range(5):
        is_moved |= pose[k] != lit_at[k]
    if is_moved:
        gather(pose, is_wide, lights, n_lights, lit)
        for k in range(5):
            lit_at[k] = pose[k]


@lean_kernel
def gather(pose, is_wide, lights, n_lights, lit):
    """Fill lit (N_LIT,): red, green and blue of the light on an object with that pose, on what faces along +x, −x, +y, −y, +z
    and −z of its frame; then the direction, a unit vector, that most light comes from.

    lights (·, 7): of a house's layout, of which the first n_lights shine.
    """
    turn = pose[3] * RADIANS
    sin_yaw, cos_yaw = math.sin(turn), math.cos(turn)
    for k in range(18):
        lit[k] = _AMBIENT
    sum_x, sum_y, sum_z = 0.0, 1e-6, 0.0
    for i in range(n_lights):
        dx, dy, dz, strength, thrown_back = 0.35, 0.85, 0.38, _SUN * lights[i, 3], 0.0  # directional: from above and the side
        if lights[i, 1] >= 0.0:
            dx, dy, dz = float(lights[i, 0] - pose[0]), float(lights[i, 1] - pose[1]), float(lights[i, 2] - pose[2])
            squared = dx * dx + dy * dy + dz * dz + 1e-3
            scale = 1.0 / math.sqrt(squared)
            dx, dy, dz = dx * scale, dy * scale, dz * scale
            strength, thrown_back = _LAMP * lights[i, 3] / (1.0 + _FADES_PER_M2 * squared), _THROWN_BACK
        right, ahead = to_local(dx, dz, sin_yaw, cos_yaw)
        if pose[4] != 0.0:
            right, dy, ahead = upright(right, dy, ahead, is_wide)
        _shine(lit, 0, right, strength, thrown_back, lights[i])
        _shine(lit, 6, dy, strength, thrown_back, lights[i])
        _shine(lit, 12, ahead, strength, thrown_back, lights[i])
        sum_x, sum_y, sum_z = sum_x + strength * right, sum_y + strength * dy, sum_z + strength * ahead
    scale = 1.0 / math.sqrt(sum_x * sum_x + sum_y * sum_y + sum_z * sum_z)
    lit[TOWARDS], lit[TOWARDS + 1], lit[TOWARDS + 2] = sum_x * scale, sum_y * scale, sum_z * scale


@lean_kernel
def _shine(lit, at, cosine, strength, thrown_back, light):
    """Add a light to what faces along an axis, lit[at : at + 3], and against it, lit[at + 3 : at + 6]; cosine: to the axis."""
    along = strength * (thrown_back + (1.0 - thrown_back) * max(0.0, cosine))
    against = strength * (thrown_back + (1.0 - thrown_back) * max(0.0, -cosine))
    for channel in range(3):
        lit[at + channel] += along * light[4 + channel]
        lit[at + 3 + channel] += against * light[4 + channel]


@lean_kernel
def light_on(lit, x, y, z):
    """Red, green and blue of the light on a surface of that unit normal, in the object's frame: what its axes get, mixed."""
    a, b, c = (0 if x > 0 else 3), (6 if y > 0 else 9), (12 if z > 0 else 15)
    xx, yy, zz = x * x, y * y, z * z
    return (
        xx * lit[a] + yy * lit[b] + zz * lit[c],
        xx * lit[a + 1] + yy * lit[b + 1] + zz * lit[c + 1],
        xx * lit[a + 2] + yy * lit[b + 2] + zz * lit[c + 2],
    )


@lean_kernel
def paint(part, sides, palette, material, texture, lit, face):
    """The colour, packed, of one of a part's N_FACES faces. sides: on which the eye is (`solids.sides_of`).

    palette (5, 3) uint8 and material (N_COLUMNS,): of its object. texture: PLAIN, DRAWN or AVERAGED. lit: of `gather`.
    """
    if part[KIND] == BOX:
        axis, level = (2 if face < 4 else (0 if face < 8 else 1)), face & 3
        slot, light = part[ENDS if axis == 1 else SIDES], _on_side(part, axis, sides, lit)
    else:
        level = int(material[MASK]) * (face & 1)  # of two levels, which stand for the outer ones
        if face >= ROUND_ENDS:
            slot, light = part[ENDS], _on_side(part, 1, sides, lit)
        else:
            slot, light = part[SIDES], _in_shade(lit, np.float32(face >> 1) * np.float32(1.0 / (N_SHADES - 1)))
    if texture == PLAIN:
        tone = (_ONE, _NONE)
    elif texture == AVERAGED:
        tone = _mean_tone(material)
    else:
        tone = _tone(material, level)
    return _toned(palette, int(slot), tone, light)


@lean_kernel
def _in_shade(lit, share):
    """The light on a round side, from 0 where it faces away from most light to 1 where it faces it."""
    bright = light_on(lit, lit[TOWARDS], lit[TOWARDS + 1], lit[TOWARDS + 2])
    dim = light_on(lit, -lit[TOWARDS], -lit[TOWARDS + 1], -lit[TOWARDS + 2])
    return (
        dim[0] + share * (bright[0] - dim[0]), dim[1] + share * (bright[1] - dim[1]), dim[2] + share * (bright[2] - dim[2])
    )  # fmt: skip


@lean_kernel
def _on_side(part, axis, sides, lit):
    """The light on a part's face across one of its axes, on the side that is towards the eye."""
    x, y, z = part[AXES + 3 * axis], part[AXES + 3 * axis + 1], part[AXES + 3 * axis + 2]
    return light_on(lit, x, y, z) if sides >> axis & 1 else light_on(lit, -x, -y, -z)


@lean_kernel
def _tone(material, level):
    """How much of a colour itself, and how much of the second one, a material shows at a level."""
    tone = material[TONES + level]
    return (tone, _NONE) if tone <= _ONE else (_ONE + _ONE - tone, tone - _ONE)


@lean_kernel
def _mean_tone(material):
    """The same, over all levels of the material."""
    n = int(material[MASK]) + 1
    keep, mix = _NONE, _NONE
    for level in range(n):
        one = _tone(material, level)
        keep, mix = keep + one[0], mix + one[1]
    share = _ONE / np.float32(n)
    return keep * share, mix * share


@lean_kernel
def _toned(palette, slot, tone, light):
    """A colour of the palette, mixed with the second one, in that light, packed."""
    keep, mix = tone
    return pack(
        (keep * np.float32(palette[slot, 0]) + mix * np.float32(palette[SECOND, 0])) * light[0],
        (keep * np.float32(palette[slot, 1]) + mix * np.float32(palette[SECOND, 1])) * light[1],
        (keep * np.float32(palette[slot, 2]) + mix * np.float32(palette[SECOND, 2])) * light[2],
    )


@lean_kernel
def ceiling(room):
    """The ceiling's colour as it is drawn, packed; room (7,): its height in metres, its colour and the sky's."""
    return pack(room[1] * 0.8, room[2] * 0.8, room[3] * 0.8)


@lean_kernel
def sky(room):
    """The sky's colour, packed; room as for the ceiling."""
    return pack(room[4], room[5], room[6])


@lean_kernel
def pack(red, green, blue):
    """A colour, from 0 to 255 each, as four bytes, red lowest; what lies beyond is cut off."""
    return _byte(red) | _byte(green) << np.uint32(8) | _byte(blue) << np.uint32(16)


@lean_kernel
def _byte(value):
    """A number from 0 to 255 without its fraction; what lies beyond is cut off."""
    return np.uint32(np.int32(min(np.float32(255.0), max(np.float32(0.0), np.float32(value)))))
