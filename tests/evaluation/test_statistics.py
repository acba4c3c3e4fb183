"""Statistics: every measure by its definition written out, intervals against slow bootstraps, comparisons in pairs."""

import numpy as np
import pytest

from safevla.evaluation import statistics
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import made_up_rows

COMPONENTS = tuple(f"cost_{name}" for name in PAPER_COSTS)


def test_intervals_cover_the_mean_and_are_seeded():
    values = np.random.default_rng(1).normal(3.0, 2.0, 200)
    low, high = statistics.interval((values,), 0.95, 2000)
    assert low < values.mean() < high
    slow = [np.random.default_rng(s).choice(values, len(values)).mean() for s in range(2000)]
    assert (low, high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.05)
    assert statistics.interval((values,), 0.95, 2000) == (low, high)
    assert statistics.interval((np.ones(5),), 0.95, 100) == (1.0, 1.0)


def test_paired_difference_uses_the_same_episodes():
    rows = made_up_rows()
    found = statistics.paired_difference(rows, "ppo_lagrangian", "ppo", "cost", 0.95, 500)
    a, b = (rows[rows["method"] == m].set_index("episode_id")["cost"] for m in ("ppo_lagrangian", "ppo"))
    assert found["difference"] == pytest.approx((a - b).mean()) and found["n"] == 40
    assert found["low"] < found["difference"] < found["high"] < 0


def _slowly(rows: list[dict]) -> dict[str, float]:
    """Every measure, written out episode by episode."""
    n, costs = len(rows), sorted(r["cost"] for r in rows)
    won, lost = [r for r in rows if r["success"]], [r for r in rows if not r["success"]]
    worst = costs[-max(1, round(0.05 * n)) :]
    place = 0.95 * (n - 1)  # linear between the two nearest episodes
    below = int(place)
    p95 = costs[below] + (place - below) * (costs[min(below + 1, n - 1)] - costs[below])
    plain = ("success", "spl", "sel", "steps", "cost", "unsafe_steps", "collisions", "timed_out", *COMPONENTS)
    return {
        **{name: sum(r[name] for r in rows) / n for name in plain},
        "violation_free": sum(r["cost"] == 0 for r in rows) / n,
        "safe_success": sum(r["cost"] == 0 for r in won) / n,
        "unsafe_success": sum(r["cost"] > 0 for r in won) / n,
        "safe_failure": sum(r["cost"] == 0 for r in lost) / n,
        "unsafe_failure": sum(r["cost"] > 0 for r in lost) / n,
        "severity": sum(r["max_displacement_m"] / (r["max_displacement_m"] + 0.5) for r in rows if r["cost"] > 0) / n,
        "wrong_done": sum(not r["timed_out"] for r in lost) / n,
        "cost_p95": p95,
        "cost_cvar": sum(worst) / len(worst),
        "worst_cost": costs[-1],
        "cost_per_step": sum(costs) / sum(r["steps"] for r in rows),
        "cost_per_move": sum(costs) / sum(r["moves"] for r in rows),
        "cost_per_metre": sum(costs) / sum(r["path_m"] for r in rows),
        "cost_in_success": sum(r["cost"] for r in won) / len(won),
        "cost_in_failure": sum(r["cost"] for r in lost) / len(lost),
    }


def test_every_measure_agrees_with_its_definition_written_out():
    rows = made_up_rows()
    for line in statistics.summarise(rows, ["task", "method"], 0.95, 200).to_dict("records"):
        mine = rows[rows["method"] == line["method"]].to_dict("records")
        expected = _slowly(mine)
        assert set(expected) == set(statistics.measures_of(rows)) == {*statistics.MEASURES, *COMPONENTS}
        for name, value in expected.items():
            assert line[name] == pytest.approx(value), name
            assert line[f"{name}_low"] <= line[name] + 1e-9 and line[name] <= line[f"{name}_high"] + 1e-9, name
        quarters = ("safe_success", "unsafe_success", "safe_failure", "unsafe_failure")
        assert sum(line[name] for name in quarters) == pytest.approx(1.0)


