"""Recognition: how many of the objects that a task may ask for an encoder names right, of those that a camera shows near by."""

import math
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from safevla.env import privileged_targets
from safevla.imitation.views import ViewSource
from safevla.policies.vision_encoder import scaled
from safevla.sim.interface import CAMERAS, NOTHING, Scene

WITHIN_M = 3.0


class Named(NamedTuple):
    """K objects that a task may ask for, each in a camera's picture: what they are, and whether they were named right."""

    target_class: torch.Tensor  # (K,) int64
    is_right: torch.Tensor  # (K,) bool
    camera: torch.Tensor  # (K,) int64
    share: torch.Tensor  # (K,) float32, of the picture, that shows it


def named(class_logits: torch.Tensor, ids: torch.Tensor, scene: Scene) -> Named:
    """Which objects that a camera shows, at most WITHIN_M away, are named right.

    The cell of the class map counts that shows most of the object: there, its class must stand above all those that the cell does
    not show.
    class_logits (B, C, N_CLASSES, gh, gw); ids (B, C, H, W).
    """
    (b, c, _, gh, gw), (height, width) = class_logits.shape, ids.shape[2:]
    device, n_boxes, n_cells = ids.device, scene.pose.shape[1], gh * gw
    rows, columns = (torch.arange(n, device=device) * cells // n for n, cells in ((height, gh), (width, gw)))
    cell = (rows[:, None] * gw + columns).flatten()  # (H · W,)
    slot = torch.where(ids == NOTHING, n_boxes, ids).flatten(2).long()  # (B, C, H · W)
    count = torch.zeros(b, c, (n_boxes + 1) * n_cells, device=device)
    count.scatter_add_(2, slot * n_cells + cell, count.new_ones(()).expand(slot.shape))
    count = count.unflatten(2, (n_boxes + 1, n_cells))[:, :, :n_boxes]  # (B, C, M, cells)

    class_of = privileged_targets.class_of_type(device)[scene.type_index.long()]  # (B, M)
    n_classes = len(privileged_targets.TARGET_CLASSES)
    shown = torch.zeros(b, c, n_classes + 1, n_cells, device=device)  # the last: of no class
    row = torch.where(class_of < 0, n_classes, class_of)[:, None, :, None].expand(count.shape)
    shown.scatter_add_(2, row, count)
    logits = class_logits[:, :, :n_classes].flatten(3)
    others = logits.masked_fill(shown[:, :, :n_classes] > 0, -torch.inf).amax(2)  # (B, C, cells)

    off = scene.pose[..., [0, 2]] - scene.robot_state[:, None, :2]
    counts = scene.visible & ((class_of >= 0) & (off.norm(dim=-1) <= WITHIN_M))[:, None]  # (B, C, M)
    env, camera, box = counts.nonzero(as_tuple=True)
    of_each = count[env, camera, box]  # (K, cells)
    where, target_class = of_each.argmax(1), class_of[env, box]
    is_right = logits[env, camera, target_class, where] > others[env, camera, where]
    return Named(target_class, is_right, camera, of_each.sum(1) / (height * width))


# shares of a picture, and what an object of that size measures across: pixels of 48 rows and of 112
SIZES = {"tiny": (0.0, 0.002), "small": (0.002, 0.008), "middle": (0.008, 0.03), "large": (0.03, 1.0)}


@torch.no_grad()
def recognition(encoder: nn.Module, source: ViewSource, n_batches: int) -> pd.DataFrame:
    """How many objects were shown and how many were named right: columns camera, target, size, shown, right."""
    classes, limits = privileged_targets.TARGET_CLASSES, torch.tensor([low for low, _ in SIZES.values()], device=source.device)
    shape = (len(CAMERAS), len(classes), len(SIZES))
    tally = torch.zeros(2, math.prod(shape), device=source.device)
    for _ in range(n_batches):
        pixels = source.next().pixels
        logits = encoder(scaled(pixels.flatten(0, 1))).class_logits.float().unflatten(0, pixels.shape[:2])
        found = named(logits, source.ids(), source.scene())
        size = torch.searchsorted(limits, found.share, right=True) - 1
        at = (found.camera * len(classes) + found.target_class) * len(SIZES) + size
        tally[0].index_add_(0, at, torch.ones_like(found.share))
        tally[1].index_add_(0, at, found.is_right.float())
    index = pd.MultiIndex.from_product([CAMERAS, classes, SIZES], names=["camera", "target", "size"])
    return pd.DataFrame(tally.T.cpu().numpy(), index, ["shown", "right"]).reset_index()


def share_named(table: pd.DataFrame) -> float:
    """Of all objects that were shown."""
    return float(table["right"].sum() / table["shown"].sum())


def shares(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """The share named right for each shift, in all and by another column (`size`, `target`, …), in the order of their rows."""
    sums = table.groupby(["shift", by], sort=False)[["shown", "right"]].sum()
    all_of = table.groupby("shift", sort=False)[["shown", "right"]].sum()
    found = (sums["right"] / sums["shown"]).unstack(by)
    found = found.loc[table["shift"].unique(), table[by].unique()]
    found.insert(0, "all", all_of["right"] / all_of["shown"])
    return found
