"""House pool: the newest of an endless row of generated houses, as arrays on a device.

Worker processes make them; the oldest give way to new ones. Which are there at a time depends on how fast the workers are.
"""

import contextlib
import itertools
import multiprocessing
import os
import queue
from typing import Any

import torch

from safevla.config.house_options import HouseOptions
from safevla.runtime import ranks, threads
from safevla.sim.interface import SceneStart
from safevla.sim.state import ARRAYS, blank, starting_arrays
from safevla.tasks.sampling import house_seed
from safevla.world import generation, looks

_CHUNK = 32  # houses that a process packs at a time
_WAITING = 4  # chunks that may wait
_STREAM = 700  # of a split's houses, in which no demonstration and no policy's training plays


def house_arrays(seeds: list[int], options: HouseOptions, unseen: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Houses of those seeds as rows of `sim.state.ARRAYS`; their looks of the kinds `unseen` are such as training never draws."""
    starts = []
    for seed in seeds:
        house = looks.with_unseen(generation.generate_with(seed, options), *unseen)
        starts.append(SceneStart(id=str(seed), house=house, start=(0.0, 0.0, 0.0), seed=seed))
    return starting_arrays(starts, "stretch", (0.0, 0.0, 0.0))


def _make(
    pipe: Any,
    parent: int,
    drawn: tuple[str, int],
    options: HouseOptions,
    unseen: tuple[str, ...],
    first: int,
    stride: int,
    n_chunks: int | None,
) -> None:
    """A worker process: put packed houses into the pipe, n_chunks times or for ever. drawn: the split and the stream."""
    ranks.exit_with_parent(parent)
    threads.prepare(0, 1)
    for chunk in itertools.count() if n_chunks is None else range(n_chunks):
        seeds = [house_seed(*drawn, first + stride * (_CHUNK * chunk + i)) for i in range(_CHUNK)]
        pipe.put({name: array.numpy() for name, array in house_arrays(seeds, options, unseen).items()})


class HousePool:
    """Houses of a split on a device, as rows of arrays."""

    def __init__(
        self,
        size: int,
        options: HouseOptions,
        split: str,
        seed: int,
        n_workers: int,
        device: torch.device | str,
        unseen: tuple[str, ...] = (),
        is_endless: bool = True,
    ):
        """size: houses, a whole number of chunks of 32 for each worker. is_endless: `refresh` gives new ones."""
        self.size, self.device = size, torch.device(device)
        if size % (n_workers * _CHUNK):
            raise ValueError(f"{size} houses are no whole number of {_CHUNK} for each of {n_workers} workers")
        n_chunks = None if is_endless else size // (n_workers * _CHUNK)
        context = multiprocessing.get_context("spawn")
        self._pipe = context.Queue(_WAITING * n_workers)
        drawn = (self._pipe, os.getpid(), (split, _STREAM + seed), options, unseen)
        self._workers = [
            context.Process(target=_make, args=(*drawn, i, n_workers, n_chunks), daemon=True) for i in range(n_workers)
        ]
        for worker in self._workers:
            worker.start()
        self.arrays: dict[str, torch.Tensor] = {}
        self.made = self._next = 0
        while self.made < size:
            self._put(self._taken())
        if not is_endless:
            self.close()

    def _taken(self) -> dict[str, Any]:
        """The next packed houses, as soon as they are there."""
        while True:
            try:
                return self._pipe.get(timeout=1.0)
            except queue.Empty:
                dead = [worker.exitcode for worker in self._workers if worker.exitcode]
                if dead:
                    raise RuntimeError(f"a process that draws houses ended with exit code {dead[0]}") from None

    def refresh(self) -> None:
        """Put those that have been made since in the oldest ones' place."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._put(self._pipe.get_nowait())

    def _put(self, new: dict[str, Any]) -> None:
        rows = (self._next + torch.arange(len(new["pose"]), device=self.device)) % self.size
        self.made += len(rows)
        self._next = int(rows[-1] + 1) % self.size
        for name in ARRAYS:
            array = torch.from_numpy(new[name])
            shape = (self.size, *array.shape[1:])
            old = self.arrays.get(name)
            if old is None or any(more > have for more, have in zip(shape, old.shape, strict=True)):
                wide = shape if old is None else tuple(max(pair) for pair in zip(shape, old.shape, strict=True))
                self.arrays[name] = blank(name, wide, self.device)
                if old is not None:
                    self.arrays[name][tuple(slice(0, n) for n in old.shape)] = old
            whole = blank(name, (len(rows), *self.arrays[name].shape[1:]), "cpu")
            whole[tuple(slice(0, n) for n in array.shape)] = array
            self.arrays[name][rows] = whole.to(self.device)

    def close(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        self._pipe.close()
