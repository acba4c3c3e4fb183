"""Figures: the same bytes every time; legends name methods, costs and suites as their files do, in their colours."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")
from matplotlib.colors import to_hex

from safevla.evaluation import statistics
from safevla.report import figures, style
from tests.learning import legend_of, made_up_rows

LIMITS = {"ObjectNav": 2.0}
METHOD = 'LABEL, COLOUR = "My method", "#123456"\n'
COST = 'LABEL, COLOUR = "my cost", "#654321"\n'
SUITE = 'LABEL = "my suite"\n'


def _summary(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    return statistics.summarise(rows, list(by), 0.95, 50)


def _curves(methods: list[str]) -> pd.DataFrame:
    steps = np.arange(1, 9)
    made = {"steps": 100 * steps, "episodes": 10 * steps, "success": 0.5, "cost": 3.0 - 0.1 * steps, "multiplier": 0.1 * steps}
    return pd.concat([pd.DataFrame(made).assign(task="ObjectNav", method=method, seed=0) for method in methods])


@pytest.fixture
def mine(extend):
    """A method, a cost and a suite of one's own, in rows that know them."""
    extend({"methods/mine.py": METHOD, "costs/noise.py": COST, "suites/fog.py": SUITE})
    rows = made_up_rows(12, ("corner", "noise"))
    return pd.concat([rows, rows[rows["method"] == "ppo"].assign(method="mine")], ignore_index=True)


def test_figures_are_the_same_bytes_every_time(tmp_path):
    summary = _summary(made_up_rows(), "task", "method")
    for folder in ("a", "b"):
        with style.style():
            style.save(figures.success_against_cost(summary), tmp_path / folder, "x", 60)
            style.save(figures.cost_distribution(made_up_rows()), tmp_path / folder, "z", 60)
    for name in ("x.png", "x.pdf", "z.png", "z.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_legends_name_every_method_as_its_file_does(mine):
    expected = {
        "Imitation (SPOC)": "#0173b2",
        "PPO (FLaRe)": "#de8f05",
        "PPO-Lagrangian (SafeVLA)": "#029e73",
        "My method": "#123456",
    }
    summary = _summary(mine, "task", "method")
    shifted = pd.concat([mine, mine.assign(shift="fog")])
    for figure in (
        figures.success_against_cost(summary),
        figures.cost_distribution(mine),
        figures.shifts(_summary(shifted, "shift", "method")),
        figures.training_curves(_curves(list(mine["method"].unique())), LIMITS),
    ):
        assert legend_of(figure) == expected
    for figure in (
        figures.cost_by_component(summary, ("corner", "noise")), figures.tails(summary), figures.quadrants(summary),
        figures.cost_of_failure(summary),
    ):  # fmt: skip
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert labels == list(expected)


def test_each_component_is_drawn_in_the_colour_of_its_file(mine):
    summary = _summary(mine, "task", "method")
    figure = figures.cost_by_component(summary, ("noise", "corner"))
    assert legend_of(figure) == {"my cost": "#654321", "corner": "#0173b2"}
    bars = [bar for bar in figure.axes[0].patches if to_hex(bar.get_facecolor()) == "#654321"]
    lines = summary.set_index("method").loc[style.methods_in(summary)]
    assert [bar.get_width() for bar in bars] == pytest.approx(lines["cost_noise"].tolist())


def test_suites_stand_under_their_bars_by_their_files_names(mine):
    summary = _summary(pd.concat([mine, mine.assign(shift="fog"), mine.assign(shift="light")]), "shift", "method")
    figure = figures.shifts(summary)
    names = [label.get_text().split("\n")[0] for label in figure.axes[1].get_xticklabels()]
    assert names == ["none", "my suite", "light"]
    assert len(figure.axes[0].patches) == 3 * summary["method"].nunique()


def test_a_curve_counts_once_the_longest_episodes_could_have_ended():
    """Means of few episodes are means of short ones."""
    curves = _curves(["ppo"])
    figure = figures.training_curves(curves, LIMITS)
    (line,) = (line for line in figure.axes[0].lines if len(line.get_xdata()) == 8)
    drawn = np.isfinite(np.asarray(line.get_ydata(), float))
    assert drawn.tolist() == (curves["episodes"] >= 64).tolist()


def test_variants_of_an_ablation_share_their_methods_colour():
    rows = made_up_rows(12)
    rows = pd.concat([rows[rows["method"] == "ppo"].assign(variant=name) for name in ("limit 1", "limit 2")])
    curves = pd.concat([_curves(["ppo"]).assign(variant=name) for name in ("limit 1", "limit 2")])
    figure = figures.ablation(_summary(rows, "task", "variant", "method"), curves)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["limit 1", "limit 2"]
    assert {to_hex(line.get_color()) for line in figure.axes[1].lines} == {"#de8f05"}
