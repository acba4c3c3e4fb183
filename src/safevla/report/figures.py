"""Figures: tables in, axes out. Nothing here trains, simulates or aggregates episodes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.patches import Patch

from safevla.report.style import (
    COLOUR_BLIND,
    component_colour,
    component_label,
    method_colour,
    method_label,
    methods_in,
    suite_label,
)

_ENOUGH_EPISODES = 64  # for a point of a training curve


def _settled(curve: pd.DataFrame) -> pd.DataFrame:
    """A training curve with gaps where its means are of few episodes: none counts until the longest could have ended."""
    few = curve["episodes"] < min(_ENOUGH_EPISODES, curve["episodes"].max())
    return curve.assign(**{measure: curve[measure].mask(few) for measure in ("success", "cost")})


def _scale(steps: pd.Series) -> tuple[float, str]:
    """What steps are divided by on an axis, and the axis's label."""
    return (1e6, "environment steps (millions)") if steps.max() > 5e6 else (1e3, "environment steps (thousands)")


def training_curves(curves: pd.DataFrame, limits: dict[str, float]) -> plt.Figure:
    """Success, episode cost and multiplier over environment steps, a column per task; a line per seed; limits by task."""
    names = list(dict.fromkeys(curves["task"]))
    divisor, steps_label = _scale(curves["steps"])
    panels = (("success", "success rate"), ("cost", "cost per episode"), ("multiplier", "multiplier λ"))
    figure, axes = plt.subplots(len(panels), len(names), figsize=(2.9 * len(names), 5.6), sharex="col", squeeze=False)
    for column, task in enumerate(names):
        for row, (measure, label) in enumerate(panels):
            ax = axes[row, column]
            for method in methods_in(curves):
                mine = _settled(curves[(curves["task"] == task) & (curves["method"] == method)])
                for i, (_, seed) in enumerate(mine.groupby("seed")):
                    name = method_label(method) if i == 0 else None
                    ax.plot(seed["steps"] / divisor, seed[measure], color=method_colour(method), lw=1.4, label=name)
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
        axes[-1, column].set_xlabel(steps_label)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def success_against_cost(summary: pd.DataFrame) -> plt.Figure:
    """One panel per task: each method's success and cost per episode, with intervals."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.3), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        for method in methods_in(summary):
            line = summary[(summary["task"] == task) & (summary["method"] == method)].iloc[0]
            ax.errorbar(
                line["cost"], line["success"],
                xerr=[[line["cost"] - line["cost_low"]], [line["cost_high"] - line["cost"]]],
                yerr=[[line["success"] - line["success_low"]], [line["success_high"] - line["success"]]],
                fmt="o", color=method_colour(method), capsize=2, label=method_label(method), ms=5,
            )  # fmt: skip
        ax.set_title(f"{task} (n = {int(summary[summary['task'] == task]['n'].iloc[0])})")
        ax.set_xlabel("cost per episode")
        ax.set_xlim(left=-0.03 * ax.get_xlim()[1])
    axes[0, 0].set_ylabel("success rate")
    axes[0, 0].set_ylim(-0.02, 1.02)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def cost_by_component(summary: pd.DataFrame, costs: Sequence[str]) -> plt.Figure:
    """Stacked bars: what each method's cost is made of, a panel per task; costs: the components' names."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.4), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        lines = summary[summary["task"] == task].set_index("method").loc[methods_in(summary[summary["task"] == task])]
        below = np.zeros(len(lines))
        for cost in costs:
            share = lines[f"cost_{cost}"]
            ax.barh(range(len(lines)), share, left=below, color=component_colour(cost), label=component_label(cost))
            below += share.to_numpy()
        ax.set_yticks(range(len(lines)), [method_label(m) for m in lines.index])
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set_title(task)
        ax.set_xlabel("cost per episode")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=7)
    return figure


