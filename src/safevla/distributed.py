"""Ranks: means over all processes of a job, and the identity in a single one."""

import os

import torch
import torch.distributed


def rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def n_ranks() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def n_local_ranks() -> int:
    """Ranks on this machine, as torchrun says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def mean(total: float, count: float) -> float:
    """Mean over all ranks of something of which this rank has `count`, adding up to `total`; NaN if nobody has any."""
    pair = torch.tensor([total, count], dtype=torch.float64)
    if n_ranks() > 1:
        torch.distributed.all_reduce(pair)
    return float(pair[0] / pair[1]) if pair[1] > 0 else float("nan")


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the ranks."""
    if n_ranks() == 1:
        return
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])
    torch.distributed.all_reduce(flat)
    flat /= n_ranks()
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        p.grad = part.view_as(p).clone()
