"""Gradients: those of several groups of parameters in one tensor, averaged over the ranks."""

import os
import tempfile
from collections.abc import Sequence

import torch
import torch.distributed

from safevla.runtime.ranks import n_local_ranks, n_ranks, rank, wait


class _Board:
    """Memory that all ranks of one machine see, for tensors of a size: to add them up there takes less than half the time that it
    takes to send them round."""

    def __init__(self, path: str, size: int):
        self._shares = torch.from_file(path, shared=True, size=2 * n_ranks() * size).view(2, n_ranks(), size)
        self._turn = 0

    def average(self, mine: torch.Tensor) -> None:
        """Replace a tensor by its mean over the ranks."""
        shares = self._shares[self._turn]
        shares[rank()] = mine
        wait()
        torch.mean(shares, dim=0, out=mine)
        self._turn = 1 - self._turn  # who comes first may write the next while others read this


def _board(size: int) -> _Board | None:
    """A board for float32 tensors of that size; None for one rank, for ranks of several machines, or if memory is too short."""
    if n_ranks() == 1 or n_local_ranks() != n_ranks():
        return None
    path: list[str | None] = [None]
    if rank() == 0:
        path[0] = _reserve(2 * n_ranks() * size * torch.float32.itemsize)
    torch.distributed.broadcast_object_list(path)
    if path[0] is None:
        return None
    board = _Board(path[0], size)
    wait()  # everybody has it open, so its name may go; the memory goes with the last of them
    if rank() == 0:
        os.unlink(path[0])
    return board


def _reserve(n_bytes: int) -> str | None:
    """A new file of that size, in memory where there is such a folder; None if there is no room."""
    handle, path = tempfile.mkstemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    try:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(handle, 0, n_bytes)
        else:
            os.truncate(handle, n_bytes)
    except OSError:
        os.unlink(path)
        return None
    finally:
        os.close(handle)
    return path


class Gradients:
    """The gradients of several groups of parameters, in one tensor: their mean over the ranks takes one message.

    They must stay where they are: `clear` takes the place of an optimiser's `zero_grad`.
    """

    def __init__(self, *groups: Sequence[torch.nn.Parameter]):
        parameters = [p for group in groups for p in group]
        self._flat = torch.cat([torch.zeros_like(p).flatten() for p in parameters])
        self._groups = self._flat.split([sum(p.numel() for p in group) for group in groups])
        for p, part in zip(parameters, self._flat.split([p.numel() for p in parameters]), strict=True):
            p.grad = part.view_as(p)
        self._board = _board(len(self._flat)) if self._flat.device.type == "cpu" else None

    def clear(self) -> None:
        self._flat.zero_()

    def average(self) -> None:
        """Replace them by their mean over the ranks."""
        if self._board is not None:
            self._board.average(self._flat)
        elif n_ranks() > 1:
            torch.distributed.all_reduce(self._flat)
            self._flat /= n_ranks()

    def clip(self, max_norm: float) -> None:
        """Scale each group down to a norm of at most max_norm."""
        for group in self._groups:
            group.mul_((max_norm / (group.norm() + 1e-6)).clamp(max=1.0))