def test_intervals_of_ratios_and_tails_agree_with_a_slow_bootstrap():
    rng = np.random.default_rng(3)
    cost, steps = rng.exponential(4.0, 150), rng.integers(5, 90, 150).astype(float)
    for samples, statistic in (
        ((cost, steps), statistics.ratio),
        ((cost,), statistics.cvar),
        ((cost,), statistics.percentile_95),
    ):
        low, high = statistics.interval(samples, 0.9, 3000, statistic)
        slow = []
        for seed in range(1500):
            drawn = np.random.default_rng(seed).integers(0, 150, 150)
            slow.append(float(statistic(*(x[drawn] for x in samples))))
        spread = np.ptp(np.quantile(slow, [0.05, 0.95]))
        assert (low, high) == pytest.approx(tuple(np.quantile(slow, [0.05, 0.95])), abs=0.1 * spread)


def test_strata_keep_their_shares():
    """Two strata that differ between and not within them: a stratified bootstrap knows the mean for sure."""
    values, strata = np.repeat([0.0, 10.0], 50), np.repeat([0, 1], 50)
    low, high = statistics.interval((values,), 0.95, 500)
    assert high - low > 1.0
    assert statistics.interval((values,), 0.95, 500, strata=strata) == (5.0, 5.0)
    lonely = np.array([0] * 99 + [1])  # a stratum of one episode is kept as it is
    low, high = statistics.interval((np.random.default_rng(0).normal(size=100),), 0.95, 500, strata=lonely)
    assert low < high


def test_no_success_and_no_failure_have_no_cost():
    rows = made_up_rows()
    rows["success"] = rows["method"] == "ppo"
    lines = statistics.summarise(rows, ["method"], 0.95, 100).set_index("method")
    assert np.isnan(lines.loc["imitation", "cost_in_success"]) and np.isnan(lines.loc["ppo", "cost_in_failure"])
    assert lines.loc["ppo", "cost_in_success"] == pytest.approx(lines.loc["ppo", "cost"])


def test_probability_of_improvement_counts_pairs():
    rows = made_up_rows()
    found = statistics.probability_of_improvement(rows, "ppo_lagrangian", "ppo", "cost", 0.95, 300)
    a, b = (rows[rows["method"] == m].set_index("episode_id")["cost"] for m in ("ppo_lagrangian", "ppo"))
    slow = np.mean([1.0 if a[e] < b[e] else 0.5 if a[e] == b[e] else 0.0 for e in a.index])
    assert found["probability"] == pytest.approx(slow) and found["low"] < slow < found["high"]
    assert statistics.probability_of_improvement(rows, "ppo", "ppo", "cost", 0.95, 300)["probability"] == 0.5


def test_every_component_that_rows_have_is_a_measure_and_no_other():
    costs = ("corner", "noise")
    rows = made_up_rows(6, costs)
    assert statistics.component_columns(rows) == ["cost_corner", "cost_noise"]
    line = statistics.summarise(rows, ["method"], 0.95, 50).set_index("method").loc["ppo"]
    mine = rows[rows["method"] == "ppo"]
    assert line["cost_noise"] == pytest.approx(mine["cost_noise"].mean())
    assert line["cost_corner"] + line["cost_noise"] == pytest.approx(line["cost"])
    assert line["cost_noise_low"] <= line["cost_noise"] <= line["cost_noise_high"]
    assert "cost_blind_spot" not in line


def test_a_component_never_takes_the_place_of_a_measure_of_the_same_name():
    """`cost_per_step` is a measure; a component `per_step` would be a column of that name."""
    rows = made_up_rows(4).assign(cost_per_step=1.0)
    with pytest.raises(ValueError, match="cost_per_step"):
        statistics.measures_of(rows)
