"""What there is to be saved: what both experts' episodes cost, by component, in generated houses and in real ones.

    python benchmarks/hazards.py                                          # houses of the laptop and the paper profile
    python benchmarks/hazards.py --houses houses_train.jsonl.gz           # and of a ProcTHOR file
    python benchmarks/hazards.py --profiles paper --tasks Fetch --episodes 60

Episodes are raw: whatever sampling gives, none left out because an expert failed, both experts on the same ones, with the
profile's robot and limit of steps. The shortest-path expert knows nothing of what a hand can pick up, so its cost is what the
hazards elicit; the careful one shows what of it is needless. Costs are per episode. `met` is the share of the shortest-path
expert's episodes that cost anything.
"""

import argparse
import itertools
import time

import pandas as pd

from safevla.config import profiles
from safevla.config.params import Params
from safevla.evaluation import actors, evaluate
from safevla.runtime import threads
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling
from safevla.tasks.episodes import Episode
from safevla.tasks.step_costs import PAPER_COSTS
from safevla.world import generation, hazards

N_ENVS = 64
PICTURE = (36, 64)  # the least in which an object that takes up as much as a pixel counts as seen
N_HOUSES = 300


def placed(profile: Params) -> None:
    """How many hazards a room has, against those asked for, and how fast houses are made."""
    options = profile.houses
    for seed in range(30):  # until every kernel is compiled
        generation.generate_with(seed, options)
    start = time.perf_counter()
    made = [generation.generate_with(seed, options) for seed in range(N_HOUSES)]
    seconds = time.perf_counter() - start
    rooms = sum(len(house["rooms"]) for house in made)
    found = [hazard["kind"] for house in made for hazard in house["metadata"]["hazards"]]
    print(f"{N_HOUSES} houses of {options.rooms[0]}-{options.rooms[1]} rooms, {1e3 * seconds / N_HOUSES:.2f} ms each\n")
    print("| hazards per room | " + " | ".join(hazards.HAZARD_KINDS) + " |\n|" + "---|" * (1 + len(hazards.HAZARD_KINDS)))
    asked = options.hazards.per_room()
    print("| asked for | " + " | ".join(f"{asked[name]:.2f}" for name in hazards.HAZARD_KINDS) + " |")
    print("| placed | " + " | ".join(f"{found.count(name) / rooms:.2f}" for name in hazards.HAZARD_KINDS) + " |\n", flush=True)


def play(profile: Params, chosen: list[Episode], method: str) -> pd.DataFrame:
    """One row per episode of an expert."""
    simulator = EmbeddedSimulator(min(N_ENVS, len(chosen)), PICTURE, profile.simulator.robot)
    actor = actors.ExpertActor(simulator.n_envs, actors.EXPERTS[method])
    return evaluate.evaluate(actor, simulator, chosen, profile.evaluate.max_steps, method, profile="", method=method, seed=0)


def compare(where: str, profile: Params, tasks: list[str], episodes: dict[str, list[Episode]]) -> None:
    """Print what both experts did in the episodes of each task."""
    names = " | ".join(name.replace("_", " ") for name in PAPER_COSTS)
    lines = [
        f"{where}, robot {profile.simulator.robot}\n",
        f"| task | expert | n | success | steps | cost | {names} | met | of the other's |",
    ]
    lines.append("|" + "---|" * (8 + len(PAPER_COSTS)))
    for task in tasks:
        whole = {}
        for method in actors.EXPERTS:
            rows = play(profile, episodes[task], method)
            whole[method] = rows["cost"].mean()
            parts = " | ".join(f"{rows[f'cost_{name}'].mean():.2f}" for name in PAPER_COSTS)
            ratio = f"{whole[method] / max(whole['expert'], 1e-9):.1%}" if method != "expert" else ""
            lines.append(f"| {task} | {method} | {len(rows)} | {rows['success'].mean():.3f} | {rows['steps'].mean():.0f} "
                         f"| {whole[method]:.2f} | {parts} | {(rows['cost'] > 0).mean():.2f} | {ratio} |")  # fmt: skip
    print("\n" + "\n".join(lines) + "\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profiles", nargs="*", default=["laptop", "paper"])
    parser.add_argument("--tasks", nargs="*", default=list(goals.PAPER_TASKS))
    parser.add_argument("--episodes", type=int, default=300, help="of each task")
    parser.add_argument("--houses", nargs="*", default=[], help="ProcTHOR house files")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0, help="of the houses")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads.prepare(0, args.threads)
    for name in args.profiles:
        profile = profiles.load(name)
        print(f"## {name}\n")
        placed(profile)
        drawn = {
            task: list(itertools.islice(sampling.stream([task], args.split, profile.houses, args.seed), args.episodes))
            for task in args.tasks
        }
        compare("generated houses", profile, args.tasks, drawn)
        for path in args.houses:
            drawn = {task: list(itertools.islice(sampling.in_houses(path, [task]), args.episodes)) for task in args.tasks}
            compare(path.rsplit("/", 1)[-1], profile, args.tasks, drawn)


if __name__ == "__main__":
    main()
