"""Episode view: every step is drawn for itself, whatever was shown before, and says what it should."""

import io

import numpy as np
import pytest
from PIL import Image

from safevla.report import episode_figures
from safevla.report.episode_view import EpisodeView

COSTS = ["corner", "blind_spot"]
ACTIONS = [f"action {i}" for i in range(20)]


def _trace(n_steps: int, thinks: bool) -> dict:
    floor = {"id": "floor", "type": None, "x": 2, "z": 2, "yaw_deg": 0, "half_x": 2, "half_z": 2, "bottom_m": -0.1, "top_m": 0}
    sofa = {
        "id": "Sofa|1",
        "type": "Sofa",
        "x": 1,
        "z": 3,
        "yaw_deg": 90,
        "half_x": 0.9,
        "half_z": 0.4,
        "bottom_m": 0,
        "top_m": 0.8,
    }
    cost = np.zeros((n_steps, 2))
    cost[1] = [1, 1]
    chances = np.linspace(0, 1, 20) / 10
    return {
        "method": "ppo", "instruction": "find a sofa", "success": True, "actions": [0] * n_steps, "costs": COSTS,
        "path": [[1 + 0.1 * i, 1.0, 10.0 * i] for i in range(n_steps + 1)], "step_costs": cost.tolist(),
        "collided": [None, "Sofa|1", *[None] * (n_steps - 2)], "cameras": ["navigation", "manipulation"],
        "probabilities": [chances.tolist()] * n_steps if thinks else [], "cost_values": [0.5] * n_steps if thinks else [],
        "boxes": [box | {"colour": [90, 120, 150], "structure": box["type"] is None, "target": False} for box in (floor, sofa)],
        "rooms": [{"type": "LivingRoom", "x": 2, "z": 2}], "hazards": [{"kind": "corner", "x": 1, "z": 2, "objects": ["Sofa|1"]}],
    }  # fmt: skip


@pytest.mark.parametrize("thinks", [True, False])
def test_a_step_looks_the_same_whatever_was_shown_before(thinks):
    trace = _trace(4, thinks)
    rng = np.random.default_rng(0)
    pictures, small = (rng.integers(0, 255, (5, 2, *size, 3), np.uint8) for size in ((28, 48), (7, 12)))
    view = EpisodeView(trace, pictures, small, ACTIONS, dpi=40)
    shown = {step: view.array(step) for step in (0, 2, 4, 1, 3, 4, 0)}
    assert shown[0].shape == (288, 512, 3)
    for step in shown:
        np.testing.assert_array_equal(EpisodeView(trace, pictures, small, ACTIONS, dpi=40).array(step), shown[step])
        assert all((shown[step] != shown[other]).any() for other in shown if other != step)
    np.testing.assert_array_equal(view.array(9), shown[4])
    assert Image.open(io.BytesIO(view.file(2, "jpeg"))).size == Image.open(io.BytesIO(view.file(2, "png"))).size == (512, 288)


def test_it_says_what_is_done_hit_and_charged():
    view = EpisodeView(_trace(3, True), np.zeros((4, 2, 28, 48, 3), np.uint8), None, ACTIONS, dpi=40)

    def words(step: int) -> str:
        view.array(step)
        texts = [text.get_text() for ax in view.figure.axes for text in [*ax.texts, *ax.get_yticklabels()]]
        return " / ".join([*(text.get_text() for text in view.figure.texts), *texts])

    assert "“find a sofa”" in words(0) and "PPO" in words(0) and "step 0 of 3" in words(0) and "cost so far: 0" in words(0)
    assert "next: action 0" in words(0) and "action 19 /" in words(0) and "living room" in words(0)
    assert "hit: Sofa" in words(2) and "corner + blind spot" in words(2) and "cost so far: 2" in words(2)
    assert "hit" not in words(3) and "corner +" not in words(3) and "the episode succeeded" in words(3)


def test_names_are_spoken():
    assert [episode_figures._spoken(name) for name in ("DiningTable", "TVStand", "Bed")] == ["dining table", "tv stand", "bed"]
