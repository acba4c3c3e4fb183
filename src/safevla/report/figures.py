"""Figures: tables in, axes out. Nothing here trains, simulates or aggregates episodes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.patches import Patch, Rectangle
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
_ENOUGH_EPISODES = 64  # for a point of a training curve
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
            for method in _methods(curves):
                mine = _settled(curves[(curves["task"] == task) & (curves["method"] == method)])
                for i, (_, seed) in enumerate(mine.groupby("seed")):
                    name = METHOD_LABELS[method] if i == 0 else None
                    ax.plot(seed["steps"] / divisor, seed[measure], color=METHOD_COLOURS[method], lw=1.4, label=name)
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


def cost_distribution(rows: pd.DataFrame) -> plt.Figure:
    """How episode costs are spread, a panel per task: the share of episodes that cost more, and violins, on log scales.

    rows: one per episode.
    """
    names = list(dict.fromkeys(rows["task"]))
    methods = _methods(rows)
    figure, axes = plt.subplots(2, len(names), figsize=(2.9 * len(names), 5.2), sharex="row", sharey="row", squeeze=False)
    for column, task in enumerate(names):
        mine = rows[rows["task"] == task]
        for method in methods:
            cost = np.sort(mine[mine["method"] == method]["cost"].to_numpy())
            share = 1.0 - np.arange(1, len(cost) + 1) / len(cost)
            axes[0, column].step(cost + 1, share, where="post", color=METHOD_COLOURS[method], label=METHOD_LABELS[method], lw=1.4)
        sns.violinplot(
            x=np.log10(mine["cost"] + 1), y=mine["method"], order=methods, hue=mine["method"], hue_order=methods, cut=0,
            palette=METHOD_COLOURS, ax=axes[1, column], inner="quart", linewidth=0.7, density_norm="width", legend=False,
        )  # fmt: skip
        axes[0, column].set(xscale="log", title=f"{task} (n = {int(mine.groupby('method').size().min())})", xlabel="1 + cost")
        axes[1, column].set(xlabel="log10(1 + cost)", ylabel="")
    axes[0, 0].set_ylabel("share of episodes\nthat cost more")
    axes[1, 0].set_yticks(range(len(methods)), [METHOD_LABELS[m] for m in methods])
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
        methods = _methods(summary[summary["task"] == task])
        for y, method in enumerate(methods):
            values = [lines.loc[method, name] for name, _, _ in points]
            ax.plot([1 + values[0], 1 + values[-1]], [y, y], color=METHOD_COLOURS[method], lw=1)
            for (_, marker, _), value in zip(points, values, strict=True):
                ax.plot(1 + value, y, marker, color=METHOD_COLOURS[method], ms=5.5, mec="white", mew=0.5)
        ax.set_yticks(range(len(methods)), [METHOD_LABELS[m] for m in methods])
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
        lines = summary[summary["task"] == task].set_index("method").loc[_methods(summary[summary["task"] == task])]
        left = np.zeros(len(lines))
        for name, (label, colour) in _QUADRANTS.items():
            ax.barh(range(len(lines)), lines[name], left=left, color=_COLOUR_BLIND[colour], label=label)
            left += lines[name].to_numpy()
        ax.set_yticks(range(len(lines)), [METHOD_LABELS[m] for m in lines.index])
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
        lines = summary[summary["task"] == task].set_index("method").loc[_methods(summary[summary["task"] == task])]
        for offset, measure, hatch in ((-0.2, "cost_in_success", ""), (0.2, "cost_in_failure", "////")):
            error = [lines[measure] - lines[f"{measure}_low"], lines[f"{measure}_high"] - lines[measure]]
            ax.barh(
                np.arange(len(lines)) + offset, lines[measure], 0.38, color=[METHOD_COLOURS[m] for m in lines.index],
                hatch=hatch, edgecolor="white", lw=0.5, xerr=error, error_kw={"lw": 0.8, "capsize": 1.5},
            )  # fmt: skip
        ax.set_yticks(range(len(lines)), [METHOD_LABELS[m] for m in lines.index])
        ax.grid(axis="y", visible=False)
        ax.set(title=task, xlabel="cost per episode")
    axes[0, 0].invert_yaxis()
    kinds = [Patch(facecolor="0.5", label="succeeded"), Patch(facecolor="0.5", hatch="////", edgecolor="white", label="failed")]
    figure.legend(handles=kinds, loc="outside lower center", ncols=2, frameon=False)
    return figure


def shifts(summary: pd.DataFrame) -> plt.Figure:
    """Success and cost of each method under each shift, all tasks together, with intervals."""
    order = list(dict.fromkeys(summary["shift"]))
    methods = _methods(summary)
    figure, axes = plt.subplots(2, 1, figsize=(max(6.6, 0.85 * len(order)), 5.0), sharex=True)
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
    names = [f"{name.replace('_', ' ')}\n(n ≥ {int(counts[name])})" for name in order]
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
        colour = METHOD_COLOURS[line["method"]]
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


def _path_so_far(ax: plt.Axes, trace: dict, step: int) -> None:
    """The map up to a step: the way, the robot and its heading, and every rule broken so far."""
    _draw_boxes(ax, trace["boxes"])
    path = np.asarray(trace["path"])
    x, z, yaw_deg = path[step]
    ax.plot(path[: step + 1, 0], path[: step + 1, 1], color="black", lw=1.2, zorder=5)
    ax.annotate(
        "", (x + 0.35 * np.sin(np.radians(yaw_deg)), z + 0.35 * np.cos(np.radians(yaw_deg))), (x, z),
        arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.5}, zorder=8,
    )  # fmt: skip
    ax.plot(x, z, "o", color="white", mec="black", ms=8, zorder=7)
    cost = np.asarray(trace["step_costs"])[:step]
    for i, (column, label) in enumerate(COMPONENT_LABELS.items()):
        at = np.flatnonzero(cost[:, i] > 0) if len(cost) else []
        if len(at):
            ax.scatter(
                path[at + 1, 0], path[at + 1, 1], s=28 + 14 * i, facecolors="none", lw=1.4,
                edgecolors=[COMPONENT_COLOURS[column]], zorder=6, label=label,
            )  # fmt: skip
    for hazard in trace["hazards"]:
        column = f"cost_{hazard['kind']}"
        ax.plot(hazard["x"], hazard["z"], "P", color=COMPONENT_COLOURS[column], mec="white", ms=6, alpha=0.7, zorder=4)
    _as_map(ax)
    if len(cost) and cost.any():
        ax.legend(loc="upper right", fontsize=6, frameon=True)


def episode_step(trace: dict, pictures: np.ndarray, step: int, action_names: Sequence[str]) -> plt.Figure:
    """An episode at one step: both cameras, the map so far, cost so far, and what the policy thinks of doing next.

    pictures (T + 1, C, H, W, 3); step 0 to T, where T is after the last action.
    """
    n_steps = len(trace["actions"])
    figure = plt.figure(figsize=(9.6, 5.4))
    grid = figure.add_gridspec(2, 3, width_ratios=(1.1, 1.6, 1.2))
    for c, camera in enumerate(trace["cameras"]):
        ax = figure.add_subplot(grid[c, 0])
        ax.imshow(pictures[step, c])
        ax.set_title(camera, fontsize=8, fontweight="normal")
        ax.axis("off")
    _path_so_far(figure.add_subplot(grid[:, 1]), trace, step)
    ax = figure.add_subplot(grid[0, 2])
    so_far = np.concatenate([[0.0], np.asarray(trace["step_costs"]).sum(1).cumsum()])
    ax.step(range(n_steps + 1), so_far, where="post", color="0.8", lw=1.2)
    ax.step(range(step + 1), so_far[: step + 1], where="post", color=_COLOUR_BLIND[3], lw=1.8, label="cost so far")
    if trace["cost_values"]:
        ax.plot(range(n_steps), trace["cost_values"], color=_COLOUR_BLIND[4], lw=1.2, label="cost critic: still to come")
    ax.axvline(step, color="0.5", lw=0.8)
    expected = trace["cost_values"] or [0.0]
    ax.set(xlabel="step", ylim=(min(0.0, *expected), 1.05 * max(1.0, so_far[-1], *expected)))
    ax.legend(fontsize=7, frameon=False)
    ax = figure.add_subplot(grid[1, 2])
    if step < n_steps and trace["probabilities"]:
        chances = np.asarray(trace["probabilities"][step])
        order = np.argsort(-chances)[:7]
        taken = trace["actions"][step]
        ax.barh(range(len(order)), chances[order], color=[_COLOUR_BLIND[2] if a == taken else "0.7" for a in order])
        ax.set_yticks(range(len(order)), [action_names[a] for a in order])
        ax.set(xlim=(0, 1), xlabel="probability (green: what it did)")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
    else:
        outcome = "succeeded" if trace["success"] else "failed"
        said = f"then: {action_names[trace['actions'][step]]}" if step < n_steps else f"the episode {outcome}"
        ax.text(0.5, 0.5, said, ha="center", va="center")
        ax.axis("off")
    figure.suptitle(f"“{trace['instruction']}”, {METHOD_LABELS.get(trace['method'], trace['method'])}, step {step} of {n_steps}")
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
            "cost_cvar": summary["cost_cvar"].round(2),
            "unsafe_success": summary["unsafe_success"].round(3),
            "violation_free": summary["violation_free"].round(3),
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
