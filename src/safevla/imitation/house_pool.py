"""House pool: generated houses as arrays on a device; some that stay, or the newest of an endless row.

Worker processes make the endless row's, and the oldest give way to new ones: which are there at a time depends on how fast the
workers are.
"""

import itertools
import multiprocessing
import os
from multiprocessing import connection
from typing import Any

import torch

from safevla.config.house_options import HouseOptions
from safevla.runtime import ranks, threads
from safevla.sim.interface import SceneStart
from safevla.sim.state import ARRAYS, blank, starting_arrays
from safevla.tasks.sampling import house_seed
from safevla.world import generation, looks

_CHUNK = 32  # houses that are packed at a time
_STREAM = 700  # of a split's houses, in which no demonstration and no policy's training plays


def house_arrays(seeds: list[int], options: HouseOptions, unseen: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Houses of those seeds as rows of `sim.state.ARRAYS`; their looks of the kinds `unseen` are such as training never draws."""
    starts = []
    for seed in seeds:
        house = looks.with_unseen(generation.generate_with(seed, options), *unseen)
        starts.append(SceneStart(id=str(seed), house=house, start=(0.0, 0.0, 0.0), seed=seed))
    return starting_arrays(starts, "stretch", (0.0, 0.0, 0.0))


def _chunk(split: str, seed: int, chunk: int, options: HouseOptions, unseen: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Houses that follow each other in a split's row."""
    return house_arrays([house_seed(split, _STREAM + seed, _CHUNK * chunk + i) for i in range(_CHUNK)], options, unseen)


class Houses:
    """Houses on a device, as rows of arrays."""

    def __init__(self, size: int, device: torch.device | str):
        """size: a whole number of chunks of 32."""
        if size % _CHUNK:
            raise ValueError(f"{size} houses are no whole number of {_CHUNK}")
        self.size, self.device = size, torch.device(device)
        self.n_chunks = size // _CHUNK
        self.arrays: dict[str, torch.Tensor] = {}

    def put(self, chunk: int, new: dict[str, Any]) -> int:
        """Put a chunk of houses, as numpy's arrays, where one was of the same number, counted round and round → its place."""
        place = chunk % self.n_chunks
        rows = _CHUNK * place + torch.arange(_CHUNK, device=self.device)
        for name in ARRAYS:
            array = torch.from_numpy(new[name])
            shape = (self.size, *array.shape[1:])
            old = self.arrays.get(name)
            if old is None or any(more > have for more, have in zip(shape, old.shape, strict=True)):
                wide = shape if old is None else tuple(max(pair) for pair in zip(shape, old.shape, strict=True))
                self.arrays[name] = blank(name, wide, self.device)
                if old is not None:
                    self.arrays[name][tuple(slice(0, n) for n in old.shape)] = old
            whole = blank(name, (_CHUNK, *self.arrays[name].shape[1:]), "cpu")
            whole[tuple(slice(0, n) for n in array.shape)] = array
            self.arrays[name][rows] = whole.to(self.device)
        return place


def drawn(
    size: int, options: HouseOptions, split: str, seed: int, device: torch.device | str, unseen: tuple[str, ...] = ()
) -> Houses:
    """The first houses of a split's row; unseen as in `house_arrays`."""
    houses = Houses(size, device)
    for chunk in range(houses.n_chunks):
        houses.put(chunk, {name: array.numpy() for name, array in _chunk(split, seed, chunk, options, unseen).items()})
    return houses


def _make(pipe: Any, parent: int, split: str, seed: int, options: HouseOptions, first: int, stride: int) -> None:
    """A worker process: send chunks of houses for ever, each with its number, as soon as the one before is taken.

    It sends them itself: a queue's thread would get a word in only between a house's kernels, and take a second for a chunk.
    """
    ranks.exit_with_parent(parent)
    threads.prepare(0, 1)
    for chunk in itertools.count(first, stride):
        pipe.send((chunk, {name: array.numpy() for name, array in _chunk(split, seed, chunk, options).items()}))


class HousePool(Houses):
    """The newest of a split's endless row of houses."""

    def __init__(
        self,
        size: int,
        options: HouseOptions,
        split: str,
        seed: int,
        n_workers: int,
        device: torch.device | str,
        begin: int = 0,
    ):
        """begin: houses at the row's beginning that are left out, for an earlier pool has had them."""
        super().__init__(size, device)
        first = -(-begin // _CHUNK)
        context = multiprocessing.get_context("spawn")
        self._workers: dict[Any, Any] = {}  # by the pipe that each sends through; who was read last comes last
        for i in range(n_workers):
            pipe, theirs = context.Pipe(duplex=False)
            args = (theirs, os.getpid(), split, seed, options, first + i, n_workers)
            self._workers[pipe] = context.Process(target=_make, args=args, daemon=True)
            self._workers[pipe].start()
            theirs.close()  # so that the pipe says when the process has ended
        self.made = _CHUNK * first  # houses of the row, those left out included
        lacking = set(range(self.n_chunks))
        while lacking:
            lacking.discard(self.put(*self._received(connection.wait(self._workers))))

    def put(self, chunk: int, new: dict[str, Any]) -> int:
        self.made += _CHUNK
        return super().put(chunk, new)

    def _received(self, ready: list[Any]) -> tuple[int, dict[str, Any]]:
        """A chunk's number and its houses, of the process among those ready whose turn is the longest ago."""
        pipe = next(pipe for pipe in self._workers if pipe in ready)
        self._workers[pipe] = worker = self._workers.pop(pipe)
        try:
            return pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.join()
            raise RuntimeError(f"a process that draws houses ended with exit code {worker.exitcode}") from None

    def refresh(self) -> None:
        """Put a chunk that has been made since, if there is one, in the oldest one's place."""
        ready = connection.wait(self._workers, 0.0)
        if ready:
            self.put(*self._received(ready))

    def close(self) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for pipe, worker in self._workers.items():
            worker.join()
            pipe.close()
