"""Figures: tables in, axes out. Nothing here trains, simulates or aggregates episodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D

METHODS = ("expert", "expert_careful", "imitation", "ppo", "ppo_shaped", "ppo_lagrangian")
METHOD_LABELS = {
    "expert": "Expert (shortest path)",
    "expert_careful": "Expert (careful)",
    "imitation": "Imitation (SPOC)",
    "ppo": "PPO (FLaRe)",
    "ppo_shaped": "PPO, fixed penalty",
    "ppo_lagrangian": "PPO-Lagrangian (SafeVLA)",
}
_COLOUR_BLIND = sns.color_palette("colorblind")
METHOD_COLOURS = dict(zip(METHODS, [_COLOUR_BLIND[i] for i in (7, 9, 0, 1, 4, 2)], strict=True))
_ENOUGH_EPISODES = 200  # for a point of a training curve
COMPONENT_LABELS = {
    "cost_corner": "corner",
    "cost_blind_spot": "blind spot",
    "cost_fragile_collection": "fragile collection",
    "cost_critical_point": "critical point",
    "cost_dangerous_equipment": "dangerous equipment",
}
COMPONENT_COLOURS = dict(zip(COMPONENT_LABELS, [_COLOUR_BLIND[i] for i in (0, 1, 2, 3, 4)], strict=True))

# Published means in AI2-THOR (arXiv 2503.03480); to be checked against the paper's main table, see the README.
PUBLISHED = pd.DataFrame(
    [
        ("ObjectNav", "ppo", 0.822, 12.356), ("ObjectNav", "ppo_lagrangian", 0.865, 1.854),
        ("Pickup", "ppo", 0.912, 7.076), ("Pickup", "ppo_lagrangian", 0.928, 0.372),
        ("Fetch", "ppo", 0.605, 43.364), ("Fetch", "ppo_lagrangian", 0.637, 8.084),
    ],
    columns=["task", "method", "published_success", "published_cost"],
)  # fmt: skip


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


def _methods(table: pd.DataFrame) -> list[str]:
    return [method for method in METHODS if method in set(table["method"])]


def _settled(curve: pd.DataFrame) -> pd.DataFrame:
    """A training curve from where its means are of many episodes: short ones end first, so the first few say little."""
    return curve[curve["episodes"] >= min(_ENOUGH_EPISODES, curve["episodes"].max())]


def training_curves(curves: pd.DataFrame, limits: dict[str, float]) -> plt.Figure:
    """Success, episode cost and multiplier over environment steps, a column per task; a line per seed; limits by task."""
    names = list(dict.fromkeys(curves["task"]))
    panels = (("success", "success rate"), ("cost", "cost per episode"), ("multiplier", "multiplier λ"))
    figure, axes = plt.subplots(len(panels), len(names), figsize=(2.9 * len(names), 5.6), sharex="col", squeeze=False)
    for column, task in enumerate(names):
        for row, (measure, label) in enumerate(panels):
            ax = axes[row, column]
            for method in _methods(curves):
                mine = _settled(curves[(curves["task"] == task) & (curves["method"] == method)])
                for i, (_, seed) in enumerate(mine.groupby("seed")):
                    name = METHOD_LABELS[method] if i == 0 else None
                    ax.plot(seed["steps"] / 1000, seed[measure], color=METHOD_COLOURS[method], lw=1.4, label=name)
            if measure == "cost":
                ax.axhline(limits[task], color="0.35", ls="--", lw=1)
                ax.annotate(
                    "limit",
                    (1, limits[task]),
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    va="bottom",
                    fontsize=7,
                    color="0.35",
                )
            ax.set_ylim(bottom=0)
            ax.set_ylabel(label if column == 0 else "")
        axes[0, column].set_title(task)
        axes[-1, column].set_xlabel("environment steps (thousands)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def success_against_cost(summary: pd.DataFrame) -> plt.Figure:
    """One panel per task: each method's success and cost per episode, with intervals."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.3), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        for method in _methods(summary):
            line = summary[(summary["task"] == task) & (summary["method"] == method)].iloc[0]
            ax.errorbar(
                line["cost"], line["success"],
                xerr=[[line["cost"] - line["cost_low"]], [line["cost_high"] - line["cost"]]],
                yerr=[[line["success"] - line["success_low"]], [line["success_high"] - line["success"]]],
                fmt="o", color=METHOD_COLOURS[method], capsize=2, label=METHOD_LABELS[method], ms=5,
            )  # fmt: skip
        ax.set_title(f"{task} (n = {int(summary[summary['task'] == task]['n'].iloc[0])})")
        ax.set_xlabel("cost per episode")
        ax.set_xlim(left=-0.03 * ax.get_xlim()[1])
    axes[0, 0].set_ylabel("success rate")
    axes[0, 0].set_ylim(-0.02, 1.02)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def cost_by_component(summary: pd.DataFrame) -> plt.Figure:
    """Stacked bars: what each method's cost is made of, a panel per task."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.4), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        lines = summary[summary["task"] == task].set_index("method").loc[_methods(summary[summary["task"] == task])]
        below = np.zeros(len(lines))
        for column, label in COMPONENT_LABELS.items():
            ax.barh(range(len(lines)), lines[column], left=below, color=COMPONENT_COLOURS[column], label=label)
            below += lines[column].to_numpy()
        ax.set_yticks(range(len(lines)), [METHOD_LABELS[m] for m in lines.index])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_title(task)
        ax.set_xlabel("cost per episode")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=7)
    return figure


def shifts(summary: pd.DataFrame) -> plt.Figure:
    """Success and cost of each method under each shift, all tasks together, with intervals."""
    order = list(dict.fromkeys(summary["shift"]))
    methods = _methods(summary)
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 4.6), sharex=True)
    width = 0.8 / len(methods)
    for ax, measure, label in zip(axes, ("success", "cost"), ("success rate", "cost per episode"), strict=True):
        for i, method in enumerate(methods):
            lines = summary[summary["method"] == method].set_index("shift").reindex(order)
            x = np.arange(len(order)) + (i - (len(methods) - 1) / 2) * width
            error = [lines[measure] - lines[f"{measure}_low"], lines[f"{measure}_high"] - lines[measure]]
            ax.bar(x, lines[measure], width * 0.92, yerr=error, color=METHOD_COLOURS[method], label=METHOD_LABELS[method],
                   error_kw={"lw": 0.8, "capsize": 1.5})  # fmt: skip
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        ax.grid(axis="x", visible=False)
    counts = summary.groupby("shift")["n"].min()
    axes[1].set_xticks(range(len(order)), [f"{name}\n(n ≥ {int(counts[name])})" for name in order])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def ablation(summary: pd.DataFrame, curves: pd.DataFrame) -> plt.Figure:
    """One task under several constraints: success against cost with intervals, and cost and multiplier in training.

    summary: a line per variant; curves: training curves with their variant. A method's variants share its colour.
    """
    variants = list(dict.fromkeys(summary["variant"]))
    markers = dict(zip(variants, "os^DvPX*"[: len(variants)], strict=True))
    figure, axes = plt.subplots(1, 3, figsize=(8.7, 3.2))
    for variant in variants:
        line = summary[summary["variant"] == variant].iloc[0]
        colour = METHOD_COLOURS[line["method"]]
        axes[0].errorbar(
            line["cost"], line["success"],
            xerr=[[line["cost"] - line["cost_low"]], [line["cost_high"] - line["cost"]]],
            yerr=[[line["success"] - line["success_low"]], [line["success_high"] - line["success"]]],
            fmt=markers[variant], color=colour, capsize=2, label=variant, ms=5,
        )  # fmt: skip
        mine = _settled(curves[curves["variant"] == variant])
        for ax, measure in zip(axes[1:], ("cost", "multiplier"), strict=True):
            ax.plot(mine["steps"] / 1000, mine[measure], color=colour, lw=1.2, marker=markers[variant], ms=4, markevery=0.2)
    axes[0].set(
        xlabel="cost per episode", ylabel="success rate", title=f"{summary['task'].iloc[0]} (n = {int(summary['n'].iloc[0])})"
    )
    axes[1].set(xlabel="environment steps (thousands)", ylabel="cost per episode", title="training")
    axes[2].set(xlabel="environment steps (thousands)", ylabel="multiplier λ", title="training")
    for ax in axes:
        ax.set_ylim(bottom=0)
    axes[0].set_xlim(left=0)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _draw_boxes(ax: plt.Axes, boxes: list[dict]) -> None:
    """The boxes of a house from above, low ones first."""
    for box in sorted(boxes, key=lambda b: b["top_m"]):
        if box["structure"] and box["bottom_m"] > 0.5:
            continue  # what is above a doorway would hide it
        floor = box["structure"] and box["top_m"] <= 0.01
        face = np.asarray(box["colour"]) / 255
        patch = Rectangle((-box["half_x"], -box["half_z"]), 2 * box["half_x"], 2 * box["half_z"])
        patch.set_transform(Affine2D().rotate_deg(-box["yaw_deg"]).translate(box["x"], box["z"]) + ax.transData)
        patch.set_facecolor((*(0.6 + 0.4 * face), 1) if floor else (*face, 1))
        patch.set_edgecolor("none" if floor else "crimson" if box["target"] else "0.25")
        patch.set_linewidth(0 if floor else 1.8 if box["target"] else 0.4)
        ax.add_patch(patch)


def _as_map(ax: plt.Axes) -> None:
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.grid(visible=False)
    ax.set_xlabel("x (m)")
    ax.set_ylabel("z (m)")


def house_map(ax: plt.Axes, boxes: list[dict], hazards: list[dict]) -> None:
    """A house from above with the hazards that its generator recorded; boxes as in a trace, hazards with kind, x and z."""
    _draw_boxes(ax, boxes)
    for (column, label), marker in zip(COMPONENT_LABELS.items(), "sXoP^", strict=True):
        at = [(h["x"], h["z"]) for h in hazards if f"cost_{h['kind']}" == column]
        if at:
            x, z = zip(*at, strict=True)
            ax.scatter(x, z, s=60, marker=marker, color=COMPONENT_COLOURS[column], ec="white", lw=1.2, zorder=8, label=label)
    _as_map(ax)


def episode_map(trace: dict, ax: plt.Axes | None = None) -> plt.Figure:
    """A house from above with the robot's path and every step that broke a rule."""
    figure = None
    if ax is None:
        figure, ax = plt.subplots(figsize=(5.2, 4.6))
    _draw_boxes(ax, trace["boxes"])
    path = np.asarray(trace["path"])
    ax.plot(path[:, 0], path[:, 1], color="black", lw=1.2, zorder=5)
    ax.plot(*path[0, :2], "o", color="white", mec="black", ms=6, zorder=6, label="start")
    ax.plot(*path[-1, :2], "s", color="black", ms=5, zorder=6, label="end")
    cost = np.asarray(trace["step_costs"])
    for i, (column, label) in enumerate(COMPONENT_LABELS.items()):
        at = np.flatnonzero(cost[:, i] > 0)
        if len(at):
            ax.scatter(
                path[at + 1, 0], path[at + 1, 1], s=28 + 14 * i, marker="o", facecolors="none", lw=1.4,
                edgecolors=[COMPONENT_COLOURS[column]], zorder=7, label=f"{label} ({len(at)})",
            )  # fmt: skip
    _as_map(ax)
    outcome = "succeeded" if trace["success"] else "failed"
    ax.set_title(f"“{trace['instruction']}”, {METHOD_LABELS.get(trace['method'], trace['method'])}\n"
                 f"{outcome} in {len(cost)} steps, cost {cost.sum():.0f}", fontsize=9)  # fmt: skip
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=7)
    return figure


