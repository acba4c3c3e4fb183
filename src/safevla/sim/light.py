"""Light: the colours of a part's sides in the light that falls on its object, of the ceiling and of the sky, in four bytes each.

Light follows from a surface's direction and from where its object is: lamps are far from most things for their size.
"""

import math

import numpy as np

from safevla.runtime.kernels import kernel
from safevla.sim.geometry import RADIANS, to_local
from safevla.sim.solids import N_SHADES
from safevla.sim.view import upright
from safevla.world.materials import MASK, TONES
from safevla.world.parts import AXES, BOX, ENDS, KIND, SECOND, SIDES

MAX_LIGHTS = 16  # of a house that shine
ALL_FACES = 0xFFFF  # of what `paint` takes
PLAIN, DRAWN, AVERAGED = range(3)  # what is seen of an object's material on a part
N_FACES = 16  # colours of a part: four levels of a box's three faces; two of a round side's seven shades, and of its ends
ROUND_ENDS = 2 * N_SHADES

TOWARDS, N_LIT = 18, 21  # of what `gather` fills

_AMBIENT = 0.34
_SUN = 0.42  # of a directional light of intensity 1
_LAMP, _FADES_PER_M2 = 1.5, 0.35  # of a lamp of intensity 1, at no distance; how its light fades
_THROWN_BACK = 0.25  # share of a lamp's light that reaches what faces away from it, by way of the room


@kernel
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


@kernel
def _shine(lit, at, cosine, strength, thrown_back, light):
    """Add a light to what faces along an axis, lit[at : at + 3], and against it, lit[at + 3 : at + 6]; cosine: to the axis."""
    along = strength * (thrown_back + (1.0 - thrown_back) * max(0.0, cosine))
    against = strength * (thrown_back + (1.0 - thrown_back) * max(0.0, -cosine))
    for channel in range(3):
        lit[at + channel] += along * light[4 + channel]
        lit[at + 3 + channel] += against * light[4 + channel]


@kernel
def light_on(lit, x, y, z):
    """Red, green and blue of the light on a surface of that unit normal, in the object's frame: what its axes get, mixed."""
    a, b, c = (0 if x > 0.0 else 3), (6 if y > 0.0 else 9), (12 if z > 0.0 else 15)
    xx, yy, zz = x * x, y * y, z * z
    return (
        xx * lit[a] + yy * lit[b] + zz * lit[c],
        xx * lit[a + 1] + yy * lit[b + 1] + zz * lit[c + 1],
        xx * lit[a + 2] + yy * lit[b + 2] + zz * lit[c + 2],
    )


@kernel
def paint(part, sides, palette, material, texture, lit, shown, table):
    """Fill table (N_FACES,) int32 with a part's colours, packed. sides: on which the eye is (`solids.sides_of`).

    palette (5, 3) uint8 and material (N_COLUMNS,): of its object. texture: PLAIN, DRAWN or AVERAGED. lit: of `gather`.
    shown: which faces are wanted, a bit each.
    """
    last_level = int(material[MASK]) if texture == DRAWN else 0
    if part[KIND] == BOX:
        for k in range(3):
            first = 4 if k == 0 else (8 if k == 1 else 0)
            if shown >> first & 15:
                x, y, z = _towards_eye(part, k, sides)
                light = light_on(lit, x, y, z)
                for level in range(last_level + 1):
                    if shown >> (first + level) & 1:
                        table[first + level] = _toned(
                            palette, int(part[ENDS if k == 1 else SIDES]), material, texture, level, light
                        )
        return
    if shown >> ROUND_ENDS:
        x, y, z = _towards_eye(part, 1, sides)
        light = light_on(lit, x, y, z)
        table[ROUND_ENDS] = _toned(palette, int(part[ENDS]), material, texture, 0, light)
        table[ROUND_ENDS + 1] = _toned(palette, int(part[ENDS]), material, texture, last_level, light)
    red, green, blue = light_on(lit, lit[TOWARDS], lit[TOWARDS + 1], lit[TOWARDS + 2])
    dim_red, dim_green, dim_blue = light_on(lit, -lit[TOWARDS], -lit[TOWARDS + 1], -lit[TOWARDS + 2])
    for shade in range(N_SHADES):
        if shown >> (2 * shade) & 3:
            share = shade / (N_SHADES - 1.0)
            light = (
                dim_red + share * (red - dim_red), dim_green + share * (green - dim_green), dim_blue + share * (blue - dim_blue)
            )  # fmt: skip
            table[2 * shade] = _toned(palette, int(part[SIDES]), material, texture, 0, light)
            table[2 * shade + 1] = _toned(palette, int(part[SIDES]), material, texture, last_level, light)


@kernel
def _towards_eye(part, axis, sides):
    """The normal of a part's face across one of its axes, on the side that is towards the eye."""
    x, y, z = part[AXES + 3 * axis], part[AXES + 3 * axis + 1], part[AXES + 3 * axis + 2]
    return (x, y, z) if sides >> axis & 1 else (-x, -y, -z)


@kernel
def _toned(palette, slot, material, texture, level, light):
    """A colour of the palette at a level of the material, in that light, packed."""
    if texture == PLAIN:
        return pack(palette[slot, 0] * light[0], palette[slot, 1] * light[1], palette[slot, 2] * light[2])
    first, last = level, level
    if texture == AVERAGED:
        first, last = 0, int(material[MASK])
    keep = mix = 0.0  # of the colour itself, and of the second one
    for one in range(first, last + 1):
        tone = material[TONES + one]
        keep += tone if tone <= 1.0 else 2.0 - tone
        mix += 0.0 if tone <= 1.0 else tone - 1.0
    keep, mix = keep / (last - first + 1), mix / (last - first + 1)
    return pack(
        (keep * palette[slot, 0] + mix * palette[SECOND, 0]) * light[0],
        (keep * palette[slot, 1] + mix * palette[SECOND, 1]) * light[1],
        (keep * palette[slot, 2] + mix * palette[SECOND, 2]) * light[2],
    )


@kernel
def ceiling(room):
    """The ceiling's colour as it is drawn, packed; room (7,): its height in metres, its colour and the sky's."""
    return pack(room[1] * 0.8, room[2] * 0.8, room[3] * 0.8)


@kernel
def sky(room):
    """The sky's colour, packed; room as for the ceiling."""
    return pack(room[4], room[5], room[6])


@kernel
def pack(red, green, blue):
    """A colour, from 0 to 255 each, as four bytes; what lies beyond is cut off."""
    r = np.int32(min(255.0, max(0.0, red)))
    g = np.int32(min(255.0, max(0.0, green)))
    b = np.int32(min(255.0, max(0.0, blue)))
    return r | (g << 8) | (b << 16)
