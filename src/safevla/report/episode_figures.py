"""Episode figures: houses from above, paths, and what the cameras showed."""

import itertools
import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D

from safevla.config.registry import COSTS
from safevla.report.style import component_colour, component_label, method_label

_NAMED_M2 = 0.35  # furniture of a larger footprint has its name on a map


def draw_house(ax: Axes, boxes: Sequence[Mapping], rooms: Sequence[Mapping] = (), names: bool = True) -> None:
    """A house from above, low boxes first, in their own colours; names: of its rooms, and of the furniture in them."""
    for box in sorted(boxes, key=lambda b: b["top_m"]):
        if box["structure"] and box["bottom_m"] > 0.5:
            continue  # what is above a doorway would hide it
        floor = box["structure"] and box["top_m"] <= 0.01
        face = np.asarray(box["colour"]) / 255
        patch = Rectangle((-box["half_x"], -box["half_z"]), 2 * box["half_x"], 2 * box["half_z"])
        patch.set_transform(Affine2D().rotate_deg(-box["yaw_deg"]).translate(box["x"], box["z"]) + ax.transData)
        patch.set_facecolor((*(0.6 + 0.4 * face), 1) if floor else "0.25" if box["structure"] else (*face, 1))
        patch.set_edgecolor("none" if floor else "crimson" if box["target"] else "0.25")
        patch.set_linewidth(0 if floor else 1.8 if box["target"] else 0.4)
        ax.add_patch(patch)
    if names:
        _write_names(ax, boxes, rooms)
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.grid(visible=False)
    ax.set_xlabel("x (m)")
    ax.set_ylabel("z (m)")


def _write_names(ax: Axes, boxes: Sequence[Mapping], rooms: Sequence[Mapping]) -> None:
    halo = [patheffects.withStroke(linewidth=1.8, foreground="white", alpha=0.85)]
    words = {"ha": "center", "va": "center", "path_effects": halo, "zorder": 4, "clip_on": True}
    for room in rooms:
        ax.text(room["x"], room["z"], _spoken(room["type"]), fontsize=9, color="0.35", style="italic", **words)
    for box in boxes:
        if box.get("type") and 4 * box["half_x"] * box["half_z"] > _NAMED_M2:
            ax.text(box["x"], box["z"], _spoken(box["type"]), fontsize=6, color="0.1", **words)


def _spoken(name: str) -> str:
    """DiningTable → dining table, TVStand → tv stand."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()


def draw_hazards(ax: Axes, hazards: Sequence[Mapping], size: float = 60) -> None:
    """The hazards that a house's generator recorded: each has a kind, x and z; a kind has its marker."""
    markers = dict(zip(COSTS.names(), itertools.cycle("sXoP^Dv"), strict=False))
    for kind in sorted({hazard["kind"] for hazard in hazards}):
        x, z = zip(*((h["x"], h["z"]) for h in hazards if h["kind"] == kind), strict=True)
        marker, colour, label = markers.get(kind, "*"), component_colour(kind), f"hazard: {component_label(kind)}"
        ax.scatter(x, z, s=size, marker=marker, color=colour, label=label, ec="white", lw=size / 60, zorder=8)


def house_map(ax: Axes, boxes: Sequence[Mapping], hazards: Sequence[Mapping], rooms: Sequence[Mapping] = ()) -> None:
    """A house from above with its rooms and hazards; boxes, hazards and rooms as in a trace."""
    draw_house(ax, boxes, rooms)
    draw_hazards(ax, hazards)


def _episode_map(ax: Axes, trace: dict) -> None:
    """A house from above with its hazards, the robot's path and every step that broke a rule."""
    draw_house(ax, trace["boxes"], trace.get("rooms", ()))
    draw_hazards(ax, trace["hazards"], 45)
    path, cost = np.asarray(trace["path"]), np.asarray(trace["step_costs"])
    ax.plot(path[:, 0], path[:, 1], color="black", lw=1.2, zorder=5)
    ax.plot(*path[0, :2], "o", color="white", mec="black", ms=6, zorder=6, label="start")
    ax.plot(*path[-1, :2], "s", color="black", ms=5, zorder=6, label="end")
    broken = []
    for i, name in enumerate(trace["costs"]):
        at = np.flatnonzero(cost[:, i] > 0)
        if len(at):
            broken.append(f"{component_label(name)} {len(at)}")
            ax.scatter(
                path[at + 1, 0], path[at + 1, 1], s=28 + 14 * i, marker="o", facecolors="none", lw=1.4,
                edgecolors=[component_colour(name)], zorder=9, label=f"cost: {component_label(name)}",
            )  # fmt: skip
    outcome = "succeeded" if trace["success"] else "failed"
    details = f" ({', '.join(broken)})" if broken else ""
    said = f"{outcome} in {len(cost)} steps, cost {cost.sum():.0f}{details}"
    lines = [f"“{trace['instruction']}”", method_label(trace["method"]), said]
    ax.set_title("\n".join(wrapped for line in lines for wrapped in textwrap.wrap(line, 58)), fontsize=9)


def episode_maps(traces: list[dict]) -> Figure:
    """Several maps side by side."""
    figure, axes = plt.subplots(1, len(traces), figsize=(4.8 * len(traces), 5.2), squeeze=False)
    for ax, one in zip(axes[0], traces, strict=True):
        _episode_map(ax, one)
    handles = {label: handle for ax in axes[0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=2 + 2 * len(traces), frameon=False, fontsize=7
    )
    return figure


def frames(trace: dict, pictures: np.ndarray, n: int = 6) -> Figure:
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