def episode_maps(traces: list[dict]) -> plt.Figure:
    """Several maps side by side."""
    figure, axes = plt.subplots(1, len(traces), figsize=(4.6 * len(traces), 4.0), squeeze=False)
    for ax, one in zip(axes[0], traces, strict=True):
        episode_map(one, ax)
    return figure


def frames(trace: dict, pictures: np.ndarray, n: int = 6) -> plt.Figure:
    """What both cameras showed at n steps of an episode; pictures (T + 1, C, H, W, 3), before each step and at the end."""
    steps = np.unique(np.linspace(0, len(pictures) - 1, n).round().astype(int))
    n = len(steps)
    figure, axes = plt.subplots(2, n, figsize=(1.7 * n, 2.4), squeeze=False)
    for k in range(n):
        for c, camera in enumerate(trace["cameras"]):
            ax = axes[c, k]
            ax.imshow(pictures[steps[k], c])
            ax.set_xticks([])
            ax.set_yticks([])
            if k == 0:
                ax.set_ylabel(camera, fontsize=7)
        axes[0, k].set_title(f"step {steps[k]}", fontsize=7, fontweight="normal")
    figure.suptitle(f"“{trace['instruction']}”, {METHOD_LABELS.get(trace['method'], trace['method'])}", fontsize=9)
    return figure


def main_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Ours beside the published numbers: task × method, means with intervals."""

    def cell(line: pd.Series, measure: str) -> str:
        return f"{line[measure]:.3f} [{line[measure + '_low']:.3f}, {line[measure + '_high']:.3f}]"

    table = pd.DataFrame(
        {
            "task": summary["task"],
            "method": summary["method"],
            "n": summary["n"],
            "success": [cell(line, "success") for _, line in summary.iterrows()],
            "cost": [cell(line, "cost") for _, line in summary.iterrows()],
            "cost_per_step": summary["cost_per_step"].round(4),
            "cost_per_move": summary["cost_per_move"].round(4),
            "cost_in_success": summary["cost_in_success"].round(3),
            "worst_cost": summary["worst_cost"],
            "timed_out": summary["timed_out"].round(3),
            "wrong_done": summary["wrong_done"].round(3),
            "steps": summary["steps"].round(1),
            "spl": summary["spl"].round(3),
        }
    )
    return table.merge(PUBLISHED, on=["task", "method"], how="left")


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub Markdown."""

    def text(value) -> str:
        return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(text(v) for v in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n"
