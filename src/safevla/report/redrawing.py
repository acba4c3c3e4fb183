"""Redrawing: what the cameras show, in pictures for people: larger than the policy's, hazards and targets outlined."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.colors import to_rgb

from safevla.evaluation.replay import Trace, TraceError, boxes
from safevla.report.style import TARGET_COLOUR, component_colour
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, SceneStart
from safevla.tasks.episodes import Episode

IMAGE_SIZE = (224, 384)  # (height, width) in pixels
_SAME_M = 1e-3  # how far apart the robot may be in the trace and where it is drawn again


def redrawn(trace: Trace, image_size: tuple[int, int] = IMAGE_SIZE) -> np.ndarray:
    """The pictures of a traced episode (T + 1, C, H, W, 3) uint8, drawn by playing it again.

    Raises TraceError where it goes another way than it did, because another simulator, or an older one, played it.
    """
    scene = trace.data["scene"]
    start = SceneStart(id=trace.data["episode_id"], house=scene["house"], start=tuple(scene["start"]), seed=scene["seed"])
    simulator = EmbeddedSimulator(1, image_size, scene["robot"])
    simulator.reset([start])
    marks = marked(trace.data["boxes"], trace.data["hazards"])
    drawn = [outlined(simulator, [marks])[0]]
    for step, action in enumerate(trace.data["actions"], start=1):
        after = simulator.step(torch.tensor([action])).after
        if not np.allclose(after.robot_state[0, :2], trace.data["path"][step][:2], atol=_SAME_M):
            raise TraceError(f"episode {start.id} goes another way from step {step} on: something else played it")
        drawn.append(outlined(simulator, [marks])[0])
    return np.stack(drawn)


def first_pictures(episodes: Sequence[Episode], image_size: tuple[int, int], robot: str) -> np.ndarray:
    """What the cameras show where each episode begins, (N, C, H, W, 3) uint8."""
    simulator = EmbeddedSimulator(len(episodes), image_size, robot)
    simulator.reset(episodes)
    return outlined(simulator, [
        marked([box | {"target": box["type"] == episode.target_type} for box in boxes(episode.layout)],
               episode.house["metadata"].get("hazards", ()))
        for episode in episodes
    ])  # fmt: skip


def marked(things: Sequence[Mapping], hazards: Sequence[Mapping]) -> dict[int, str]:
    """The colour of every box's outline, by its slot: a hazard's, or a target's."""
    colour_of = {name: component_colour(hazard["kind"]) for hazard in hazards for name in hazard.get("objects", ())}
    colours = {m: colour_of[box["id"]] for m, box in enumerate(things) if box["id"] in colour_of}
    return {m: TARGET_COLOUR for m, box in enumerate(things) if box["target"]} | colours


def outlined(simulator: EmbeddedSimulator, marks: Sequence[Mapping[int, str]]) -> np.ndarray:
    """What the cameras of each environment show now, (B, C, H, W, 3) uint8, with outlines around what is marked there."""
    ids, pictures = simulator.render_ids(), simulator.render()
    drawn = np.stack([pictures[name].numpy() for name in CAMERAS], 1)
    shown = np.stack([ids[name].numpy() for name in CAMERAS], 1)
    for i, mark in enumerate(marks):
        names = sorted(set(mark.values()))
        label = np.zeros(max(shown[i].max(), *mark, 0) + 2, np.int16)  # 0: not marked; the last is of what has no slot
        for slot, colour in mark.items():
            label[slot] = 1 + names.index(colour)
        _draw_edges(drawn[i], label[shown[i]], np.array([to_rgb(name) for name in names] or [(0, 0, 0)]))
    return drawn


def _draw_edges(pictures: np.ndarray, labels: np.ndarray, colours: np.ndarray) -> None:
    """Lines two pixels wide into pictures (C, H, W, 3) where labels (C, H, W) change."""
    edge = np.zeros_like(labels)
    for axis in (1, 2):
        before, after = (np.take(labels, range(part, labels.shape[axis] - 1 + part), axis) for part in (0, 1))
        between = np.where(before != after, np.maximum(before, after), 0)
        for part in (0, 1):
            where = [slice(None)] * 3
            where[axis] = slice(part, labels.shape[axis] - 1 + part)
            np.maximum(edge[tuple(where)], between, out=edge[tuple(where)])
    pictures[edge > 0] = (255 * colours[edge[edge > 0] - 1]).round()
