"""Reaching: what separates a robot, or its hand, from an object of a type, against the same in loops."""

import dataclasses
import math

import pytest
import torch

from safevla.sim.body import hand_centre
from safevla.tasks import reaching
from safevla.world import catalogue
from tests.scenes import made_up_scene

MUG, APPLE, BOOK = (torch.tensor([catalogue.TYPES[name].index]) for name in ("Mug", "Apple", "Book"))


def _two_mugs(**given):
    return made_up_scene(["Mug", "Apple", "Mug"], [(0.0, 0.8, 3.0), (0.5, 0.8, 0.5), (1.2, 0.8, 1.6)], **given)


def test_the_nearest_object_of_the_type_counts_and_none_is_infinitely_far():
    scene = _two_mugs()
    assert reaching.from_robot_m(scene, MUG, 0.0).tolist() == pytest.approx([2.0])
    assert reaching.from_robot_m(scene, MUG, 2.5).tolist() == [2.5]
    assert reaching.from_robot_m(scene, BOOK, 0.0).tolist() == [math.inf]
    moved = _two_mugs(robot=(0.0, 2.0, 90.0))
    assert reaching.from_robot_m(moved, MUG, 0.0).tolist() == pytest.approx([1.0])


def test_the_hand_is_where_the_arm_has_it_and_has_no_way_to_what_it_holds():
    scene = _two_mugs(robot=(0.4, 1.0, 90.0))
    hand = hand_centre(scene.robot_state[0].numpy())
    expected = min(math.dist(hand, scene.pose[0, m, :3].tolist()) for m in (0, 2))
    assert reaching.from_hand_m(scene, MUG).tolist() == pytest.approx([expected])
    held = dataclasses.replace(scene, held=torch.tensor([0], dtype=torch.int32))
    assert reaching.from_hand_m(held, MUG).tolist() == [0.0]
    assert reaching.from_hand_m(held, APPLE)[0] > 0 and reaching.from_hand_m(held, BOOK).isinf().all()


def test_an_object_is_held_if_it_is_of_the_type():
    for slot, expected in ((0, True), (1, False), (-1, False)):
        scene = dataclasses.replace(_two_mugs(), held=torch.tensor([slot], dtype=torch.int32))
        assert reaching.is_held(scene, MUG).tolist() == [expected]


def test_in_view_is_in_the_navigation_cameras_picture_and_near_along_the_floor():
    scene = _two_mugs()
    assert reaching.in_view_within(scene, MUG, 5.0).tolist() == [False]
    scene.visible[0, 1, 2] = True  # the other camera's
    assert reaching.in_view_within(scene, MUG, 5.0).tolist() == [False]
    scene.visible[0, 0, 2] = True
    assert [bool(reaching.in_view_within(scene, MUG, within_m)) for within_m in (1.9, 2.1)] == [False, True]
    assert reaching.in_view_within(scene, APPLE, 5.0).tolist() == [False]
