"""Perception loss: what the auxiliary heads are taught."""

import functools

import torch
from torch.nn import functional

from safevla.env import privileged_targets
from safevla.policies.outputs import PolicyOutput

_POSITION_SLACK_M = 0.1  # errors of the target's place count linearly from here on


def perception_loss(
    output: PolicyOutput, privileged: privileged_targets.PrivilegedTargets, n_positions: torch.Tensor
) -> torch.Tensor:
    """Losses of the auxiliary heads, summed; rare positives of the binary ones count three times.

    n_positions (): what `privileged_targets.n_positions` expects of so many steps.
    """
    weight = torch.tensor(3.0, device=output.logits.device)
    binary = functools.partial(functional.binary_cross_entropy_with_logits, pos_weight=weight)
    around = binary(output.polar_occupancy_logits, privileged.polar_occupancy.to(output.logits))
    target_class = functional.cross_entropy(
        output.frozen_features.target_class_logits.float().flatten(0, -2), privileged.target_class.flatten()
    )
    in_sight = ~privileged.target_position_m.isnan()
    off_m = functional.smooth_l1_loss(
        output.target_position_m, privileged.target_position_m.nan_to_num(0.0), beta=_POSITION_SLACK_M, reduction="none"
    )
    placed = (off_m * in_sight).sum() / n_positions
    loss = around + target_class + placed
    if output.contact_logits is not None:
        loss = loss + binary(output.contact_logits, privileged.contacts.to(output.logits))
    if privileged.class_map is None:
        return loss
    return loss + binary(output.class_logits.float(), privileged.class_map.to(output.logits))