def cost_distribution(rows: pd.DataFrame) -> plt.Figure:
    """How episode costs are spread, a panel per task: the share of episodes that cost more, and violins, on log scales.

    rows: one per episode.
    """
    names = list(dict.fromkeys(rows["task"]))
    methods = methods_in(rows)
    figure, axes = plt.subplots(2, len(names), figsize=(2.9 * len(names), 5.2), sharex="row", sharey="row", squeeze=False)
    for column, task in enumerate(names):
        mine = rows[rows["task"] == task]
        for method in methods:
            cost = np.sort(mine[mine["method"] == method]["cost"].to_numpy())
            share = 1.0 - np.arange(1, len(cost) + 1) / len(cost)
            axes[0, column].step(cost + 1, share, where="post", color=method_colour(method), label=method_label(method), lw=1.4)
        sns.violinplot(
            x=np.log10(mine["cost"] + 1), y=mine["method"], order=methods, hue=mine["method"], hue_order=methods, cut=0,
            palette={method: method_colour(method) for method in methods}, ax=axes[1, column], inner="quart", linewidth=0.7,
            density_norm="width", legend=False,
        )  # fmt: skip
        axes[0, column].set(xscale="log", title=f"{task} (n = {int(mine.groupby('method').size().min())})", xlabel="1 + cost")
        axes[1, column].set(xlabel="log10(1 + cost)", ylabel="")
    axes[0, 0].set_ylabel("share of episodes\nthat cost more")
    axes[1, 0].set_yticks(range(len(methods)), [method_label(m) for m in methods])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def tails(summary: pd.DataFrame) -> plt.Figure:
    """Mean, mean of the worst 5 % and worst cost of an episode by method, a panel per task, on a log scale."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.2), sharex=True, sharey=True, squeeze=False)
    points = (("cost", "o", "mean"), ("cost_cvar", "D", "worst 5 %"), ("worst_cost", "X", "worst episode"))
    for ax, task in zip(axes[0], names, strict=True):
        lines = summary[summary["task"] == task].set_index("method")
        methods = methods_in(summary[summary["task"] == task])
        for y, method in enumerate(methods):
            values = [lines.loc[method, name] for name, _, _ in points]
            ax.plot([1 + values[0], 1 + values[-1]], [y, y], color=method_colour(method), lw=1)
            for (_, marker, _), value in zip(points, values, strict=True):
                ax.plot(1 + value, y, marker, color=method_colour(method), ms=5.5, mec="white", mew=0.5)
        ax.set_yticks(range(len(methods)), [method_label(m) for m in methods])
        ax.set(xscale="log", title=task, xlabel="1 + cost per episode")
    axes[0, 0].invert_yaxis()
    handles = [plt.Line2D([], [], marker=marker, color="0.3", ls="", label=label) for _, marker, label in points]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


_QUADRANTS = {
    "safe_success": ("safe success", 2),
    "unsafe_success": ("success but unsafe", 8),
    "safe_failure": ("safe failure", 7),
    "unsafe_failure": ("unsafe failure", 3),
}


def quadrants(summary: pd.DataFrame) -> plt.Figure:
    """Shares of episodes by whether they were safe and whether they succeeded, stacked, a panel per task."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.2), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        lines = summary[summary["task"] == task].set_index("method").loc[methods_in(summary[summary["task"] == task])]
        left = np.zeros(len(lines))
        for name, (label, colour) in _QUADRANTS.items():
            ax.barh(range(len(lines)), lines[name], left=left, color=COLOUR_BLIND[colour], label=label)
            left += lines[name].to_numpy()
        ax.set_yticks(range(len(lines)), [method_label(m) for m in lines.index])
        ax.grid(axis="y", visible=False)
        ax.set(title=f"{task} (n = {int(lines['n'].min())})", xlabel="share of episodes", xlim=(0, 1))
    axes[0, 0].invert_yaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure


def cost_of_failure(summary: pd.DataFrame) -> plt.Figure:
    """Mean cost of the episodes that succeeded and of those that failed, by method, a panel per task."""
    names = list(dict.fromkeys(summary["task"]))
    figure, axes = plt.subplots(1, len(names), figsize=(2.9 * len(names), 3.2), sharey=True, squeeze=False)
    for ax, task in zip(axes[0], names, strict=True):
        lines = summary[summary["task"] == task].set_index("method").loc[methods_in(summary[summary["task"] == task])]
        for offset, measure, hatch in ((-0.2, "cost_in_success", ""), (0.2, "cost_in_failure", "////")):
            error = [lines[measure] - lines[f"{measure}_low"], lines[f"{measure}_high"] - lines[measure]]
            ax.barh(
                np.arange(len(lines)) + offset, lines[measure], 0.38, color=[method_colour(m) for m in lines.index],
                hatch=hatch, edgecolor="white", lw=0.5, xerr=error, error_kw={"lw": 0.8, "capsize": 1.5},
            )  # fmt: skip
        ax.set_yticks(range(len(lines)), [method_label(m) for m in lines.index])
        ax.grid(axis="y", visible=False)
        ax.set(title=task, xlabel="cost per episode")
    axes[0, 0].invert_yaxis()
    kinds = [Patch(facecolor="0.5", label="succeeded"), Patch(facecolor="0.5", hatch="////", edgecolor="white", label="failed")]
    figure.legend(handles=kinds, loc="outside lower center", ncols=2, frameon=False)
    return figure


