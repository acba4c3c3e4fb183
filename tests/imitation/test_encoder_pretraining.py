"""Encoder pretraining: views are of places where robots fit, names are counted as by hand, and what is learnt goes on."""

import numpy as np
import pytest
import torch

from safevla.config import profiles
from safevla.config.encoder_config import EncoderConfig, EncoderTraining
from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.imitation import encoder_pretraining, recognition
from safevla.imitation.house_pool import HousePool
from safevla.policies.vision_encoder import VisionEncoder
from safevla.runtime import checkpoints
from safevla.sim.interface import CAMERAS, REACHABLE_CELL_M

OPTIONS = HouseOptions(rooms=(1, 1))
CONFIG = EncoderConfig(image_size=(24, 42), widths=(8, 12, 16), blocks=(0, 1, 0))


@pytest.fixture(scope="module")
def simulator():
    return profiles.load("smoke").simulator.model_copy(update={"device": "cpu", "house_workers": 1})


@pytest.fixture(scope="module")
def pool():
    return HousePool(32, OPTIONS, "validation", 0, 1, "cpu", is_endless=False)


@pytest.fixture
def sources(pool, simulator):
    return encoder_pretraining.view_sources(pool, CONFIG, simulator, 16, 0)


def test_robots_stand_where_they_fit_and_half_see_a_target(sources):
    is_target, n = 0.0, 0
    for source in sources:
        scene = source.scene()
        x, z = ((scene.robot_state[:, :2] - scene.reachable_origin) / REACHABLE_CELL_M).T
        torch.testing.assert_close(x, x.round(), atol=1e-3, rtol=0.0)
        assert scene.reachable[torch.arange(len(x)), z.round().long(), x.round().long()].all()
        shown = scene.visible & (privileged_targets.CLASS_OF_TYPE[scene.type_index.long()] >= 0)[:, None]
        is_target, n = is_target + shown.any(2).any(1).sum(), n + len(shown)
    assert is_target >= n / 2


def test_the_same_seed_gives_the_same_views(pool, simulator):
    for robot in range(len(encoder_pretraining.ROBOTS)):
        first, again = (encoder_pretraining.view_sources(pool, CONFIG, simulator, 4, 3)[robot] for _ in range(2))
        for a, b in zip(first.next(), again.next(), strict=True):
            assert torch.equal(a, b)


def test_names_are_counted_as_by_hand(sources):
    generator = torch.Generator().manual_seed(0)
    n_classes = len(privileged_targets.TARGET_CLASSES)
    for source in sources:
        source.next()
        scene, ids = source.scene(), source.ids()
        (gh, gw), (height, width) = CONFIG.map_size, CONFIG.image_size
        logits = torch.randn(len(ids), len(CAMERAS), n_classes + 1, gh, gw, generator=generator)
        expected = []
        for b, c in np.ndindex(len(ids), len(CAMERAS)):
            cells: dict[int, dict[tuple[int, int], int]] = {}
            for y, x in np.ndindex(height, width):
                slot, cell = int(ids[b, c, y, x]), (y * gh // height, x * gw // width)
                cells.setdefault(slot, {}).setdefault(cell, 0)
                cells[slot][cell] += 1
            classes = {
                slot: int(privileged_targets.CLASS_OF_TYPE[scene.type_index[b, slot].long()]) for slot in cells if slot >= 0
            }
            for slot in sorted(classes):
                off = scene.pose[b, slot, [0, 2]] - scene.robot_state[b, :2]
                if classes[slot] < 0 or not scene.visible[b, c, slot] or off.norm() > recognition.WITHIN_M:
                    continue
                most = max(sorted(cells[slot]), key=cells[slot].__getitem__)
                there = {classes[other] for other in classes if most in cells[other]}
                others = [float(logits[b, c, k, *most]) for k in range(n_classes) if k not in there]
                is_right = float(logits[b, c, classes[slot], *most]) > max(others)
                expected.append((classes[slot], is_right, c, sum(cells[slot].values()) / (height * width)))
        found = recognition.named(logits, ids, scene)
        assert len(expected) > 10
        assert [(int(k), bool(r), int(c)) for k, r, c, _ in zip(*found, strict=True)] == [row[:3] for row in expected]
        np.testing.assert_allclose(found.share, [row[3] for row in expected], rtol=1e-6)


def test_a_perfect_map_names_everything_and_an_empty_one_nothing(sources):
    class Knows(VisionEncoder):
        def forward(self, pixels):
            truth = source.views().class_map.flatten(0, 1).float()
            return super().forward(pixels)._replace(class_logits=self.sign * truth)

    for source in sources:
        knows = Knows(CONFIG)
        for knows.sign, share in ((1.0, 1.0), (-1.0, 0.0)):
            table = recognition.recognition(knows, source, 1)
            assert table["shown"].sum() > 10 and recognition.share_named(table) == share


def test_other_colours_stay_in_range_and_keep_what_is_grey():
    torch.manual_seed(0)
    grey = (0.1 + 0.9 * torch.rand(64, 1, 4, 6)).expand(64, 3, 4, 6)
    pixels = encoder_pretraining.jittered(grey * 0.5 - 1.0)
    gain = (pixels + 1.0) / (grey * 0.5)
    assert (gain.amax((2, 3)) - gain.amin((2, 3))).max() < 1e-3  # each channel is scaled, and no hue comes up by itself
    assert encoder_pretraining.jittered(torch.rand(8, 3, 4, 6)).abs().max() <= 1.0


def test_an_encoder_learns_resumes_and_is_measured(simulator, tmp_path, monkeypatch):
    shifts = {name: encoder_pretraining.SHIFTS[name] for name in ("seen", "all")}
    monkeypatch.setattr(encoder_pretraining, "SHIFTS", shifts)
    params = EncoderTraining(frames=16 * 4 * 12, n_envs=16, minibatches=2, houses=32, checkpoint_s=600)
    file = tmp_path / "progress.safetensors"
    short = params.model_copy(update={"frames": params.frames // 2})
    encoder_pretraining.pretrain(CONFIG, short, OPTIONS, simulator, 0, file)
    encoder, curve = encoder_pretraining.pretrain(CONFIG, params, OPTIONS, simulator, 0, file)
    assert curve["frames"].tolist() == [short.frames, params.frames] and curve["classes"].iloc[-1] < curve["classes"].iloc[0]
    assert checkpoints.load(file)[1]["updates"] == 24
    table = encoder_pretraining.measure(encoder, OPTIONS, simulator, 32, 1)
    assert set(table["shift"]) == set(shifts) and table["shown"].sum() > 100
