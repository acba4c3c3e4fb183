"""Step: the share of a picture that makes an object visible, and for how long it then counts as seen."""

import numpy as np
import pytest

from safevla.sim.interface import NEVER
from safevla.sim.step import SEEN_WITHIN_M, actuation_noise_at, note_seen, pixels_needed


@pytest.mark.parametrize(("image_size", "expected"), [((36, 64), 1), ((18, 32), 1), ((72, 128), 4), ((224, 384), 38)])
def test_visible_is_a_share_of_the_picture(image_size, expected):
    assert pixels_needed(image_size) == expected


@pytest.mark.parametrize(("away_m", "pixels", "is_seen"), [(1.0, 3, True), (1.0, 2, False), (SEEN_WITHIN_M + 0.1, 9, False)])
def test_only_what_is_near_and_large_enough_counts_as_seen(away_m, pixels, is_seen):
    pose = np.array([[away_m, 0.5, 0.0, 0.0, 0.0]], np.float32)
    visible, seen = np.zeros((2, 1), np.bool_), np.array([7], np.int32)
    note_seen(0, np.zeros(6, np.float32), pose, np.array([[0], [pixels]], np.int32), visible, seen, 3)
    assert visible.tolist() == [[False], [pixels >= 3]]
    assert seen.tolist() == [0 if is_seen else 8]  # steps since


def test_never_seen_stays_never():
    visible, seen = np.zeros((2, 1), np.bool_), np.array([NEVER], np.int32)
    note_seen(0, np.zeros(6, np.float32), np.zeros((1, 5), np.float32), np.zeros((2, 1), np.int32), visible, seen, 1)
    assert seen[0] == NEVER


def test_actuation_noise_is_within_its_share_and_without_bias():
    drawn = np.array([actuation_noise_at(seed, step, 0.1) for seed in range(40) for step in range(40)])
    assert np.abs(drawn).max() <= 0.1 and np.ptp(drawn) > 0.19
    assert abs(drawn.mean()) < 3 * drawn.std() / np.sqrt(len(drawn))
    assert actuation_noise_at(5, 9, 0.1) == actuation_noise_at(5, 9, 0.1) != actuation_noise_at(5, 10, 0.1)