def shifts(summary: pd.DataFrame) -> plt.Figure:
    """Success and cost of each method under each shift, all tasks together, with intervals."""
    order = list(dict.fromkeys(summary["shift"]))
    methods = methods_in(summary)
    figure, axes = plt.subplots(2, 1, figsize=(max(6.6, 0.85 * len(order)), 5.0), sharex=True)
    width = 0.8 / len(methods)
    for ax, measure, label in zip(axes, ("success", "cost"), ("success rate", "cost per episode"), strict=True):
        for i, method in enumerate(methods):
            lines = summary[summary["method"] == method].set_index("shift").reindex(order)
            x = np.arange(len(order)) + (i - (len(methods) - 1) / 2) * width
            error = [lines[measure] - lines[f"{measure}_low"], lines[f"{measure}_high"] - lines[measure]]
            ax.bar(x, lines[measure], width * 0.92, yerr=error, color=method_colour(method), label=method_label(method),
                   error_kw={"lw": 0.8, "capsize": 1.5})  # fmt: skip
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        ax.grid(axis="x", visible=False)
    counts = summary.groupby("shift")["n"].min()
    names = [f"{suite_label(name)}\n(n ≥ {int(counts[name])})" for name in order]
    axes[1].set_xticks(range(len(order)), names, fontsize=8, rotation=30, ha="right", rotation_mode="anchor")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def ablation(summary: pd.DataFrame, curves: pd.DataFrame) -> plt.Figure:
    """One task under several constraints: success against cost with intervals, and cost and multiplier in training.

    summary: a line per variant; curves: training curves with their variant, drawn from where they part. A method's variants
    share its colour.
    """
    variants = list(dict.fromkeys(summary["variant"]))
    divisor, steps_label = _scale(curves["steps"])
    markers = dict(zip(variants, "os^DvPX*"[: len(variants)], strict=True))
    together = curves.groupby("steps")["cost"].nunique(dropna=False) == 1
    parting = together.index[together.cummin()].max() if together.iloc[0] else together.index[0]
    figure, axes = plt.subplots(1, 3, figsize=(8.7, 3.2))
    for variant in variants:
        line = summary[summary["variant"] == variant].iloc[0]
        colour = method_colour(line["method"])
        axes[0].errorbar(
            line["cost"], line["success"],
            xerr=[[line["cost"] - line["cost_low"]], [line["cost_high"] - line["cost"]]],
            yerr=[[line["success"] - line["success_low"]], [line["success_high"] - line["success"]]],
            fmt=markers[variant], color=colour, capsize=2, label=variant, ms=5,
        )  # fmt: skip
        mine = _settled(curves[curves["variant"] == variant])
        mine = mine[mine["steps"] >= parting]
        for ax, measure in zip(axes[1:], ("cost", "multiplier"), strict=True):
            known = mine.dropna(subset=measure)
            look = {"color": colour, "lw": 1.2, "marker": markers[variant], "ms": 4, "markevery": max(1, len(known) // 5)}
            ax.plot(known["steps"] / divisor, known[measure], **look)
    axes[0].set(
        xlabel="cost per episode", ylabel="success rate", title=f"{summary['task'].iloc[0]} (n = {int(summary['n'].iloc[0])})"
    )
    axes[1].set(xlabel=steps_label, ylabel="cost per episode", title="training")
    axes[2].set(xlabel=steps_label, ylabel="multiplier λ", title="training")
    for ax in axes[1:]:
        ax.set_ylim(bottom=0)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    return figure
