"""Pools: fresh training episodes, made by other processes while this one simulates and learns.

Drawing a house takes a few milliseconds of one core, in which the others would wait. Worker processes draw them, each its
own share of the same endless stream, and hand them over packed. On the CPU one worker does, and every episode is played
once, in the stream's order, so a run can be repeated bit for bit. A GPU plays more episodes a second than can be made:
there a pool keeps the newest ones and starts environments from them in turn, and `plays` says how often each is played.
Which episodes come when then depends on how fast the workers are, so such a run cannot be repeated bit for bit.
"""

import contextlib
import itertools
import multiprocessing
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from safevla.config.house_options import HouseOptions
from safevla.config.params import SimulatorParams
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.runtime import ranks, threads
from safevla.safe_rl.episode_source import EpisodeSource, IteratorSource
from safevla.sim import robot
from safevla.sim.interface import Simulator
from safevla.tasks.episode_batch import EpisodeBatch
from safevla.tasks.sampling import stream
from safevla.tasks.tokenizer import tokenize

KEPT_PER_ENV = 4  # episodes
_CHUNK, GPU_CHUNK = 32, 128  # episodes that a worker packs at a time; copying to a GPU takes as long for few as for many
_WAITING = 8  # chunks that may wait


@contextlib.contextmanager
def training_source(
    params: SimulatorParams,
    simulator: Simulator,
    task_names: Sequence[str],
    options: HouseOptions,
    seed: int,
    per_house: int,
    read: Callable[[str], list[int]] = tokenize,
) -> Iterator[EpisodeSource]:
    """Fresh training episodes without end, this rank's share of them, for a simulator and a policy that reads like that."""
    rank, n_ranks = ranks.rank(), ranks.n_ranks()
    cores = threads.cores() // ranks.n_local_ranks()
    drawn = (tuple(task_names), "train", options, seed, rank, n_ranks, per_house)
    if not simulator.takes_arrays or cores < 2 or (simulator.device.type == "cpu" and torch.get_num_threads() < 2):
        yield IteratorSource(stream(*drawn))
        return
    on_gpu = simulator.device.type == "cuda"
    n_workers, chunk = (params.house_workers or max(1, cores - 2), GPU_CHUNK) if on_gpu else (1, _CHUNK)
    workers = EpisodeWorkers(drawn, n_workers, params.robot, read, chunk)
    try:
        yield (
            EpisodePool(workers, KEPT_PER_ENV * simulator.n_envs, simulator.n_envs, simulator.device)
            if on_gpu
            else ChunkSource(workers)
        )
    finally:
        workers.close()


class EpisodeWorkers:
    """Worker processes that draw and pack episodes: `drawn` holds the arguments of `sampling.stream`."""

    def __init__(
        self,
        drawn: tuple[Any, ...],
        n_workers: int,
        robot_name: str,
        read: Callable[[str], list[int]] = tokenize,
        chunk: int = _CHUNK,
    ):
        context = multiprocessing.get_context("spawn")  # a forked process could not use the GPU's runtime
        self._pipe = context.Queue(_WAITING * n_workers)
        *before, first, stride, per_house = drawn
        shares = [(*before, first + stride * i, stride * n_workers, per_house) for i in range(n_workers)]
        self._workers = [
            context.Process(target=_draw, args=(self._pipe, share, robot_name, read, chunk), daemon=True) for share in shares
        ]
        for worker in self._workers:
            worker.start()
        # chunks are longer than a pipe, so somebody must keep reading or every worker waits
        self._arrived: queue.Queue[EpisodeBatch] = queue.Queue(_WAITING * n_workers)
        self._is_open = True
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """Move chunks from the workers' pipe to where they wait."""
        while self._is_open:
            try:
                arrays, asked, names = self._pipe.get(timeout=0.5)
            except queue.Empty:
                continue
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            self._arrived.put(EpisodeBatch(tensors, *map(torch.from_numpy, asked), names))

    def take(self, wait: bool) -> EpisodeBatch | None:
        """The next chunk of new episodes; None if none is ready and it need not wait."""
        while True:
            try:
                return self._arrived.get(timeout=1.0) if wait else self._arrived.get_nowait()
            except queue.Empty:
                dead = [worker.exitcode for worker in self._workers if worker.exitcode is not None]
                if dead:
                    raise RuntimeError(f"a process that draws houses ended with exit code {dead[0]}") from None
                if not wait:
                    return None

    def close(self) -> None:
        """End the worker processes."""
        self._is_open = False
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        self._pipe.close()


