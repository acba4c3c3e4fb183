"""Recognition: names are counted as by hand, a perfect map names everything, and shares are of what was shown."""

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.config import profiles
from safevla.config.encoder_config import EncoderConfig
from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.imitation import encoder_pretraining, recognition
from safevla.imitation.house_pool import drawn
from safevla.policies.vision_encoder import VisionEncoder
from safevla.sim.interface import CAMERAS

CONFIG = EncoderConfig(image_size=(24, 42), widths=(8, 12, 16), blocks=(0, 1, 0))


@pytest.fixture(scope="module")
def sources():
    simulator = profiles.load("smoke").simulator.model_copy(update={"device": "cpu"})
    houses = drawn(32, HouseOptions(rooms=(1, 1)), "validation", 0, "cpu")
    return encoder_pretraining.view_sources(houses, CONFIG, simulator, 16, 0)


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


def test_shares_are_of_all_that_was_shown():
    rows = [
        ("seen", "large", 8, 6),
        ("seen", "tiny", 2, 0),
        ("all", "large", 5, 1),
        ("all", "tiny", 0, 0),
        ("seen", "large", 2, 2),
    ]
    table = pd.DataFrame(rows, columns=["shift", "size", "shown", "right"])
    found = recognition.shares(table, "size")
    assert found.index.tolist() == ["seen", "all"] and found.columns.tolist() == ["all", "large", "tiny"]
    assert found.loc["seen"].tolist() == [8 / 12, 0.8, 0.0] and found.loc["all"].tolist()[:2] == [0.2, 0.2]
    assert np.isnan(found.loc["all", "tiny"]) and recognition.share_named(table) == 9 / 17
