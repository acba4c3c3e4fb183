"""Ranks: several processes, on one machine or many, that work as one; in a single process everything here is the identity.

    torchrun --nproc-per-node 2 -m safevla reproduce paper --plain

or, from a notebook, `launch`. Each rank simulates its own houses on its own core or GPU; gradients, multiplier, normalisers
and figures are means over all of them, weighted by what each has seen. The first rank writes what the job leaves behind.
"""

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
import torch.distributed

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def join_group() -> None:
    """Join the other ranks, if torchrun has started this process; before anything else touches a GPU."""
    if "RANK" not in os.environ or torch.distributed.is_initialized():
        return
    local = int(os.environ["LOCAL_RANK"])
    # a process sees its own GPU only, so that torch and Numba cannot disagree about which one is meant
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(local)
    elif local < len(gpus := visible.split(",")):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[local]
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")


def leave_group() -> None:
    """Leave the other ranks in good order."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def launch(function: Callable[[_Job], None], job: _Job, n_ranks: int) -> None:
    """Call function(job) as so many ranks, in processes of their own; a process that is a rank already does its own share.

    function: one that a module defines. Raises torch's ChildFailedError, which names the rank and the reason, where one fails.
    """
    if n_ranks == 1 or torch.distributed.is_initialized():
        function(job)
        return
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    one_machine = {"min_nodes": 1, "max_nodes": 1, "rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0"}
    config = LaunchConfig(nproc_per_node=n_ranks, run_id=uuid.uuid4().hex, max_restarts=0, **one_machine)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    try:
        elastic_launch(config, _as_rank)(function, job, os.getpid())
    finally:  # torch leaves its own handlers behind, and a notebook's kernel could be neither interrupted nor ended quietly
        for number, handler in before.items():
            signal.signal(number, handler)


def _as_rank(function: Callable[[_Job], None], job: _Job, parent: int) -> None:
    exit_with_parent(parent)
    join_group()
    function(job)
    leave_group()


def exit_with_parent(parent: int) -> None:
    """End this process when its parent ends: if that is killed, nobody is left to end what would work on for nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def n_ranks() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def n_local_ranks() -> int:
    """Ranks on this machine, as torchrun says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def wait() -> None:
    """Until every rank is here."""
    if n_ranks() > 1:
        torch.distributed.all_reduce(torch.zeros(1))


def shard_map(function: Callable[[Sequence[_Job]], Iterable[_Result]], jobs: Sequence[_Job]) -> list[_Result]:
    """The function's results for all jobs, in order, on every rank; each rank does its share of them."""
    results = list(function(jobs[rank() :: n_ranks()]))
    if n_ranks() == 1:
        return results
    of_ranks: list[list[_Result]] = [[]] * n_ranks()
    torch.distributed.all_gather_object(of_ranks, results)
    return [of_ranks[i % n_ranks()][i // n_ranks()] for i in range(len(jobs))]


def mean(total: float, count: float) -> float:
    """Mean over all ranks of something of which this rank has `count`, adding up to `total`; NaN if nobody has any."""
    pair = torch.tensor([total, count], dtype=torch.float64)
    if n_ranks() > 1:
        torch.distributed.all_reduce(pair)
    return float(pair[0] / pair[1]) if pair[1] > 0 else float("nan")


def mean_count(count: torch.Tensor) -> torch.Tensor:
    """Mean over the ranks of a count, (): what a rank divides a sum by so that gradients' mean is that of one process."""
    if n_ranks() == 1:
        return count
    total = count.double()
    torch.distributed.all_reduce(total)
    return total / n_ranks()


def standardised(x: torch.Tensor, least_deviation: float) -> torch.Tensor:
    """x less its mean, over its standard deviation or `least_deviation` where that is larger, both over all ranks."""
    if n_ranks() == 1:
        return (x - x.mean()) / x.std().clamp(min=least_deviation)
    sums = torch.stack([x.new_tensor(x.numel(), dtype=torch.float64), x.double().sum(), x.double().square().sum()])
    torch.distributed.all_reduce(sums)
    n, total, squares = sums
    deviation = ((squares - total * total / n) / (n - 1)).clamp(min=0).sqrt().clamp(min=least_deviation)
    return (x - (total / n).to(x)) / deviation.to(x)
