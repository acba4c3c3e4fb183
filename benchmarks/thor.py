"""How fast the AI2-THOR client is: environment steps a second through its wire, beside the embedded simulator directly.

    python benchmarks/thor.py

This repository's own server stands in for Unity, so this is the cost of the client, its pipes and the adapter: what is left
of a machine that could step Unity infinitely fast. Both cameras at 224x396, of which the adapter crops 224x384, objects
filtered to those near the robot that can move. Processes run side by side, one house each, and each pair of client and
server on one core: on two, most of a step is spent waking the other one up.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from safevla.config.house_options import HouseOptions
from safevla.config.thor_options import ThorOptions
from safevla.runtime import threads
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import Simulator
from safevla.sim.thor.adapter import ThorSimulator
from safevla.tasks import goals, sampling

SIZE = (224, 384)
STEPS, REPEATS = 60, 5
SERVER = f"{sys.executable} -m safevla serve thor"


def steps_per_second(simulator: Simulator, seed: int) -> float:
    """Median over repeats of random actions in one environment, both pictures fetched."""
    episode = next(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions(), first=seed))
    simulator.reset([episode])
    generator = torch.Generator().manual_seed(seed)
    rates = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        for action in torch.randint(0, Action.DONE, (STEPS,), generator=generator):
            simulator.step(action[None])
            simulator.render()
        rates.append(STEPS / (time.perf_counter() - start))
    return statistics.median(rates[1:])


def _through_the_client(seed: int) -> float:
    if hasattr(os, "sched_setaffinity"):  # the server inherits it: each waits while the other works, and needs no core of its own
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[seed % len(cores)]})
    threads.prepare(0, 1)
    simulator = ThorSimulator(1, SIZE, options=ThorOptions(executable=SERVER))
    try:
        return steps_per_second(simulator, seed)
    finally:
        simulator.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    os.environ["NUMBA_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # the client writes its log there
        threads.prepare(0, 1)
        direct = steps_per_second(EmbeddedSimulator(1, SIZE), 0)
        print("| how | processes | env-steps/s in all | of direct |\n|---|---|---|---|")
        print(f"| directly | 1 | {direct:,.0f} | 1.00 |", flush=True)
        for n in chosen.processes:
            with multiprocessing.get_context("spawn").Pool(n) as pool:
                rates = pool.map(_through_the_client, range(n), chunksize=1)
            print(f"| through the client | {n} | {sum(rates):,.0f} | {sum(rates) / direct:.2f} |", flush=True)


if __name__ == "__main__":
    main()
