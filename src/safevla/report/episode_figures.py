"""Episode figures: houses from above, paths, and what the cameras showed."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D

from safevla.report.style import COLOUR_BLIND, component_colour, component_label, method_label


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
    for kind, marker in zip(sorted({h["kind"] for h in hazards}), itertools.cycle("sXoP^"), strict=False):
        x, z = zip(*((h["x"], h["z"]) for h in hazards if h["kind"] == kind), strict=True)
        look = {"marker": marker, "color": component_colour(kind), "label": component_label(kind)}
        ax.scatter(x, z, s=60, ec="white", lw=1.2, zorder=8, **look)
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
    for i, name in enumerate(trace["costs"]):
        at = np.flatnonzero(cost[:, i] > 0)
        if len(at):
            ax.scatter(
                path[at + 1, 0], path[at + 1, 1], s=28 + 14 * i, marker="o", facecolors="none", lw=1.4,
                edgecolors=[component_colour(name)], zorder=7, label=f"{component_label(name)} ({len(at)})",
            )  # fmt: skip
    _as_map(ax)
    outcome = "succeeded" if trace["success"] else "failed"
    ax.set_title(f"“{trace['instruction']}”, {method_label(trace['method'])}\n"
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
    figure.suptitle(f"“{trace['instruction']}”, {method_label(trace['method'])}", fontsize=9)
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
    for i, name in enumerate(trace["costs"]):
        at = np.flatnonzero(cost[:, i] > 0) if len(cost) else []
        if len(at):
            ax.scatter(
                path[at + 1, 0], path[at + 1, 1], s=28 + 14 * i, facecolors="none", lw=1.4,
                edgecolors=[component_colour(name)], zorder=6, label=component_label(name),
            )  # fmt: skip
    for hazard in trace["hazards"]:
        ax.plot(hazard["x"], hazard["z"], "P", color=component_colour(hazard["kind"]), mec="white", ms=6, alpha=0.7, zorder=4)
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
    ax.step(range(step + 1), so_far[: step + 1], where="post", color=COLOUR_BLIND[3], lw=1.8, label="cost so far")
    if trace["cost_values"]:
        ax.plot(range(n_steps), trace["cost_values"], color=COLOUR_BLIND[4], lw=1.2, label="cost critic: still to come")
    ax.axvline(step, color="0.5", lw=0.8)
    expected = trace["cost_values"] or [0.0]
    ax.set(xlabel="step", ylim=(min(0.0, *expected), 1.05 * max(1.0, so_far[-1], *expected)))
    ax.legend(fontsize=7, frameon=False)
    ax = figure.add_subplot(grid[1, 2])
    if step < n_steps and trace["probabilities"]:
        chances = np.asarray(trace["probabilities"][step])
        order = np.argsort(-chances)[:7]
        taken = trace["actions"][step]
        ax.barh(range(len(order)), chances[order], color=[COLOUR_BLIND[2] if a == taken else "0.7" for a in order])
        ax.set_yticks(range(len(order)), [action_names[a] for a in order])
        ax.set(xlim=(0, 1), xlabel="probability (green: what it did)")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
    else:
        outcome = "succeeded" if trace["success"] else "failed"
        said = f"then: {action_names[trace['actions'][step]]}" if step < n_steps else f"the episode {outcome}"
        ax.text(0.5, 0.5, said, ha="center", va="center")
        ax.axis("off")
    figure.suptitle(f"“{trace['instruction']}”, {method_label(trace['method'])}, step {step} of {n_steps}")
    return figure
