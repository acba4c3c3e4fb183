"""Workers: independent pieces of work in processes of their own, a core each.

What a piece gives must not depend on who else works: it draws its own random numbers and uses one thread, so that the
results are the same for any number of cores.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from safevla.runtime import ranks, threads

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


def run(function: Callable[[_Job], _Result], jobs: Sequence[_Job], n_workers: int) -> Iterator[_Result]:
    """The function's result for each job, in order, as soon as it and those before it are there.

    function: one that a module defines, so that a fresh process can import it. n_workers: 0 for one a core.
    """
    n_workers = min(n_workers or threads.cores(), len(jobs))
    if n_workers <= 1:
        yield from map(function, jobs)
        return
    # spawned, for a copy of this process would hold its threads' locks and could not use a GPU
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_workers, context, initializer=_start_worker, initargs=(os.getpid(),)) as pool:
        yield from pool.map(function, jobs)


def _start_worker(parent: int) -> None:
    ranks.exit_with_parent(parent)
    threads.prepare(0, 1)
