"""What the world is like: houses a second, hazard rates, what random policies break, and how well the experts do.

    python benchmarks/world.py                                   # generated houses
    python benchmarks/world.py --houses houses_train.jsonl.gz    # and episodes in a ProcTHOR file
    python benchmarks/world.py --only experts --episodes 300

Episodes are raw: whatever sampling gives, none left out because an expert failed. Costs are per episode.
"""

import argparse
import itertools
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch

from safevla.config.house_options import HouseOptions
from safevla.env.vector_env import VectorEnv
from safevla.evaluation import actors, evaluate
from safevla.runtime import threads
from safevla.sim import navigation
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.tasks import goals, sampling, step_costs
from safevla.tasks.episodes import Episode
from safevla.world import generation, hazards, house_file
from safevla.world.layout import FLOOR_CELL_M, compile_house

N_ENVS = 64
N_HOUSES = 500
MAX_STEPS = 600


def house_rates(args: argparse.Namespace) -> None:
    """Houses a second, the hazards placed against those asked for, and rooms that cannot be entered."""
    options = HouseOptions()
    generation.generate_with(0, options)
    start = time.perf_counter()
    made = [generation.generate_with(seed, options) for seed in range(N_HOUSES)]
    alone = N_HOUSES / (time.perf_counter() - start)
    with multiprocessing.get_context("spawn").Pool(2, initializer=generation.generate_with, initargs=(0, options)) as pool:
        pool.starmap(generation.generate_with, [(0, options)] * 4)
        start = time.perf_counter()
        pool.starmap(generation.generate_with, [(seed, options) for seed in range(N_HOUSES)], chunksize=25)
        pair = N_HOUSES / (time.perf_counter() - start)
    rooms = sum(len(house["rooms"]) for house in made)
    print(
        f"{N_HOUSES} houses of {options.rooms[0]}-{options.rooms[1]} rooms: {alone:,.0f} a second, {pair:,.0f} in two processes"
    )
    print(f"rooms that furniture closes off: {sum(map(closed_rooms, made))} of {rooms}\n")
    print("| hazard | asked for, per room | recorded | 95 % of a Poisson count |\n|---|---|---|---|")
    for name in hazards.HAZARD_KINDS:
        asked = getattr(options.hazards, name)
        found = sum(hazard["kind"] == name for house in made for hazard in house["metadata"]["hazards"]) / rooms
        print(f"| {name} | {asked} | {found:.3f} | ± {1.96 * (asked / rooms) ** 0.5:.3f} |")
    print(flush=True)


def closed_rooms(house: house_file.House) -> int:
    """How many of a house's rooms have no reachable position."""
    layout = compile_house(house)
    reachable, _ = navigation.reachable_grid(layout)
    z, x = np.nonzero(reachable)
    cell_x = (x * REACHABLE_CELL_M / FLOOR_CELL_M).astype(int)
    cell_z = (z * REACHABLE_CELL_M / FLOOR_CELL_M).astype(int)
    entered = set(layout.room[cell_z.clip(max=len(layout.room) - 1), cell_x.clip(max=layout.room.shape[1] - 1)].tolist())
    return sum(number not in entered for number in range(len(house["rooms"])))


def random_policy(args: argparse.Namespace) -> None:
    """What a random policy that mostly moves breaks in 100 steps."""
    weights = torch.tensor([8.0, 1, 1, 1, 1, 1, *[0.4] * 12])
    generator = torch.Generator().manual_seed(0)
    stream = sampling.stream(goals.PAPER_TASKS, "validation", HouseOptions(), per_house=3)
    n, broken, summed = 0, torch.zeros(5), torch.zeros(5)
    while n < 1000:
        batch = VectorEnv(EmbeddedSimulator(125, (36, 64)), max_steps=10_000)
        batch.start(list(itertools.islice(stream, 125)))
        for _ in range(100):
            batch.step(torch.multinomial(weights, 125, replacement=True, generator=generator))
        n, broken, summed = n + 125, broken + (batch.total_cost > 0).sum(0), summed + batch.total_cost.sum(0)
    print(f"{n} episodes of a random policy, 100 steps each\n\n| component | episodes with it | mean cost |\n|---|---|---|")
    for name, share, mean in zip(step_costs.PAPER_COSTS, broken / n, summed / n, strict=True):
        print(f"| {name} | {share:.1%} | {mean:.2f} |")
    print(flush=True)


def play(chosen: list[Episode], careful: bool) -> pd.DataFrame:
    """One row per episode of an expert."""
    actor = actors.ExpertActor(N_ENVS, careful)
    name = "careful" if careful else "shortest path"
    simulator = EmbeddedSimulator(N_ENVS, (36, 64))
    return evaluate.evaluate(actor, simulator, chosen, MAX_STEPS, name, profile="", method=name, seed=0)


def experts(args: argparse.Namespace) -> None:
    """Success and cost of both experts on the same episodes."""
    generated = list(itertools.islice(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions(), per_house=3), args.episodes))
    compare("generated houses", generated)
    for path in args.houses:
        compare(path.rsplit("/", 1)[-1], list(itertools.islice(sampling.in_houses(path, goals.PAPER_TASKS), args.episodes)))


def compare(where: str, chosen: Iterable[Episode]) -> None:
    chosen = list(chosen)
    rows = pd.concat([play(chosen, careful) for careful in (False, True)])
    print(f"{len(chosen)} episodes in {where}\n")
    print("| expert | task | n | success | steps | cost | of the other's |\n|---|---|---|---|---|---|---|")
    means = rows.groupby(["method", "task"])["cost"].mean()
    for (method, task), group in rows.groupby(["method", "task"], sort=False):
        ratio = means[("careful", task)] / means[("shortest path", task)] if method == "careful" else 1.0
        print(f"| {method} | {task} | {len(group)} | {group['success'].mean():.3f} | {group['steps'].mean():.0f} "
              f"| {group['cost'].mean():.2f} | {ratio:.0%} |")  # fmt: skip
    total = rows.groupby("method")["cost"].mean()
    print(f"\ncareful / shortest path, all tasks: {total['careful'] / total['shortest path']:.1%}\n", flush=True)


def memory(args: argparse.Namespace) -> None:
    """Peak memory of 256 environments with houses of six rooms."""
    chosen = list(itertools.islice(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions(rooms=(6, 6))), 256))
    simulator = EmbeddedSimulator(256, (48, 84))
    simulator.reset(chosen)
    for _ in range(5):
        step_costs.step_costs(simulator.step(torch.zeros(256, dtype=torch.int64)))
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    print(
        f"256 environments of six rooms, 2 x 48x84 pictures: {peak:.2f} GiB, torch and the episodes themselves included\n",
        flush=True,
    )


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "memory": memory, "houses": house_rates, "random": random_policy, "experts": experts,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--houses", nargs="*", default=[], help="ProcTHOR house files")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads.prepare(0, args.threads)
    for name, part in PARTS.items():
        if args.only in (None, name):
            part(args)


if __name__ == "__main__":
    main()
