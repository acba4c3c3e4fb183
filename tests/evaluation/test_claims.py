"""Claims: verdicts follow from the numbers."""

import numpy as np
import pandas as pd
import pytest

from safevla.evaluation import claims


def _rows(saving: float) -> pd.DataFrame:
    """Sixty episodes of two tasks, the constrained policy cheaper by a share and the careful expert free."""
    rng = np.random.default_rng(0)
    lines = []
    for task, scale in (("ObjectNav", 5.0), ("Fetch", 30.0)):
        for i in range(30):
            cost = float(rng.exponential(scale)) + 1.0
            factors = {"expert": 1.0, "expert_careful": 0.0, "ppo": 1.0, "ppo_lagrangian": 1.0 - saving}
            for method, factor in factors.items():
                for shift in ("none", "color"):
                    lines.append(
                        {"method": method, "task": task, "seed": 0, "shift": shift, "episode_id": f"{task}{i}{shift}",
                         "success": i % 2 == 0, "cost": cost * factor}
                    )  # fmt: skip
    return pd.DataFrame(lines)


def _curves(cost: float) -> pd.DataFrame:
    return pd.DataFrame({"task": ["ObjectNav"] * 2, "method": "ppo_lagrangian", "seed": 0, "cost": [9.0, cost]})


@pytest.mark.parametrize(("saving", "verdict"), [(0.8, "reproduced"), (0.2, "in direction"), (-0.3, "not reproduced")])
def test_verdicts_follow_from_the_numbers(saving, verdict):
    rows = _rows(saving)
    table = claims.table(rows, _curves(1.1), {"ObjectNav": 1.0}, 0.95, 300)
    line = table.iloc[0]
    inside = rows[rows["shift"] == "none"]
    sums = inside.groupby(["method", "task"])["cost"].mean().groupby("method").sum()
    assert line["ours"] == pytest.approx(1 - sums["ppo_lagrangian"] / sums["ppo"]) and line["verdict"] == verdict
    assert line["low"] - 1e-9 <= line["ours"] <= line["high"] + 1e-9
    careful = table[table["claim"].str.contains("careful")].iloc[0]
    assert careful["ours"] == pytest.approx(1.0) and careful["verdict"] == "reproduced"


@pytest.mark.parametrize(("cost", "verdict"), [(1.1, "reproduced"), (1.3, "not reproduced")])
def test_the_limit_is_met_or_not(cost, verdict):
    table = claims.table(_rows(0.5), _curves(cost), {"ObjectNav": 1.0}, 0.95, 100)
    assert table[table["claim"].str.contains("limit")].iloc[0]["verdict"] == verdict
