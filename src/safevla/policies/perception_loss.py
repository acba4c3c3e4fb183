"""Perception loss: what the auxiliary heads are taught."""

import functools

import torch
from torch.nn import functional

from safevla.env import privileged_targets
from safevla.policies.outputs import PolicyOutput

_POSITION_SLACK_M = 0.1  # errors of the target's place count linearly from here on


def perception_loss(output: PolicyOutput, truth: privileged_targets.PrivilegedTargets, n_placed: torch.Tensor) -> torch.Tensor:
    """Losses of the auxiliary heads, summed; rare positives of the binary ones count three times.

    n_placed (): what `perception.n_placed` expects of so many steps.
    """
    weight = torch.tensor(3.0, device=output.logits.device)
    binary = functools.partial(functional.binary_cross_entropy_with_logits, pos_weight=weight)
    around = binary(output.surroundings_logits, truth.surroundings.to(output.logits))
    named = functional.cross_entropy(output.percept.named_logits.float().flatten(0, -2), truth.named.flatten())
    in_sight = ~truth.place_m.isnan()
    off_m = functional.smooth_l1_loss(output.place_m, truth.place_m.nan_to_num(0.0), beta=_POSITION_SLACK_M, reduction="none")
    placed = (off_m * in_sight).sum() / n_placed
    loss = around + named + placed
    if output.touch_logits is not None:
        loss = loss + binary(output.touch_logits, truth.touches.to(output.logits))
    if truth.class_map is None:
        return loss
    return loss + binary(output.class_logits.float(), truth.class_map.to(output.logits))
