"""Encoder pretraining: an eye that knows the world's things by their shapes, before any policy.

Views of new houses teach class maps (their rare positives weighted), depth, free space and contacts, from both robots' cameras. What
is kept is a running mean of the weights, its norms folded into the convolutions.
"""

import functools
import math

import torch
from torch import nn
from torch.nn import functional

from safevla.config.encoder_config import EncoderConfig
from safevla.env import privileged_targets
from safevla.imitation.views import Views, ViewSource, named
from safevla.policies.vision_encoder import VisionEncoder
from safevla.sim.interface import CAMERAS

_DIM = 64  # of what the heads around the robot read of a place


class Pupil(nn.Module):
    """The encoder that learns, and the heads that only its training needs."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.encoder = VisionEncoder(config, is_normed=True)
        width = config.widths[1]
        self.depth = nn.Conv2d(width, 1, 1)
        self.squeeze = nn.Conv2d(width, _DIM, 1)
        n_around = privileged_targets.N_POLAR_OCCUPANCY + privileged_targets.N_CONTACT_TARGETS
        self.around = nn.Sequential(
            nn.Linear(len(CAMERAS) * _DIM * 3 * 6, 4 * _DIM), nn.ReLU(), nn.Linear(4 * _DIM, n_around)
        )

    def losses(self, views: Views, positive_weight: float, jitter: bool = True) -> dict[str, torch.Tensor]:
        """The losses of B robots' views, scalars."""
        pixels = views.pixels.flatten(0, 1)
        scaled = (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)
        if jitter:
            scaled = jittered(scaled)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
            features, class_logits = self.encoder(scaled)
            depth = self.depth(features)[:, 0]
            pooled = functional.adaptive_avg_pool2d(functional.relu(self.squeeze(features)), (3, 6))
            around = self.around(pooled.flatten(1).unflatten(0, views.pixels.shape[:2]).flatten(1))
        known = torch.cat([views.polar_occupancy, views.contacts], 1).float()
        positives = torch.full((), positive_weight, device=pixels.device)
        return {
            "classes": functional.binary_cross_entropy_with_logits(
                class_logits.float(), views.class_map.flatten(0, 1).float(), pos_weight=positives
            ),
            "names": naming_loss(class_logits.float(), views.class_map.flatten(0, 1)),
            "depth": functional.smooth_l1_loss(depth.float(), views.inverse_depth.flatten(0, 1), beta=0.1),
            "around": functional.binary_cross_entropy_with_logits(around.float(), known),
        }


def naming_loss(class_logits: torch.Tensor, class_map: torch.Tensor) -> torch.Tensor:
    """(): in cells that show a class that a task may ask for, how far the logits prefer those that they do not show.

    class_logits and class_map (N, N_CLASSES, gh, gw).
    """
    logits, shown = class_logits[:, :-1], class_map[:, :-1] > 0
    counts = shown.any(1)
    right = torch.logsumexp(logits.masked_fill(~shown, -30.0), 1)
    loss = torch.where(counts, torch.logsumexp(logits, 1) - right, 0.0)
    return loss.sum() / counts.sum().clamp(min=1)


@functools.cache
def _across_grey(device: torch.device) -> torch.Tensor:
    """What turns a colour about the grey axis, (3, 3)."""
    return torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=device) / math.sqrt(3.0)


def jittered(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W) in [−1, 1] in other colours, lighter or darker: a hue says little of what a thing is."""
    n, device = len(pixels), pixels.device
    angle = 2.0 * math.pi * torch.rand(n, device=device)
    cosine, sine = angle.cos(), angle.sin()
    grey = torch.full((3, 3), 1.0 / 3.0, device=device)
    across = _across_grey(device)
    vivid = 0.4 + 0.9 * torch.rand(n, device=device)
    eye = torch.eye(3, device=device)
    turn = (vivid * cosine)[:, None, None] * (eye - grey) + (vivid * sine)[:, None, None] * across + grey
    gain = 1.0 + 0.25 * (2.0 * torch.rand(n, 3, device=device) - 1.0)
    gain = gain * (1.0 + 0.4 * (2.0 * torch.rand(n, 1, device=device) - 1.0))
    is_turned = (torch.rand(n, device=device) < 0.8).float()[:, None, None]
    turn = is_turned * turn + (1.0 - is_turned) * eye
    matrix = gain[:, :, None] * turn
    shifted = torch.einsum("nij,njhw->nihw", matrix, pixels + 1.0) - 1.0
    return shifted.clamp(-1.0, 1.0).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def recognition(encoder: nn.Module, source: ViewSource, n_batches: int) -> dict[str, float]:
    """The share of visible targets within 3 m that the encoder names right: of all, the classes' mean, and by camera."""
    n_classes = len(privileged_targets.TARGET_CLASSES)
    right, count = (torch.zeros(len(CAMERAS), n_classes, device=source.device) for _ in range(2))
    for _ in range(n_batches):
        views = source.next()
        pixels = views.pixels.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        logits = encoder(pixels.contiguous(memory_format=torch.channels_last)).class_logits.float()
        found = named(logits.unflatten(0, views.pixels.shape[:2]), source.ids(), source.scene())
        at = found.camera * n_classes + found.target_class
        count += torch.bincount(at, minlength=count.numel()).view_as(count)
        right += torch.bincount(at[found.is_right], minlength=count.numel()).view_as(count)
    classes = right.sum(0) / count.sum(0)
    report = {"named": float(right.sum() / count.sum()), "named_mean_of_classes": float(classes.nanmean())}
    report |= {f"named_{name}": float(right[c].sum() / count[c].sum()) for c, name in enumerate(CAMERAS)}
    return report | {f"named_{name}": float(share) for name, share in zip(privileged_targets.TARGET_CLASSES, classes, strict=True)}
