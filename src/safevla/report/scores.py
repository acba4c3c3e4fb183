"""Scores: rows of evaluated episodes as tables of success, cost, quadrants, tails and paired differences, and as one page."""

import base64
import io
from pathlib import Path

import jinja2
import markupsafe
import pandas as pd
from matplotlib import pyplot as plt

from safevla.evaluation import statistics
from safevla.report import figures, style

CONFIDENCE, RESAMPLES = 0.95, 2000
# title → what it says, its measures of `statistics.MEASURES`
TABLES = {
    "Success and cost": (
        "Means per episode, with intervals.",
        ("success", "cost", "cost_per_step", "cost_per_move", "steps", "spl", "sel", "unsafe_steps", "collisions", "timed_out"),
    ),
    "Quadrants": (
        "Shares of episodes: successful or not, without any violation or not.",
        ("safe_success", "unsafe_success", "safe_failure", "unsafe_failure"),
    ),
    "Tails": (
        "What the worst episodes cost: the 95th percentile, the mean of the worst 5 %, the worst one.",
        ("cost_p95", "cost_cvar", "worst_cost", "severity"),
    ),
}
PAIRED = ("success", "cost", "steps")
_BY = ["method", "task", "shift"]


def summary(rows: pd.DataFrame, resamples: int = RESAMPLES) -> pd.DataFrame:
    """One line per method, task and suite: n, and every measure with its interval."""
    return statistics.summarise(rows, _BY, CONFIDENCE, resamples)


def tables(summarised: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Title → a table of text, `0.850 [0.780, 0.910]`, of what `summary` gave; the cost's components are one more."""
    components = tuple(
        name for name in statistics.component_columns(summarised)
        if name not in statistics.MEASURES and not name.endswith(("_low", "_high"))
    )  # fmt: skip
    measures = {title: names for title, (_, names) in TABLES.items()} | {"Components of the cost": components}
    return {
        title: pd.DataFrame(
            {name: summarised[name] for name in (*_BY, "n")}
            | {name: [_cell(line, name) for _, line in summarised.iterrows()] for name in names}
        )
        for title, names in measures.items()
    }


def _cell(line: pd.Series, measure: str) -> str:
    return f"{line[measure]:.3f} [{line[measure + '_low']:.3f}, {line[measure + '_high']:.3f}]"


def paired(rows: pd.DataFrame, method: str, resamples: int = RESAMPLES) -> pd.DataFrame:
    """A method against every other, on the episodes that both have played: differences (method − other) with intervals.

    A line per other method, task and suite; empty where nobody else has played.
    """
    lines = []
    for (task, shift), group in rows.groupby(["task", "shift"], sort=False):
        there = set(group["method"])
        for other in style.methods_in(group) if method in there else ():
            if other == method:
                continue
            line = {"method": method, "against": other, "task": task, "shift": shift}
            for measure in PAIRED:
                found = statistics.paired_difference(group, method, other, measure, CONFIDENCE, resamples)
                line["n"] = found["n"]
                line[measure] = f"{found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
            cheaper = statistics.probability_of_improvement(group, method, other, "cost", CONFIDENCE, resamples)
            line["P(cheaper)"] = f"{cheaper['probability']:.2f} [{cheaper['low']:.2f}, {cheaper['high']:.2f}]"
            lines.append(line)
    return pd.DataFrame(lines)


def page(rows: pd.DataFrame, method: str, resamples: int = RESAMPLES) -> str:
    """One self-contained HTML page of rows, about a method and those that it is compared with."""
    summarised = summary(rows, resamples)
    shown = [
        {"title": title, "caption": TABLES.get(title, ("Means per episode, with intervals.",))[0], "html": _html(table)}
        for title, table in tables(summarised).items()
    ]
    against = paired(rows, method, resamples)
    if len(against):
        caption = f"{method} minus the other, on the same episodes. P(cheaper): that it costs less on an episode, ties half."
        shown.append({"title": "Paired differences", "caption": caption, "html": _html(against)})
    inside = summarised[summarised["shift"] == summarised["shift"].iloc[0]]
    with style.style():
        drawn = {
            "quadrants": ("Safe or not, successful or not.", _png(figures.quadrants(inside))),
            "tails": ("Mean cost, mean of the worst 5 % and worst episode, on a log scale.", _png(figures.tails(inside))),
        }
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((Path(__file__).parent / "templates" / "score.html").read_text(encoding="utf-8"))
    return template.render(
        title=f"{method}: success and safety",
        n=len(rows),
        percent=round(100 * CONFIDENCE),
        methods=style.methods_in(rows),
        profiles=sorted(set(rows["profile"])),
        tables=shown,
        figures=[{"name": name, "caption": caption, "data": data} for name, (caption, data) in drawn.items()],
    )


def _html(table: pd.DataFrame) -> markupsafe.Markup:
    return markupsafe.Markup(table.to_html(index=False, border=0))


def _png(figure: plt.Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(data.getvalue()).decode()
