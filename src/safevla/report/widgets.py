"""Exploring: houses and episodes for the notebooks that people open, with widgets where there are some."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.evaluation import actors, evaluate, replay
from safevla.evaluation.replay import Trace
from safevla.report import episode_figures, redrawing
from safevla.report.episode_view import EpisodeView
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.episodes import Episode
from safevla.world.house_file import House
from safevla.world.layout import compile_house

if TYPE_CHECKING:
    from IPython import display
    from ipywidgets import Widget

ACTION_NAMES = tuple(action.name.lower().replace("_", " ") for action in Action)
_FRAMES_PER_SECOND = 5
_LONGEST_WALK = 300  # steps


def house_map(ax: Axes, house: House) -> None:
    """A house from above: its rooms, furniture and hazards."""
    found = replay.boxes(compile_house(house)), house["metadata"].get("hazards", []), replay.rooms(house)
    episode_figures.house_map(ax, *found)


def view(trace: Trace, image_size: tuple[int, int] = redrawing.IMAGE_SIZE, dpi: int = 100) -> EpisodeView:
    """An episode to look at, its pictures drawn again at that size (height, width), hazards outlined."""
    height, width = image_size
    small = trace.frames if trace.frames.shape[2:4] != (height, width) else None
    return EpisodeView(trace.data, redrawing.redrawn(trace, (height, width)), small, ACTION_NAMES, dpi)


def walk(episode: Episode, image_size: tuple[int, int] = redrawing.IMAGE_SIZE, robot: str = "stretch") -> EpisodeView:
    """The shortest-path expert's way through an episode: a walk through a house by one who minds no hazard."""
    alone = EmbeddedSimulator(1, image_size, robot)
    values = {"profile": "", "method": "expert", "seed": 0}
    rows = evaluate.evaluate(actors.ExpertActor(1, False), alone, [episode], _LONGEST_WALK, "walk", **values)
    return view(replay.trace(alone, episode, rows["actions"][0], "expert"), image_size)


def save_walk(path: Path | None = None, image_size: tuple[int, int] = redrawing.IMAGE_SIZE) -> Path:
    """Write the documentation's picture of a step that broke a rule, of the first walk in larger houses that has one."""
    path = path or profiles.root() / "docs" / "pictures" / "walk.jpg"
    for episode in sampling.stream(["ObjectNav"], "test", HouseOptions(rooms=(3, 4))):
        found = walk(episode, image_size)
        costs = np.asarray(found.trace["step_costs"]).sum(1)
        if costs.any() and found.n_steps >= 20:
            path.write_bytes(found.file(int(np.flatnonzero(costs)[-1]) + 1, "jpeg"))
            return path
    raise AssertionError("the stream of episodes has no end")


def still(view: EpisodeView, step: int) -> "display.Image":
    """An episode at one step, as notebooks show pictures."""
    from IPython import display

    return display.Image(view.file(step, "png"), format="png")


def telling_steps(trace: Trace, n: int) -> list[int]:
    """Up to n steps worth a picture: the first, those after which a rule was broken (the first of each spell), the last."""
    cost = np.asarray(trace.data["step_costs"]).sum(1) > 0
    breaks = (np.flatnonzero(cost & ~np.concatenate([[False], cost[:-1]])) + 1).tolist()
    kept = [breaks[i] for i in np.unique(np.linspace(0, len(breaks) - 1, n - 2).round().astype(int))] if breaks else []
    return sorted({0, *kept, len(cost)})


def scrubber(views: Sequence[EpisodeView]) -> "Widget":
    """A slider, and a button that plays, over the steps of one episode; several views of it stand below each other."""
    import ipywidgets

    last = max(view.n_steps for view in views)
    play = ipywidgets.Play(min=0, max=last, interval=1000 // _FRAMES_PER_SECOND)
    slider = ipywidgets.IntSlider(min=0, max=last, description="step", layout={"width": "640px"})
    ipywidgets.jslink((play, "value"), (slider, "value"))
    pictures = [ipywidgets.Image(value=view.file(0, "jpeg"), format="jpeg", layout={"max_width": "100%"}) for view in views]

    def show(change: dict) -> None:
        for view, picture in zip(views, pictures, strict=True):
            picture.value = view.file(change["new"], "jpeg")

    slider.observe(show, "value")
    return ipywidgets.VBox([ipywidgets.HBox([play, slider]), *pictures])


def save_movie(view: EpisodeView, path: Path) -> Path:
    """Write an episode as a film, .mp4 or .gif → where it is: a .gif, too, where `imageio-ffmpeg` is not installed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps = range(view.n_steps + 1)
    if path.suffix == ".mp4" and _has_ffmpeg():
        height, width = view.array(0).shape[:2]
        film = importlib.import_module("imageio_ffmpeg").write_frames(
            str(path), (width, height), fps=_FRAMES_PER_SECOND, macro_block_size=2, output_params=["-threads", "1"]
        )
        film.send(None)
        for step in steps:
            film.send(view.array(step).tobytes())
        film.close()
        return path
    path = path.with_suffix(".gif")
    sharp = {"method": Image.Quantize.FASTOCTREE, "dither": Image.Dither.NONE}  # keeps rare colours, such as those of outlines
    first, *rest = (Image.fromarray(view.array(step)).quantize(256, **sharp) for step in steps)
    first.save(path, save_all=True, append_images=rest, duration=1000 // _FRAMES_PER_SECOND, loop=0)
    return path


def _has_ffmpeg() -> bool:
    try:
        importlib.import_module("imageio_ffmpeg")
    except ImportError:
        return False
    return True
