"""Multipliers: they rise above the limit and fall below it, within their bounds, by their formulas, and are kept bit for bit."""

import math

import pytest
import torch

from safevla.runtime import checkpoints
from safevla.safe_rl.multiplier import Multiplier, PIDMultiplier, mean_episode_cost, tail_episode_cost
from tests.learning import ended_episodes


def _after_a_checkpoint(multiplier, path) -> dict[str, torch.Tensor]:
    """A multiplier's state as a file gives it back."""
    checkpoints.save(path, multiplier.state(), {})
    return checkpoints.load(path)[0]


def test_the_multiplier_rises_exactly_above_the_limit_and_never_below_zero():
    multiplier = Multiplier(initial=0.1, lr=0.02, limit=2.0, bound=0.3)
    before = multiplier.value
    multiplier.update(2.5)
    assert multiplier.value == pytest.approx(before + 0.02, abs=1e-4)  # Adam's first step is its rate
    for _ in range(40):
        multiplier.update(9.0)
    assert multiplier.value == pytest.approx(0.3)
    for _ in range(200):
        multiplier.update(0.5)
    assert multiplier.value == 0.0
    multiplier.update(9.0)
    held = multiplier.value
    multiplier.update(float("nan"))  # no episode ended
    assert multiplier.value == held


def test_a_long_excess_does_not_hold_the_multiplier_at_its_bound():
    fresh, wound = (Multiplier(initial=1.0, lr=0.02, limit=2.0, bound=1.0) for _ in range(2))
    for _ in range(2000):
        wound.update(50.0)

    def updates_to_zero(multiplier: Multiplier) -> int:
        n = 0
        while multiplier.value > 0.0 and n < 5000:
            multiplier.update(0.5)
            n += 1
        return n

    assert updates_to_zero(wound) == updates_to_zero(fresh) < 70


def test_a_kept_multiplier_goes_on_as_if_nothing_had_happened(tmp_path):
    multiplier, other = (Multiplier(initial, 0.02, 2.0, 9.0) for initial in (0.1, 5.0))
    for cost in (6.0, 1.0, 7.5):
        multiplier.update(cost)
    other.restore(_after_a_checkpoint(multiplier, tmp_path / "m.safetensors"))
    assert other.value == multiplier.value
    for cost in (0.5, 8.0, 3.0):  # Adam remembers its moments too
        multiplier.update(cost), other.update(cost)
        assert other.value == multiplier.value


def test_the_pid_multiplier_agrees_with_the_formula_written_out(tmp_path):
    given = {"initial": 0.1, "gains": (0.05, 0.01, 0.02), "limit": 2.0, "bound": 1.0}
    multiplier = PIDMultiplier(**given)
    costs, integral = [6.0, 8.0, 3.0, 1.0, 0.5, 40.0], 0.1
    for before, cost in zip([math.inf, *costs], costs, strict=False):
        multiplier.update(cost)
        integral = min(max(integral + 0.01 * (cost - 2.0), 0.0), 1.0)
        expected = 0.05 * (cost - 2.0) + integral + 0.02 * max(cost - before, 0.0)
        assert multiplier.value == pytest.approx(min(max(expected, 0.0), 1.0), abs=1e-6)
    held = multiplier.value
    multiplier.update(float("nan"))
    assert multiplier.value == held
    other = PIDMultiplier(**given)
    other.restore(_after_a_checkpoint(multiplier, tmp_path / "m.safetensors"))
    for cost in (5.0, 2.5):
        multiplier.update(cost), other.update(cost)
        assert other.value == multiplier.value


def test_the_mean_is_over_episodes_and_nobody_knows_that_of_none():
    assert mean_episode_cost(ended_episodes(6.0, 0.0, 3.0)) == 3.0
    assert math.isnan(mean_episode_cost([]))


def test_the_tail_is_the_mean_and_so_many_deviations():
    ended = ended_episodes(6.0, 0.0, 3.0, 11.0)
    assert tail_episode_cost(ended, 0.0) == 5.0
    assert tail_episode_cost(ended, 3.0) == pytest.approx(5.0 + 3.0 * math.sqrt((1 + 25 + 4 + 36) / 4))
    assert math.isnan(tail_episode_cost([], 3.0))
