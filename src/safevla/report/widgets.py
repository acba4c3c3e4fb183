"""Exploring: houses and episodes for the notebooks that people open, with widgets where there are some."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import animation

from safevla.evaluation.replay import Trace
from safevla.report import episode_figures, style
from safevla.sim.actions import Action
from safevla.world.boxes import STRUCTURE
from safevla.world.house_file import House
from safevla.world.layout import compile_house
from safevla.world.parts import MAIN

if TYPE_CHECKING:
    from ipywidgets import Widget

ACTION_NAMES = tuple(action.name.lower().replace("_", " ") for action in Action)
_FRAMES_PER_SECOND = 5


def boxes(house: House, target_id: str | None = None) -> list[dict]:
    """A house's boxes as `figures.house_map` draws them: places in metres, colours, what is structure and what is a target."""
    layout = compile_house(house)
    return [
        {
            "x": float(layout.centre[m, 0]),
            "z": float(layout.centre[m, 2]),
            "yaw_deg": float(layout.yaw_deg[m]),
            "half_x": float(layout.half[m, 0]),
            "half_z": float(layout.half[m, 2]),
            "bottom_m": float(layout.centre[m, 1] - layout.half[m, 1]),
            "top_m": float(layout.centre[m, 1] + layout.half[m, 1]),
            "colour": layout.palette[m, MAIN].tolist(),
            "structure": bool(layout.mobility[m] == STRUCTURE),
            "target": layout.names[m] == target_id,
        }
        for m in range(layout.n_boxes)
    ]


def at_step(trace: Trace, step: int) -> plt.Figure:
    """A trace at one step; the last where the step lies beyond it."""
    with style.style():
        return episode_figures.episode_step(trace.data, trace.frames, min(step, len(trace.data["actions"])), ACTION_NAMES)


def telling_steps(trace: Trace, n: int) -> list[int]:
    """Up to n steps worth a picture: the first, those after which a rule was broken (the first of each spell), the last."""
    cost = np.asarray(trace.data["step_costs"]).sum(1) > 0
    breaks = (np.flatnonzero(cost & ~np.concatenate([[False], cost[:-1]])) + 1).tolist()
    kept = [breaks[i] for i in np.unique(np.linspace(0, len(breaks) - 1, n - 2).round().astype(int))] if breaks else []
    return sorted({0, *kept, len(cost)})


def scrubber(traces: Sequence[Trace]) -> "Widget":
    """A slider, and a button that plays, over the steps of one episode; several traces stand below each other."""
    import ipywidgets
    from IPython.display import display

    last = max(len(trace.data["actions"]) for trace in traces)
    play = ipywidgets.Play(min=0, max=last, interval=1000 // _FRAMES_PER_SECOND)
    slider = ipywidgets.IntSlider(min=0, max=last, description="step", layout={"width": "640px"})
    ipywidgets.jslink((play, "value"), (slider, "value"))
    picture = ipywidgets.Output()

    def show(change: dict) -> None:
        with picture:
            picture.clear_output(wait=True)
            for trace in traces:
                figure = at_step(trace, change["new"])
                display(figure)
                plt.close(figure)

    slider.observe(show, "value")
    show({"new": 0})
    return ipywidgets.VBox([ipywidgets.HBox([play, slider]), picture])


def save_movie(trace: Trace, path: Path, dpi: int = 80) -> Path:
    """Write an episode as a film, by the path's ending: .gif, or .mp4 where ffmpeg is installed."""
    n_steps = len(trace.data["actions"])
    figure = at_step(trace, 0)
    writer = animation.PillowWriter(_FRAMES_PER_SECOND) if path.suffix == ".gif" else animation.FFMpegWriter(_FRAMES_PER_SECOND)
    path.parent.mkdir(parents=True, exist_ok=True)
    size = figure.get_size_inches()
    plt.close(figure)
    film = plt.figure(figsize=size)
    ax = film.add_axes((0, 0, 1, 1))
    ax.axis("off")
    with writer.saving(film, str(path), dpi):
        for step in range(n_steps + 1):
            figure = at_step(trace, step)
            figure.set_dpi(dpi)
            figure.canvas.draw()
            ax.clear()
            ax.axis("off")
            ax.imshow(np.asarray(figure.canvas.buffer_rgba()), aspect="auto")
            plt.close(figure)
            writer.grab_frame()
    plt.close(film)
    return path
