"""How fast a GPU simulates, draws, judges, acts and learns, beside what it could do at most.

    python benchmarks/gpu.py [--envs 4096] [--rollouts 4] [--out results.json]
    torchrun --standalone --nproc-per-node 2 benchmarks/gpu.py --only learn

Ceilings first: a large copy and a large matrix product. Then the embedded simulator alone, random actions, costs and both
cameras included; then PPO-Lagrangian end to end with the `paper` profile's policy, fresh houses drawn by other processes.
Parts are timed with CUDA events around each call, medians over calls; rates are wall-clock over everything.
"""

import argparse
import dataclasses
import itertools
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from safevla.config import params, profiles
from safevla.env import privileged_targets
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.runtime import kernels, ranks, threads
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_workers import GPU_CHUNK, KEPT_PER_ENV, EpisodePool, EpisodeWorkers
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.method import make_method
from safevla.sim.cuda import CudaSimulator
from safevla.tasks import goals, sampling, step_costs
from safevla.tasks.episode_batch import EpisodeBatch

found: dict[str, object] = {}


class Parts:
    """Milliseconds on the GPU by name, from events around calls; a call inside another counts for both."""

    def __init__(self):
        self.events: dict[str, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = defaultdict(list)

    def wrap(self, name: str, function: Callable) -> Callable:
        def timed(*arguments, **named):
            pair = (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
            pair[0].record()
            result = function(*arguments, **named)
            pair[1].record()
            self.events[name].append(pair)
            return result

        return timed

    def table(self) -> dict[str, tuple[float, int]]:
        """Median milliseconds and number of calls."""
        torch.cuda.synchronize()
        return {
            name: (round(statistics.median(a.elapsed_time(b) for a, b in pairs), 3), len(pairs))
            for name, pairs in self.events.items()
        }


def timed_ms(function: Callable[[], object], repeats: int = 20) -> float:
    """Median milliseconds of a call."""
    parts = Parts()
    call = parts.wrap("it", function)
    for _ in range(repeats + 3):
        call()
    parts.events["it"] = parts.events["it"][3:]
    return parts.table()["it"][0]


def ceilings() -> None:
    a = torch.rand(1 << 30, device="cuda")
    b = torch.empty_like(a)
    copy_ms = timed_ms(lambda: b.copy_(a))
    x = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    product_ms = timed_ms(lambda: x @ x)
    found["card"] = torch.cuda.get_device_name()
    found["copy_TB_per_s"] = round(2 * a.numel() * 4 / copy_ms / 1e9, 2)
    found["bf16_TFLOP_per_s"] = round(2 * 8192**3 / product_ms / 1e9, 1)


def simulate(n_envs: int, image_size: tuple[int, int], chosen: EpisodeBatch, steps: int) -> None:
    """Random actions with costs and both cameras, then the same with what a policy observes and an episode's accounts."""
    simulator = CudaSimulator(n_envs, image_size)
    batch = VectorEnv(simulator, 1_000_000)
    slots = torch.arange(n_envs, device="cuda")
    batch.restart_batch(slots, chosen, slots % len(chosen))
    weights = torch.tensor([6, 1, 2, 2, 1, 1] + [0.5] * 10 + [1, 1], device="cuda")
    actions = torch.multinomial(weights, n_envs * (steps + 5), replacement=True).view(-1, n_envs)

    def step_and_judge(row: torch.Tensor) -> None:
        step_costs.step_costs(simulator.step(row))
        simulator.render()

    def rate(step: Callable[[torch.Tensor], object]) -> int:
        for row in actions[:5]:
            step(row)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for row in actions[5:]:
            step(row)
        torch.cuda.synchronize()
        return round(n_envs * steps / (time.perf_counter() - start))

    rates = {"env_steps_per_s": rate(step_and_judge), "observed_env_steps_per_s": rate(batch.step)}
    # each kernel alone, ten calls between two events, so that what the host takes to launch one does not count
    parts = Parts()
    launches: list[tuple] = []
    run = kernels.run_on_cuda
    kernels.run_on_cuda = lambda *call: (launches.append(call), run(*call))[1]
    simulator._carry_out()
    kernels.run_on_cuda = run
    for kernel, *arguments in launches:
        name = kernel.py_func.__name__.strip("_")
        ten = parts.wrap(name, lambda kernel=kernel, given=arguments: [run(kernel, *given) for _ in range(10)])
        for _ in range(5):
            ten()
    before = simulator.scene(copy=True)
    transition = simulator.step(actions[0])
    for name, call in (
        ("step of the simulator", lambda: simulator.step(actions[0])),
        ("costs", lambda: step_costs.step_costs(dataclasses.replace(transition, before=before))),
        ("privileged targets", lambda: privileged_targets.privileged_targets(simulator, batch.goals, None)),
        ("step of the batch", lambda: batch.step(actions[0])),
    ):
        ten = parts.wrap(name, lambda call=call: [call() for _ in range(10)])
        for _ in range(5):
            ten()
    table = {name: round(ms / 10, 3) for name, (ms, _) in parts.table().items()}
    found[f"simulator {n_envs} x {image_size[0]}x{image_size[1]}"] = {**rates, "ms": table}


def learn(profile: params.Params, n_envs: int, rollouts: int, workers: int, compiled: bool) -> None:
    """PPO-Lagrangian end to end."""
    settings = profile.finetune.train.model_copy(update={"n_envs": n_envs})
    torch.manual_seed(0)
    policy = Policy(profile.policy).cuda()
    own = profile.finetune.method_params["ppo_lagrangian"]
    method = make_method("ppo_lagrangian", settings, own, "ObjectNav", profile.costs)
    learner = Learner(policy, method, settings)
    simulator = CudaSimulator(n_envs, profile.policy.image_size)
    rewards = (settings.wrong_done_penalty["ObjectNav"], settings.progress_reward)
    batch = VectorEnv(
        simulator, settings.max_steps, *rewards, coverage_reward=settings.coverage_reward["ObjectNav"], costs=profile.costs
    )
    start = time.perf_counter()
    drawn = (("ObjectNav",), "train", profile.houses, 0, ranks.rank(), ranks.n_ranks(), settings.episodes_per_house)
    drawers = EpisodeWorkers(drawn, workers, "stretch", chunk=GPU_CHUNK)
    pool = EpisodePool(drawers, KEPT_PER_ENV * n_envs, n_envs, "cuda")
    found["pool"] = {"episodes": len(pool), "seconds": round(time.perf_counter() - start, 1)}
    if compiled:
        learner.forward = torch.compile(policy, dynamic=False)
    generator = torch.Generator("cuda").manual_seed(0)
    collector = Collector(batch, pool, generator, settings.freeze_encoder)
    parts = Parts()

    def rollout() -> float:
        torch.cuda.synchronize()
        begun = time.perf_counter()
        pool.refresh()
        collected, _ = parts.wrap("collect", collector.collect)(policy, settings.rollout)
        torch.cuda.synchronize()
        between = time.perf_counter()
        parts.wrap("learn", learner.learn)(collected, generator, only_values=False)
        torch.cuda.synchronize()
        ended = time.perf_counter()
        print(
            f"collect {between - begun:.3f} s, learn {ended - between:.3f} s, {pool.made} made, {pool.played} played", flush=True
        )
        return ended - begun

    rollout()
    policy.act = parts.wrap("act", policy.act)
    batch.step = parts.wrap("step", batch.step)
    pool.restart = parts.wrap("restart", pool.restart)
    seconds = [rollout() for _ in range(rollouts)]
    drawers.close()
    found[f"ppo {n_envs}"] = {
        "ranks": ranks.n_ranks(),
        "env_steps_per_s": round(ranks.n_ranks() * n_envs * settings.rollout / statistics.median(seconds)),
        "parameters": sum(p.numel() for p in policy.parameters()),
        "seconds": [round(s, 3) for s in seconds],
        "ms": parts.table(),
        "episodes_made": pool.made, "episodes_played": pool.played,
        "memory_GiB": round(torch.cuda.max_memory_allocated() / 2**30, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rollouts", type=int, default=4)
    parser.add_argument("--workers", type=int, default=max(1, threads.cores() // ranks.n_local_ranks() - 2))
    parser.add_argument("--compile", action="store_true", help="let torch compile what the learner runs")
    parser.add_argument("--only", nargs="+", default=["ceilings", "simulate", "learn"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    ranks.join_group()
    threads.prepare(0)
    profile = profiles.load("paper")
    parts = {
        "ceilings": ceilings,
        "simulate": lambda: _simulations(profile, arguments),
        "learn": lambda: learn(profile, arguments.envs, arguments.rollouts, arguments.workers, arguments.compile),
    }
    for name in arguments.only:
        parts[name]()
        if arguments.out and ranks.rank() == 0:
            arguments.out.write_text(json.dumps(found, indent=1))
    if ranks.rank() == 0:
        print(json.dumps(found, indent=1))
    ranks.leave_group()


def _simulations(profile: params.Params, arguments: argparse.Namespace) -> None:
    start = time.perf_counter()
    source = sampling.stream(goals.PAPER_TASKS, "train", profile.houses, per_house=4)
    made = list(itertools.islice(source, 512))
    chosen = EpisodeBatch.of(made).to("cuda")
    found["episodes_per_s_of_one_process"] = round(len(made) / (time.perf_counter() - start))
    found["boxes_per_house"] = round(float(np.mean([e.layout.n_boxes for e in made])), 1)
    for n_envs, size in ((1024, (48, 84)), (arguments.envs, (48, 84)), (1024, (224, 384))):
        simulate(n_envs, size, chosen, arguments.steps)


if __name__ == "__main__":
    main()
