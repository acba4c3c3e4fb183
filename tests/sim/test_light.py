"""Light: lamps add up, a side sees what is before it, materials show by their tones, and colours are cut off and not wrapped round."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safevla.sim.light import (
    AVERAGED,
    DRAWN,
    N_FACES,
    N_LIT,
    PLAIN,
    ROUND_ENDS,
    ceiling,
    gather,
    light_on,
    pack,
    paint,
    relight,
    sky,
)  # fmt: skip
from safevla.sim.solids import aim, sides_of
from safevla.sim.view import look_into, view_of
from safevla.world.parts import ACCENT, MAIN, SECOND, Parts

_POSE = np.array([0, 1, 0, 0, 0], np.float32)
_PALETTE = np.array([[200, 100, 50], [40, 80, 120], [90, 10, 60], [10, 10, 10], [240, 240, 240]], np.uint8)
_STRIPES = np.array([1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1.0, 0.5, 1, 1], np.float32)  # two levels, the second half as light


def _unpacked(colour: int) -> tuple[int, int, int]:
    return int(colour) & 255, int(colour) >> 8 & 255, int(colour) >> 16 & 255


def _lamp(x: float, z: float, strength: float = 1.0, colour=(1.0, 1.0, 1.0)) -> list[float]:
    return [x, 2.0, z, strength, *colour]


def _lit(*lamps: list[float], normal=(0.0, 0.0, 1.0), pose=_POSE) -> np.ndarray:
    """The light of these lamps alone on a surface of an object 1 m above the floor."""
    lights = np.array(lamps, np.float32)
    lit, dark = np.zeros(N_LIT, np.float32), np.zeros(N_LIT, np.float32)
    gather(pose, True, lights, len(lights), lit)
    gather(pose, True, lights, 0, dark)
    return np.array(light_on(lit, *normal)) - np.array(light_on(dark, *normal))


def test_lamps_add_up_channel_by_channel():
    red, blue = _lamp(1.0, 2.0, colour=(1.0, 0.0, 0.0)), _lamp(-1.0, 3.0, 0.7, (0.0, 0.0, 1.0))
    assert _lit(red)[0] > 0 and not _lit(red)[1:].any()
    assert _lit(red, blue) == pytest.approx(_lit(red) + _lit(blue), rel=1e-5)


def test_a_side_is_brighter_towards_a_lamp_than_away_from_it():
    """The law in light.py, written out for a lamp of which distance and angle are plain."""
    before, behind = _lit(_lamp(0.0, 2.0)), _lit(_lamp(0.0, -2.0))  # both 2 m from the object along z, 1 m above
    squared = 2.0**2 + 1.0**2 + 1e-3
    assert before[0] == pytest.approx(1.5 * (0.25 + 0.75 * 2.0 / math.sqrt(squared)) / (1 + 0.35 * squared), rel=1e-5)
    assert behind[0] == pytest.approx(1.5 * 0.25 / (1 + 0.35 * squared), rel=1e-5)


def test_what_faces_between_two_axes_gets_a_mixture():
    lamp = _lamp(1.0, 2.0)
    along_x, along_z = _lit(lamp, normal=(1.0, 0.0, 0.0)), _lit(lamp)
    assert _lit(lamp, normal=(0.6, 0.0, 0.8)) == pytest.approx(0.36 * along_x + 0.64 * along_z, rel=1e-6)


def test_light_turns_with_the_object_and_topples_with_it():
    lamp = _lamp(0.0, 2.0)
    turned, lying = (np.array([0, 1, 0, yaw, tilt], np.float32) for yaw, tilt in ((90.0, 0.0), (0.0, 90.0)))
    assert _lit(lamp, normal=(-1.0, 0.0, 0.0), pose=turned) == pytest.approx(_lit(lamp), rel=1e-5)  # its left now faces +z
    assert _lit(lamp, normal=(0.0, 1.0, 0.0), pose=lying) == pytest.approx(_lit(lamp), rel=1e-5)  # its top does


def test_an_object_is_lit_anew_once_it_has_moved():
    lights = np.array([_lamp(1.0, 2.0)], np.float32)
    lit, lit_at, moved = np.zeros(N_LIT, np.float32), np.full(5, np.nan, np.float32), _POSE + np.float32(0.5)
    relight(_POSE, True, lights, 1, lit_at, lit)
    first = lit.copy()
    lights[0, 3] = 5.0  # of which nobody takes notice while the object stands still
    relight(_POSE, True, lights, 1, lit_at, lit)
    assert first.any() and (lit == first).all()
    relight(moved, True, lights, 1, lit_at, lit)
    expected = np.zeros(N_LIT, np.float32)
    gather(moved, True, lights, 1, expected)
    assert (lit == expected).all() and (lit != first).any()


def _painted(add, texture: int, *lamps: list[float], eye_z: float = -3.0) -> np.ndarray:
    p = Parts((1.0, 1.0, 1.0))
    add(p)
    view = view_of(0.2, 1.6, eye_z, 0.0, 0.0, 60.0, 64, 36)
    frame, aimed, lit = np.zeros((4, 3)), np.zeros((4, 3)), np.zeros(N_LIT, np.float32)
    look_into(_POSE, True, view, frame)
    lights = np.array(lamps or [_lamp(0.0, -2.0)], np.float32)
    gather(_POSE, True, lights, len(lights), lit)
    aim(p.array()[0], frame, aimed)
    part, sides = p.array()[0], sides_of(aimed)
    return np.array([paint(part, sides, _PALETTE, _STRIPES, texture, lit, face) for face in range(N_FACES)])


def test_the_side_towards_the_eye_is_lit():
    def cube(p: Parts) -> None:
        p.box((0, 0.5, 0), (1, 1, 1))

    front, back = _painted(cube, PLAIN, _lamp(0.0, -2.5)), _painted(cube, PLAIN, _lamp(0.0, -2.5), eye_z=3.0)
    assert _unpacked(front[0])[0] > _unpacked(back[0])[0]


def test_a_material_shows_by_its_tones_and_from_afar_by_their_mean():
    def cube(p: Parts) -> None:
        p.box((0, 0.5, 0), (1, 1, 1), MAIN, ends=ACCENT)

    plain, drawn, averaged = (_painted(cube, texture) for texture in (PLAIN, DRAWN, AVERAGED))
    light, dark, mean = _unpacked(drawn[0]), _unpacked(drawn[1]), _unpacked(averaged[0])
    assert light == _unpacked(plain[0])
    assert dark == pytest.approx(np.array(light) / 2, abs=1) and mean == pytest.approx(np.array(light) * 0.75, abs=1)
    red, green, blue = _unpacked(plain[8])  # the top has the colour of the ends
    assert red > blue > green


def test_a_tone_above_one_mixes_the_second_colour_in(monkeypatch):
    mixing = _STRIPES.copy()
    mixing[12] = 2.0
    monkeypatch.setattr("tests.sim.test_light._STRIPES", mixing)

    def cube(p: Parts) -> None:
        p.box((0, 0.5, 0), (1, 1, 1))

    def second(p: Parts) -> None:
        p.box((0, 0.5, 0), (1, 1, 1), SECOND)

    assert _painted(cube, DRAWN)[1] == _painted(second, PLAIN)[0]


def test_a_round_side_is_shaded_towards_where_most_light_comes_from():
    def drum(p: Parts) -> None:
        p.round((0, 0, 0), 1.0, 0.5)

    shades = [_unpacked(colour)[0] for colour in _painted(drum, DRAWN)[:ROUND_ENDS:2]]
    assert shades == sorted(shades) and shades[-1] > 1.2 * shades[0]


@settings(deadline=None)
@given(*[st.floats(-1e4, 1e4)] * 3)
def test_colours_are_cut_off_at_both_ends(red, green, blue):
    assert _unpacked(pack(red, green, blue)) == tuple(int(min(255, max(0, value))) for value in (red, green, blue))


def test_ceiling_and_sky_have_the_rooms_colours():
    room = np.array([2.5, 100, 50, 10, 7, 8, 9], np.float32)
    assert _unpacked(sky(room)) == (7, 8, 9)
    assert _unpacked(ceiling(room)) == (80, 40, 8)
