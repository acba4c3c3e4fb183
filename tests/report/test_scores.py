"""Scores: rows become tables with intervals, differences in pairs, and a page that stands alone."""

import re

import pytest

from safevla.report import scores
from tests.learning import made_up_rows


@pytest.fixture(scope="module")
def rows():
    return made_up_rows()


def test_every_measure_has_its_cell_with_an_interval(rows):
    tables = scores.tables(scores.summary(rows, 50))
    assert list(tables) == ["Success and cost", "Quadrants", "Tails", "Components of the cost"]
    assert list(tables["Components of the cost"].columns[4:]) == [name for name in rows.columns if name.startswith("cost_")]
    shares = tables["Quadrants"].iloc[0, 4:].map(lambda cell: float(cell.split()[0]))
    assert len(shares) == 4 and shares.sum() == pytest.approx(1.0, abs=0.002)
    mean = rows[rows["method"] == "ppo"]["cost"].mean()
    cell = tables["Success and cost"].set_index("method").loc["ppo", "cost"]
    assert re.fullmatch(rf"{mean:.3f} \[\d\.\d+, \d\.\d+\]", cell)


def test_differences_are_of_the_episodes_that_both_have_played(rows):
    some = rows[~((rows["method"] == "ppo") & rows["episode_id"].isin(["e0", "e1"]))]
    found = scores.paired(some, "ppo_lagrangian", 50).set_index("against")
    assert found["n"].to_dict() == {"imitation": 40, "ppo": 38}
    assert found.loc["ppo", "cost"].startswith("-") and float(found.loc["ppo", "P(cheaper)"].split()[0]) > 0.5
    assert scores.paired(rows[rows["method"] == "ppo"], "ppo", 50).empty


def test_the_page_fetches_nothing_and_escapes_names(rows):
    named = rows.replace({"method": {"ppo": "<script>"}})
    page = scores.page(named, "<script>", 50)
    assert "<script" not in page and not re.search(r"(src|href)=.?https?:", page)
    assert page.count("data:image/png;base64,") == 2 and "Paired differences" in page and "&lt;script&gt;" in page
