"""Redrawing: the same episode again, larger, with outlines around hazards and targets and nowhere else."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from safevla.evaluation import actors, evaluate, replay
from safevla.report import redrawing
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS

SMALL, LARGE = (24, 42), (56, 96)


@pytest.fixture(scope="module")
def traced(some_episodes) -> replay.Trace:
    rows = evaluate.evaluate(
        actors.ExpertActor(1, False), EmbeddedSimulator(1, SMALL), some_episodes[:1], 15, "", profile="", method="expert", seed=0
    )
    return replay.trace(EmbeddedSimulator(1, SMALL), some_episodes[0], rows["actions"][0], "expert")


def test_it_shows_what_a_larger_camera_would_have_shown(traced, some_episodes):
    """But for outlines, which cover little."""
    drawn = redrawing.redrawn(traced, LARGE)
    assert drawn.shape == (len(traced.data["actions"]) + 1, 2, *LARGE, 3)
    simulator = EmbeddedSimulator(1, LARGE)
    simulator.reset(some_episodes[:1])
    for step, action in enumerate(traced.data["actions"]):
        for c, name in enumerate(CAMERAS):
            assert (drawn[step, c] == simulator.render()[name][0].numpy()).all(-1).mean() > 0.6
        simulator.step(torch.tensor([action]))


def test_outlines_lie_along_hazards_and_targets(some_episodes):
    for episode in some_episodes[:6]:
        simulator = EmbeddedSimulator(1, LARGE)
        simulator.reset([episode])
        plain = np.stack([simulator.render()[name][0].numpy() for name in CAMERAS])
        ids = np.stack([simulator.render_ids()[name][0].numpy() for name in CAMERAS])
        drawn = redrawing.first_pictures([episode], LARGE, "stretch")[0]
        things = [box | {"target": box["type"] == episode.target_type} for box in replay.boxes(episode.layout)]
        marks = redrawing.marked(things, episode.house["metadata"]["hazards"])
        changed = (drawn != plain).any(-1)
        near = np.isin(ids, list(marks))
        near[:, 1:] |= near[:, :-1].copy()
        near[:, :-1] |= near[:, 1:].copy()
        near[:, :, 1:] |= near[:, :, :-1].copy()
        near[:, :, :-1] |= near[:, :, 1:].copy()
        assert not (changed & ~near).any()
        assert not np.isin(ids, list(marks)).any() or changed.any()
        lines = {tuple((255 * np.array(to_rgb(colour))).round().astype(int)) for colour in marks.values()}
        assert {tuple(map(int, pixel)) for pixel in drawn[changed]} <= lines


def test_hazards_have_their_components_colours_and_win_over_targets():
    boxes = [{"id": name, "target": name == "Mug|1"} for name in ("wall", "Mug|1", "Mug|2", "Knife|3")]
    boxes[2]["target"] = True
    marks = redrawing.marked(boxes, [{"kind": "corner", "objects": ["Mug|2"]}, {"kind": "blind_spot", "objects": ["Knife|3"]}])
    assert set(marks) == {1, 2, 3} and len(set(marks.values())) == 3


def test_an_episode_that_goes_another_way_is_an_error(traced):
    path = [[x + 0.5 * (i > 2), z, yaw] for i, (x, z, yaw) in enumerate(traced.data["path"])]
    with pytest.raises(replay.TraceError, match="goes another way from step 3 on"):
        redrawing.redrawn(replay.Trace(traced.data | {"path": path}, traced.frames), LARGE)
