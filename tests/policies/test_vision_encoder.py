"""The vision encoder: norms fold away without a trace, and its grid is the one that its size says."""

import pytest
import torch

from safevla.config.encoder_config import EncoderConfig
from safevla.env import privileged_targets
from safevla.policies.vision_encoder import VisionEncoder, multiply_accumulates, scaled

CONFIGS = (
    EncoderConfig(image_size=(48, 84), widths=(8, 16, 24), blocks=(0, 1, 1)),
    EncoderConfig(image_size=(45, 70), widths=(8, 12, 16), blocks=(1, 0, 2), expansion=2),
)


@pytest.mark.parametrize("config", CONFIGS)
def test_an_encoder_without_norms_sees_the_same(config):
    torch.manual_seed(0)
    learning = VisionEncoder(config, is_normed=True)
    for _ in range(3):
        learning(torch.randn(4, 3, *config.image_size))
    pixels = torch.randint(0, 256, (2, *config.image_size, 3), dtype=torch.uint8)
    expected, found = learning.eval()(scaled(pixels)), learning.folded()(scaled(pixels))
    torch.testing.assert_close(tuple(found), tuple(expected), atol=1e-4, rtol=1e-4)
    assert found.class_logits.shape == (2, privileged_targets.N_CLASSES, *config.map_size)
    assert found.features.shape == (2, config.widths[1], *config.map_size)
    assert not any("norm" in name for name in learning.folded().state_dict())


def test_multiplications_are_counted_as_by_hand():
    config = EncoderConfig(image_size=(32, 64), widths=(8, 16, 24), blocks=(0, 0, 0))
    by_hand = 8 * 16 * 8 * 75 + 4 * 8 * 16 * 72 + 2 * 4 * 24 * 144 + 2 * 4 * 16 * 24 + 4 * 8 * 16 * privileged_targets.N_CLASSES
    assert multiply_accumulates(config) == by_hand


def test_pixels_are_scaled_and_lie_as_they_lay():
    pixels = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    assert torch.equal(scaled(pixels), pixels.permute(0, 3, 1, 2) / 127.5 - 1.0)
    assert scaled(pixels).is_contiguous(memory_format=torch.channels_last)
