"""Episode view: one step of an episode in one picture, for any step: cameras, map, costs, what the policy thinks."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from PIL import Image

from safevla.report import style
from safevla.report.episode_figures import draw_hazards, draw_house
from safevla.report.style import COLOUR_BLIND, component_colour, component_label, method_label

_ROBOT = np.array([(0.0, 0.26), (0.14, -0.16), (0.0, -0.08), (-0.14, -0.16)])  # an arrowhead, metres (right, ahead)
_N_BARS = 6
_INCHES = (12.8, 7.2)


class EpisodeView:
    """A figure of a traced episode, at step 0 to T, where T is after the last action.

    pictures (T + 1, C, H, W, 3): what people see; seen, likewise and smaller: what the policy saw, shown in a corner.
    """

    def __init__(
        self, trace: Mapping, pictures: np.ndarray, seen: np.ndarray | None, action_names: Sequence[str], dpi: int = 100
    ):  # fmt: skip
        self.trace, self.n_steps = trace, len(trace["actions"])
        self._pictures, self._seen, self._action_names = pictures, seen, action_names
        self._path, self._costs = np.asarray(trace["path"]), np.asarray(trace["step_costs"])
        self._so_far = np.concatenate([[0.0], self._costs.sum(1).cumsum()])
        with style.style():
            self.figure = Figure(figsize=_INCHES, dpi=dpi)
            self.figure.set_layout_engine("none")
            self._canvas = FigureCanvasAgg(self.figure)
            self._headings()
            self._cameras()
            self._map()
            self._cost_curve()
            self._thoughts()
        # what differs from step to step, in the order in which it is drawn
        self._moving = [self._said, self._cost_said, *self._camera_axes, self._way, *self._spots.values(), self._robot]
        self._moving += [self._curve, self._now, *([self._thought_axes] if self._bars else [])]
        self._background = None

    def array(self, step: int) -> np.ndarray:
        """The picture at a step, or at the last where the step lies beyond it, (H, W, 3) uint8."""
        self._set(min(step, self.n_steps))
        if self._background is None:
            for artist in self._moving:
                artist.set_animated(True)  # a canvas leaves it to us to draw these
            self._canvas.draw()
            self._background = self._canvas.copy_from_bbox(self.figure.bbox)
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            self.figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def file(self, step: int, format: str) -> bytes:
        """The picture at a step, as a "png" or "jpeg" file."""
        file = io.BytesIO()
        Image.fromarray(self.array(step)).save(file, format, **({"quality": 88} if format == "jpeg" else {}))
        return file.getvalue()

    def _set(self, step: int) -> None:
        cost = self._costs[step - 1] if step else np.zeros(len(self.trace["costs"]))
        broken = [name for name, charged in zip(self.trace["costs"], cost, strict=True) if charged > 0]
        self._show_headings(step)
        for image, tag, (c, ax) in zip(self._images, self._tags, enumerate(self._camera_axes), strict=True):
            image.set_data(self._pictures[step, c])
            tag.set_text(" + ".join(component_label(name) for name in broken) if c == 0 else "")
            for spine in ax.spines.values():
                spine.set(visible=bool(broken), linewidth=4, edgecolor=component_colour(broken[0]) if broken else "none")
        if self._seen is not None:
            for c, image in enumerate(self._small_images):
                image.set_data(self._seen[step, c])
        self._show_path(step)
        self._curve.set_data(range(step + 1), self._so_far[: step + 1])
        self._now.set_xdata([step, step])
        self._show_thoughts(step)

    # what stays -------------------------------------------------------------------------------------------

    def _headings(self) -> None:
        who = method_label(self.trace["method"])
        self.figure.text(0.012, 0.957, f"“{self.trace['instruction']}”", fontsize=15, weight="bold", va="center")
        self.figure.text(0.988, 0.957, who, fontsize=12, ha="right", va="center")
        self._said = self.figure.text(0.012, 0.915, "", fontsize=11, va="center")
        self._cost_said = self.figure.text(0.988, 0.915, "", fontsize=11, ha="right", va="center", color=COLOUR_BLIND[3])

    def _cameras(self) -> None:
        halo = [patheffects.withStroke(linewidth=3, foreground="black", alpha=0.7)]
        self._camera_axes, self._images, self._tags, self._small_images = [], [], [], []
        for c, name in enumerate(self.trace["cameras"]):
            ax = self.figure.add_axes((0.012, 0.455 - 0.44 * c, 0.418, 0.4335))
            self._camera_axes.append(ax)
            self._images.append(ax.imshow(self._pictures[0, c], aspect="auto"))
            ax.set(xticks=[], yticks=[])
            ax.text(0.012, 0.97, name, color="white", va="top", transform=ax.transAxes, path_effects=halo)
            tag = {"color": "white", "fontsize": 13, "weight": "bold", "ha": "right", "va": "top", "path_effects": halo}
            self._tags.append(ax.text(0.985, 0.97, "", transform=ax.transAxes, **tag))
            if self._seen is not None:
                height, width = self._seen.shape[2:4]
                small = ax.inset_axes((0.745, 0.02, 0.245, 0.245))
                self._small_images.append(small.imshow(self._seen[0, c], aspect="auto", interpolation="nearest"))
                small.set(xticks=[], yticks=[])
                for spine in small.spines.values():
                    spine.set(visible=True, edgecolor="white", linewidth=1.5)
                words = {"color": "white", "fontsize": 7, "ha": "right", "va": "bottom", "path_effects": halo}
                ax.text(0.988, 0.275, f"what a policy sees: {height}×{width}", transform=ax.transAxes, **words)

    def _map(self) -> None:
        ax = self._map_axes = self.figure.add_axes((0.475, 0.345, 0.513, 0.535))
        draw_house(ax, self.trace["boxes"], self.trace.get("rooms", ()))
        draw_hazards(ax, self.trace["hazards"], 45)
        ax.plot(*self._path[0, :2], "o", color="white", mec="black", ms=6, zorder=6)
        (self._way,) = ax.plot([], [], color="black", lw=1.5, zorder=5)
        self._robot = Polygon(_ROBOT, closed=True, fc="black", ec="white", lw=1.2, zorder=10)
        ax.add_patch(self._robot)
        self._spots = {
            name: ax.scatter([], [], s=60 + 30 * i, facecolors="none", lw=2, edgecolors=[component_colour(name)], zorder=9)
            for i, name in enumerate(self.trace["costs"])
        }
        charged = [name for i, name in enumerate(self.trace["costs"]) if self._costs[:, i].any()] if self.n_steps else []
        handles, _ = ax.get_legend_handles_labels()
        handles += [Line2D([], [], color="crimson", lw=1.8, label="target (in pictures: white)")]
        ring = {"marker": "o", "ls": "", "mfc": "none", "mew": 2, "ms": 8}
        for name in charged:
            handles.append(Line2D([], [], color=component_colour(name), label=f"cost: {component_label(name)}", **ring))
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
        ax.set_anchor("W")

    def _cost_curve(self) -> None:
        ax = self.figure.add_axes((0.475, 0.07, 0.24, 0.2))
        ax.step(range(self.n_steps + 1), self._so_far, where="post", color="0.8", lw=1.2)
        (self._curve,) = ax.step([], [], where="post", color=COLOUR_BLIND[3], lw=2, label="cost so far")
        expected = self.trace["cost_values"] or [0.0]
        if self.trace["cost_values"]:
            ax.plot(range(self.n_steps), expected, color=COLOUR_BLIND[4], lw=1.2, label="cost critic: still to come")
        self._now = ax.axvline(0, color="0.5", lw=0.8)
        ax.set(xlabel="step", xlim=(0, max(1, self.n_steps)))
        ax.set_ylim(min(0.0, *expected), 1.05 * max(1.0, self._so_far[-1], *expected))
        ax.legend(fontsize=7, frameon=False, loc="upper left")

    def _thoughts(self) -> None:
        self._bars = None
        if not self.trace["probabilities"]:
            return
        ax = self._thought_axes = self.figure.add_axes((0.825, 0.07, 0.163, 0.2))
        self._bars = ax.barh(range(_N_BARS), np.zeros(_N_BARS))
        ax.set(xlim=(0, 1), xlabel="probability (green: what it did)")
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)

    # what changes -----------------------------------------------------------------------------------------

    def _show_headings(self, step: int) -> None:
        if step < self.n_steps:
            doing = f"next: {self._action_names[self.trace['actions'][step]]}"
        else:
            doing = "the episode succeeded" if self.trace["success"] else "the episode failed"
        hit = self.trace["collided"][step - 1] if step else None
        hitting = f"     hit: {hit.split('|')[0]}" if hit else ""
        self._said.set_text(f"step {step} of {self.n_steps}     {doing}{hitting}")
        self._cost_said.set_text(f"cost so far: {self._so_far[step]:.0f}")

    def _show_path(self, step: int) -> None:
        x, z, yaw_deg = self._path[step]
        self._way.set_data(self._path[: step + 1, 0], self._path[: step + 1, 1])
        sine, cosine = np.sin(np.radians(yaw_deg)), np.cos(np.radians(yaw_deg))
        right, ahead = _ROBOT[:, 0], _ROBOT[:, 1]
        self._robot.set_xy(np.stack([x + right * cosine + ahead * sine, z - right * sine + ahead * cosine], 1))
        for i, spots in enumerate(self._spots.values()):
            spots.set_offsets(self._path[1 : step + 1, :2][self._costs[:step, i] > 0] if step else np.empty((0, 2)))

    def _show_thoughts(self, step: int) -> None:
        if self._bars is None:
            return
        self._thought_axes.set_visible(step < self.n_steps)
        if step < self.n_steps:
            chances = np.asarray(self.trace["probabilities"][step])
            order, taken = np.argsort(-chances)[:_N_BARS], self.trace["actions"][step]
            if taken not in order:
                order[-1] = taken
            for bar, action in zip(self._bars, order, strict=True):
                bar.set_width(chances[action])
                bar.set_facecolor(COLOUR_BLIND[2] if action == taken else "0.7")
            self._thought_axes.set_yticks(range(_N_BARS), [self._action_names[int(a)] for a in order], fontsize=8)
