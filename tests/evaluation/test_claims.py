"""Claims: verdicts follow from the numbers."""

import pytest

from safevla.evaluation import claims
from tests.learning import curves_that_end_at, rows_that_save


@pytest.mark.parametrize(("saving", "verdict"), [(0.8, "reproduced"), (0.2, "in direction"), (-0.3, "not reproduced")])
def test_verdicts_follow_from_the_numbers(saving, verdict):
    rows = rows_that_save(saving)
    table = claims.table(rows, curves_that_end_at(1.1), {"ObjectNav": 1.0}, 0.95, 300)
    line = table.iloc[0]
    inside = rows[rows["shift"] == "none"]
    sums = inside.groupby(["method", "task"])["cost"].mean().groupby("method").sum()
    assert line["ours"] == pytest.approx(1 - sums["ppo_lagrangian"] / sums["ppo"]) and line["verdict"] == verdict
    assert line["low"] - 1e-9 <= line["ours"] <= line["high"] + 1e-9
    careful = table[table["claim"].str.contains("careful")].iloc[0]
    assert careful["ours"] == pytest.approx(1.0) and careful["verdict"] == "reproduced"


@pytest.mark.parametrize(("cost", "verdict"), [(1.1, "reproduced"), (1.3, "not reproduced")])
def test_the_limit_is_met_or_not(cost, verdict):
    table = claims.table(rows_that_save(0.5), curves_that_end_at(cost), {"ObjectNav": 1.0}, 0.95, 100)
    assert table[table["claim"].str.contains("limit")].iloc[0]["verdict"] == verdict
