"""Style: the one look of every figure, its names and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt

from safevla.config.registry import COSTS, METHODS, SUITES

COLOUR_BLIND = sns.color_palette("colorblind")
TARGET_COLOUR = "#ffffff"  # of the outlines of what the robot looks for
_UNKNOWN = "#ca9161"  # of what no file defines
# who plays without having been trained by a method: label, colour
_UNTRAINED = {
    "expert": ("Expert (shortest path)", "#949494"),
    "expert_careful": ("Expert (careful)", "#56b4e9"),
    "imitation": ("Imitation (SPOC)", "#0173b2"),
}


def method_label(method: str) -> str:
    """A method's name in figures, from its file."""
    if method in _UNTRAINED:
        return _UNTRAINED[method][0]
    return METHODS.constant(method, "LABEL", method) if method in METHODS.names() else method


def method_colour(method: str) -> str:
    """A method's colour, from its file."""
    if method in _UNTRAINED:
        return _UNTRAINED[method][1]
    return METHODS.constant(method, "COLOUR", _UNKNOWN) if method in METHODS.names() else _UNKNOWN


def methods_in(table: pd.DataFrame) -> list[str]:
    """The methods of a table in the order of legends: who is untrained, then the methods as their files are named."""
    there = set(table["method"])
    known = [*_UNTRAINED, *METHODS.names()]
    return [method for method in known if method in there] + sorted(there - set(known))


def component_label(cost: str) -> str:
    """A cost component's name in figures, from its file."""
    return COSTS.constant(cost, "LABEL", cost.replace("_", " ")) if cost in COSTS.names() else cost.replace("_", " ")


def component_colour(cost: str) -> str:
    """A cost component's colour, from its file."""
    return COSTS.constant(cost, "COLOUR", _UNKNOWN) if cost in COSTS.names() else _UNKNOWN


def suite_label(suite: str) -> str:
    """A suite's name in figures, from its file."""
    return SUITES.constant(suite, "LABEL", suite.replace("_", " ")) if suite in SUITES.names() else suite.replace("_", " ")


@contextmanager
def defaults() -> Iterator[None]:
    """Matplotlib as it comes, whatever the user's own matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


@contextmanager
def style() -> Iterator[None]:
    """The one look of every figure, on every machine."""
    with (
        defaults(),
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context(
            {"figure.constrained_layout.use": True, "axes.titleweight": "bold", "savefig.facecolor": "white", "pdf.fonttype": 42}
        ),
    ):
        yield
        interactive = matplotlib.is_interactive()
    matplotlib.interactive(interactive)  # which a notebook's first figure turns on, and without which no other is shown


def save(figure: plt.Figure, folder: Path, name: str, dpi: int) -> None:
    """Write name.png and name.pdf, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=dpi, metadata={"Software": None})
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    plt.close(figure)
