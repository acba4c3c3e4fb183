import json
import math

import pytest

from safevla.config import params
from safevla.safe_rl.multiplier import Multiplier
from tests.learning import ppo_params


def test_the_multiplier_rises_exactly_above_the_limit_and_never_below_zero():
    bounds = {"cost_limit": {"Pickup": 2.0, "Fetch": 7.0}, "multiplier_max": {"Pickup": 0.3, "Fetch": 9.0}}
    multiplier = Multiplier("ppo_lagrangian", ppo_params(multiplier_init=0.1, multiplier_lr=0.02, **bounds), "Pickup")
    before = multiplier.value
    multiplier.update(2.5)
    assert multiplier.value == pytest.approx(before + 0.02, abs=1e-4)  # Adam's first step is its rate
    for _ in range(40):
        multiplier.update(9.0)
    assert multiplier.value == pytest.approx(0.3)
    for _ in range(200):
        multiplier.update(0.5)
    assert multiplier.value == 0.0
    held = multiplier.value
    multiplier.update(float("nan"))  # no episode ended
    assert multiplier.value == held


def test_the_pid_multiplier_agrees_with_the_formula_written_out():
    gains = params.PIDGains(proportional=0.05, integral=0.01, derivative=0.02)
    bounds = {"cost_limit": {"Fetch": 2.0}, "multiplier_max": {"Fetch": 1.0}}
    settings = ppo_params(multiplier_rule="pid", multiplier_pid=gains, multiplier_init=0.1, **bounds)
    multiplier = Multiplier("ppo_lagrangian", settings, "Fetch")
    costs, integral = [6.0, 8.0, 3.0, 1.0, 0.5, 40.0], 0.1
    for before, cost in zip([math.inf, *costs], costs, strict=False):
        multiplier.update(cost)
        integral = min(max(integral + 0.01 * (cost - 2.0), 0.0), 1.0)
        expected = 0.05 * (cost - 2.0) + integral + 0.02 * max(cost - before, 0.0)
        assert multiplier.value == pytest.approx(min(max(expected, 0.0), 1.0), abs=1e-6)
    other = Multiplier("ppo_lagrangian", settings, "Fetch")
    other.restore(json.loads(json.dumps(multiplier.state())))
    for cost in (5.0, 2.5):
        multiplier.update(cost), other.update(cost)
        assert other.value == multiplier.value


@pytest.mark.parametrize(("method", "expected"), [("ppo", 0.0), ("ppo_shaped", 0.4)])
def test_other_methods_do_not_learn_the_multiplier(method, expected):
    multiplier = Multiplier(method, ppo_params(fixed_penalty=0.4), "Fetch")
    multiplier.update(50.0)
    assert multiplier.value == pytest.approx(expected)
