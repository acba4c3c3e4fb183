"""The pool: fresh episodes for thousands of environments, made by other processes and kept as rows on the GPU.

A GPU plays more episodes a second than one process can draw houses for. Worker processes draw them, each its own share of
the same endless stream; the pool keeps the newest ones and starts environments from them in turn. Where episodes are
played faster than they are made, each is played a few times before it is replaced, and `plays` says how often.

Which episodes come when depends on how fast the workers are, so a run with a pool cannot be repeated bit for bit.
"""

import contextlib
import itertools
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from safevla import compute, distributed
from safevla.batch import Batch
from safevla.episodes import stream
from safevla.house_options import HouseOptions
from safevla.observations import Observation, tokenize
from safevla.packed import Packed
from safevla.params import SimulatorParams
from safevla.rollout import Source, Stream
from safevla.sim import robot
from safevla.sim.interface import Simulator

_KEPT_PER_ENV = 4  # episodes
_CHUNK = 32  # episodes that a worker packs at a time
_WAITING = 8  # chunks that may wait


def _work(ready: Any, first: int, stride: int, task_names: Sequence[str], options: HouseOptions, seed: int,
          per_house: int, robot_name: str, read: Callable[[str], list[int]]) -> None:  # fmt: skip
    """A worker process: put packed chunks of its share of the stream into the queue, for ever."""
    torch.set_num_threads(1)
    source = stream(task_names, "train", options, seed, first, stride, per_house)
    while True:
        packed = Packed.of(list(itertools.islice(source, _CHUNK)), robot_name, robot.CAMERA_JITTER_DEG, read)
        arrays = {name: array.numpy() for name, array in packed.arrays.items()}
        ready.put((arrays, packed.task.numpy(), packed.target_type.numpy(), packed.words.numpy()))


@contextlib.contextmanager
def training_source(
    params: SimulatorParams,
    simulator: Simulator,
    task_names: Sequence[str],
    options: HouseOptions,
    seed: int,
    per_house: int,
    read: Callable[[str], list[int]] = tokenize,
) -> Iterator[Source]:
    """Fresh training episodes without end for a simulator: from a pool on a GPU, or drawn one by one; this rank's share."""
    rank, n_ranks = distributed.rank(), distributed.n_ranks()
    if simulator.device.type != "cuda":
        yield Stream(stream(task_names, "train", options, seed, rank, n_ranks, per_house))
        return
    n_workers = params.house_workers or max(1, compute.cores() // distributed.n_local_ranks() - 2)
    pool = Pool(
        task_names, options, seed, per_house, _KEPT_PER_ENV * simulator.n_envs, n_workers, simulator.device, params.robot, read,
        rank, n_ranks,
    )  # fmt: skip
    try:
        yield pool
    finally:
        pool.close()


class Pool:
    """A source of episodes (`rollout.Source`) of a few tasks, of which `size` are kept; close it when done."""

    def __init__(
        self,
        task_names: Sequence[str],
        options: HouseOptions,
        seed: int,
        per_house: int,
        size: int,
        n_workers: int,
        device: torch.device | str,
        robot_name: str = "stretch",
        read: Callable[[str], list[int]] = tokenize,
        first: int = 0,
        stride: int = 1,
    ):
        """first, stride: which houses of the stream are this rank's, see `episodes.stream`."""
        self.device, self.size = torch.device(device), size
        self.made = self.played = 0
        self._at = self._next = 0
        context = multiprocessing.get_context("spawn")  # a forked process could not use the GPU's runtime
        self._ready = context.Queue(_WAITING * n_workers)
        self._workers = [
            context.Process(
                target=_work, daemon=True,
                args=(self._ready, first + stride * i, stride * n_workers, tuple(task_names), options, seed, per_house,
                      robot_name, read),
            )
            for i in range(n_workers)
        ]  # fmt: skip
        for worker in self._workers:
            worker.start()
        # chunks are longer than a pipe, so somebody must keep reading or every worker waits
        self._arrived: queue.Queue[Packed] = queue.Queue(_WAITING * n_workers)
        self._is_open = True
        threading.Thread(target=self._read, daemon=True).start()
        parts = []
        while sum(map(len, parts)) < size:
            parts.append(self._take(wait=True))
        self._packed = Packed.join(parts).to(self.device)
        self.size = self.made = len(self._packed)

    @property
    def plays(self) -> float:
        """How often an episode has been played, on average, of those that have been made."""
        return self.played / self.made

    def _read(self) -> None:
        """Move chunks from the workers' pipe to where they wait."""
        while self._is_open:
            try:
                arrays, *facts = self._ready.get(timeout=0.5)
            except queue.Empty:
                continue
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            self._arrived.put(Packed(tensors, *map(torch.from_numpy, facts)))

    def _take(self, wait: bool) -> Packed | None:
        """A chunk of new episodes; None if none is ready and it need not wait."""
        while True:
            try:
                return self._arrived.get(timeout=1.0) if wait else self._arrived.get_nowait()
            except queue.Empty:
                dead = [worker.exitcode for worker in self._workers if worker.exitcode is not None]
                if dead:
                    raise RuntimeError(f"a process that draws houses ended with exit code {dead[0]}") from None
                if not wait:
                    return None

    def refresh(self) -> None:
        """Replace the oldest episodes with those that have been made since."""
        while (new := self._take(wait=False)) is not None:
            self.made += len(new)
            self._packed = self._packed.put(self._next, new.to(self.device))
            self._next = (self._next + len(new)) % self.size

    def restart(self, batch: Batch, slots: torch.Tensor) -> Observation:
        rows = (self._at + torch.arange(len(slots), device=self.device)) % self.size
        self._at = (self._at + len(slots)) % self.size
        self.played += len(slots)
        return batch.restart_packed(slots, self._packed, rows)

    def close(self) -> None:
        """End the worker processes."""
        self._is_open = False
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        self._ready.close()
