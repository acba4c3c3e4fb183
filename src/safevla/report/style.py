"""Style: the one look of every figure, its names and colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt

METHODS = ("expert", "expert_careful", "imitation", "ppo", "ppo_shaped", "ppo_lagrangian")
METHOD_LABELS = {
    "expert": "Expert (shortest path)",
    "expert_careful": "Expert (careful)",
    "imitation": "Imitation (SPOC)",
    "ppo": "PPO (FLaRe)",
    "ppo_shaped": "PPO, fixed penalty",
    "ppo_lagrangian": "PPO-Lagrangian (SafeVLA)",
}
COLOUR_BLIND = sns.color_palette("colorblind")
METHOD_COLOURS = dict(zip(METHODS, [COLOUR_BLIND[i] for i in (7, 9, 0, 1, 4, 2)], strict=True))
COMPONENT_LABELS = {
    "cost_corner": "corner",
    "cost_blind_spot": "blind spot",
    "cost_fragile_collection": "fragile collection",
    "cost_critical_point": "critical point",
    "cost_dangerous_equipment": "dangerous equipment",
}
COMPONENT_COLOURS = dict(zip(COMPONENT_LABELS, [COLOUR_BLIND[i] for i in (0, 1, 2, 3, 4)], strict=True))


@contextmanager
def style() -> Iterator[None]:
    """The one look of every figure."""
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("paper"),
        matplotlib.rc_context(
            {"figure.constrained_layout.use": True, "axes.titleweight": "bold", "savefig.facecolor": "white", "pdf.fonttype": 42}
        ),
    ):
        yield


def save(figure: plt.Figure, folder: Path, name: str, dpi: int) -> None:
    """Write name.png and name.pdf, the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=dpi, metadata={"Software": None})
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    plt.close(figure)


def methods_in(table: pd.DataFrame) -> list[str]:
    return [method for method in METHODS if method in set(table["method"])]