def _draw(pipe: Any, drawn: tuple[Any, ...], robot_name: str, read: Callable[[str], list[int]], chunk: int) -> None:
    """A worker process: put packed chunks of its share of the stream into the pipe, for ever."""
    torch.set_num_threads(1)
    source = stream(*drawn)
    while True:
        batch = EpisodeBatch.of(list(itertools.islice(source, chunk)), robot_name, robot.CAMERA_JITTER_DEG, read)
        arrays = {name: array.numpy() for name, array in batch.arrays.items()}
        asked = [tensor.numpy() for tensor in (batch.task, batch.target_type, batch.words)]
        pipe.put((arrays, asked, batch.names))


class ChunkSource:
    """A source that plays each episode of one worker once, in order."""

    def __init__(self, workers: EpisodeWorkers):
        self._workers = workers
        self._chunk: EpisodeBatch | None = None
        self._at = 0

    def restart(self, batch: VectorEnv, slots: torch.Tensor) -> Observation:
        while len(slots):
            if self._chunk is None or self._at == len(self._chunk):
                self._chunk, self._at = self._workers.take(wait=True), 0
            n = min(len(slots), len(self._chunk) - self._at)
            observation = batch.restart_batch(slots[:n], self._chunk, self._at + torch.arange(n))
            slots, self._at = slots[n:], self._at + n
        return observation

    def refresh(self) -> None:
        pass


class EpisodePool:
    """A source that keeps the newest `size` episodes, or a few more, on a device, and plays them in turn.

    It begins with `enough` of them, and grows. It takes no more new ones than it has played, for who makes and moves houses
    that nobody plays keeps the simulator waiting; the workers rest meanwhile.
    """

    def __init__(self, workers: EpisodeWorkers, size: int, enough: int, device: torch.device | str):
        self._workers, self.size, self.device = workers, size, torch.device(device)
        parts: list[EpisodeBatch] = []
        while sum(map(len, parts)) < enough:
            parts.append(workers.take(wait=True))
        self._batch = EpisodeBatch.join(parts).to(self.device)
        self.made = len(self._batch)
        self.played = self._at = self._next = self._owed = 0

    def __len__(self) -> int:
        return len(self._batch)

    @property
    def plays(self) -> float:
        """How often an episode has been played, on average, of those that have been made."""
        return self.played / self.made

    def refresh(self) -> None:
        """Add the episodes that have been made since, or put them in the oldest ones' place."""
        fresh: list[EpisodeBatch] = []
        while self._owed > 0 and (new := self._workers.take(wait=False)) is not None:
            self.made += len(new)
            self._owed -= len(new)
            if len(self) + sum(map(len, fresh)) < self.size:
                fresh.append(new.to(self.device))
                continue
            self._batch = self._batch.put(self._next, new.to(self.device))
            self._next = (self._next + len(new)) % len(self)
        if fresh:
            self._batch = EpisodeBatch.join([self._batch, *fresh])

    def restart(self, batch: VectorEnv, slots: torch.Tensor) -> Observation:
        rows = (self._at + torch.arange(len(slots), device=self.device)) % len(self)
        self._at = (self._at + len(slots)) % len(self)
        self.played += len(slots)
        self._owed += len(slots)
        return batch.restart_batch(slots, self._batch, rows)
