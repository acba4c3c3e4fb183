"""Light: lamps add up, a face sees what is before it, and colours are cut off and not wrapped round."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safevla.sim.boxes import Boxes
from safevla.sim.light import ceiling, face_light, pack, shade, sky
from safevla.sim.view import view_of

_CUBE = Boxes(np.array([[0, 1, 0, 0, 0]], np.float32), np.full((1, 3), 0.5, np.float32), np.zeros(1, np.int8), 1)
_VIEW = view_of(0.2, 1.2, 3.0, 180.0, 0.0, 60.0, 64, 36)  # its face across z, towards +z
_DARK = face_light(0, 0, _CUBE, _VIEW, np.zeros((1, 7), np.float32), 0)


def _unpacked(colour: int) -> tuple[int, int, int]:
    return colour & 255, colour >> 8 & 255, colour >> 16 & 255


def _lamp(x: float, z: float, strength: float = 1.0, colour=(1.0, 1.0, 1.0)) -> list[float]:
    return [x, 2.0, z, strength, *colour]


def _lit(*lamps: list[float], face: int = 0) -> np.ndarray:
    lights = np.array(lamps, np.float32)
    return np.array(face_light(0, face, _CUBE, _VIEW, lights, len(lights))) - np.array(_DARK)


def test_lamps_add_up_channel_by_channel():
    red, blue = _lamp(1.0, 2.0, colour=(1.0, 0.0, 0.0)), _lamp(-1.0, 3.0, 0.7, (0.0, 0.0, 1.0))
    assert _lit(red)[0] > 0 and not _lit(red)[1:].any()
    assert _lit(red, blue) == pytest.approx(_lit(red) + _lit(blue), rel=1e-5)


def test_a_face_is_brighter_towards_a_lamp_than_away_from_it():
    """The law in light.py, written out for a lamp of which distance and angle are plain."""
    before, behind = _lit(_lamp(0.0, 2.5)), _lit(_lamp(0.0, -1.5))  # both 2 m from the face's middle along z, 1 m above
    squared = 2.0**2 + 1.0**2 + 1e-3
    assert before[0] == pytest.approx(1.5 * (0.25 + 0.75 * 2.0 / math.sqrt(squared)) / (1 + 0.35 * squared), rel=1e-5)
    assert behind[0] == pytest.approx(1.5 * 0.25 / (1 + 0.35 * squared), rel=1e-5)


def test_the_side_towards_the_eye_is_lit():
    from_behind = view_of(0.2, 1.2, -3.0, 0.0, 0.0, 60.0, 64, 36)
    lights = np.array([_lamp(0.0, 2.5)], np.float32)
    assert face_light(0, 0, _CUBE, from_behind, lights, 1)[0] < face_light(0, 0, _CUBE, _VIEW, lights, 1)[0]


@settings(deadline=None)
@given(*[st.floats(-1e4, 1e4)] * 3)
def test_colours_are_cut_off_at_both_ends(red, green, blue):
    assert _unpacked(pack(red, green, blue)) == tuple(int(min(255, max(0, value))) for value in (red, green, blue))


def test_a_texture_darkens_where_there_is_one():
    colour, light = np.array([[200.0, 100.0, 50.0]], np.float32), (1.0, 1.0, 1.0)
    plain, patterned = np.zeros(1, np.int8), np.ones(1, np.int8)
    assert shade(0, 1, light, colour, plain) == shade(0, 0, light, colour, patterned)
    darker = _unpacked(shade(0, 1, light, colour, patterned))
    assert all(a < b for a, b in zip(darker, (200, 100, 50), strict=True))


def test_ceiling_and_sky_have_the_rooms_colours():
    room = np.array([2.5, 100, 50, 10, 7, 8, 9], np.float32)
    assert _unpacked(sky(room)) == (7, 8, 9)
    assert _unpacked(ceiling(room)) == (80, 40, 8)
