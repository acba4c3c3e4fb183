"""Compute: threads, allocator and seeds of a process that learns or simulates."""

import ctypes
import os
import platform

import numba
import numpy
import torch

from safevla.runtime import kernels, ranks

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
_KEEP_BYTES = 1 << 30


def prepare(seed: int, threads: int | None = None) -> None:
    """Set torch's and Numba's threads (None: this rank's share of all cores) and torch's seed, and keep freed memory.

    glibc gives large blocks back to the system at once and faults them in anew at the next step, which took half the
    time of a training step on the CPU; blocks up to 1 GiB are kept instead.
    """
    threads = threads or max(1, cores() // ranks.n_local_ranks())
    torch.set_num_threads(threads)
    kernels.set_threads(threads)
    torch.manual_seed(seed)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)


def machine(device: torch.device | str) -> dict[str, str | int]:
    """What something was computed on and with, for a manifest."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if on_gpu else f"CPU ({platform.machine()})",
        "cores": cores(),
        "python": platform.python_version(),
        **{module.__name__: module.__version__ for module in (torch, numba, numpy)},
    }


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
