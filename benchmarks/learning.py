"""How fast the policy learns: PPO-Lagrangian end to end, where the time goes, and Stable-Baselines3's PPO beside it.

    python benchmarks/learning.py

Both train on the same environments: generated houses with fresh episodes, both cameras at the profile's size, as many
environments, steps per rollout, epochs and minibatches. Ours trains as the pipeline does, with the profile's ranks, a thread
each, and from the policy that its imitation has left, if there is one: an untrained one's episodes end early, and more time
goes into starting new ones. Stable-Baselines3's trains with as many threads, which it does better with than with one. It has
no memory: its network is the Nature CNN for each camera and a layer of 64; its cost column is not learnt from. Rollouts of the
two take turns, and every figure is the median over them, so that ratios hold on a machine whose speed drifts.
"""

import argparse
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

import safevla.env  # noqa: F401, registers the environments
from safevla import compute, costs, distributed, episodes, params, perception, ppo
from safevla import policy as policies
from safevla.batch import Batch
from safevla.policy import Policy
from safevla.rollout import Collector, Stream
from safevla.sim.embedded import EmbeddedSimulator

TASK = "ObjectNav"


class Stopwatch:
    """Seconds by name; what is measured inside something else is taken from that."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def wrap(self, name: str, function: Callable) -> Callable:
        def timed(*arguments, **named):
            self._inner.append(0.0)
            start = time.perf_counter()
            result = function(*arguments, **named)
            elapsed = time.perf_counter() - start
            self.seconds[name] += elapsed - self._inner.pop()
            self._inner[-1] += elapsed
            return result

        return timed


def ours(settings: params.PPOParams, profile: params.Params) -> tuple[Callable[[], None], Stopwatch, int]:
    """A function that trains one rollout, the stopwatch that it runs on, and the policy's number of parameters."""
    watch = Stopwatch()
    torch.manual_seed(0)
    learnt = params.root() / "data" / "laptop" / "imitation" / "policy.safetensors"
    policy = policies.load(learnt)[0] if learnt.exists() else Policy(profile.policy)
    learner = ppo.Learner(policy, "ppo_lagrangian", TASK, settings)
    simulator = EmbeddedSimulator(settings.n_envs, profile.policy.image_size, profile.simulator.robot)
    batch = Batch(simulator, settings.max_steps, settings.wrong_done_penalty[TASK], settings.progress_reward)
    share = (distributed.rank(), distributed.n_ranks())
    houses = episodes.stream([TASK], "train", profile.houses, 0, *share, settings.episodes_per_house)
    source = Stream(iter(watch.wrap("draw houses", lambda: next(houses)), None))
    collector = Collector(batch, source, torch.Generator().manual_seed(distributed.rank()), settings.freeze_encoder)
    simulator._draw = watch.wrap("render", simulator._draw)
    simulator.step = watch.wrap("simulate", simulator.step)
    batch.restart = watch.wrap("start episodes", batch.restart)
    costs.judge = watch.wrap("costs", costs.judge)
    perception.truth = watch.wrap("perception targets", perception.truth)
    policy.act = watch.wrap("act", policy.act)
    asking = [(distributed, name) for name in ("mean", "mean_count", "standardised")]
    for owner, name in [(distributed.Gradients, "average"), *asking]:
        setattr(owner, name, watch.wrap("wait for the other ranks", getattr(owner, name)))
    learn = watch.wrap("learn", learner.learn)
    generator = torch.Generator().manual_seed(0)

    def rollout() -> None:
        collected, ended = watch.wrap("the rest", collector.collect)(policy, settings.rollout)
        learner.multiplier.update(distributed.mean(sum(e.cost for e in ended), len(ended)))
        learn(collected, generator, only_values=False)

    return rollout, watch, sum(p.numel() for p in policy.parameters())


class _Vector(VecEnv):
    """The native vector environment as Stable-Baselines3 wants it."""

    def __init__(self, n_envs: int, image_size: tuple[int, int], max_steps: int):
        self.envs = gymnasium.make_vec(f"SafetyChores/{TASK}-v0", num_envs=n_envs, image_size=image_size, max_steps=max_steps)
        super().__init__(n_envs, self.envs.single_observation_space, self.envs.single_action_space)
        self._actions = np.zeros(n_envs, np.int64)

    def reset(self):
        return self.envs.reset(seed=0)[0]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self):
        observation, reward, terminated, truncated, _ = self.envs.step(self._actions)
        return observation, reward, terminated | truncated, [{} for _ in range(self.num_envs)]

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name, indices=None):
        return [None] * self.num_envs

    def set_attr(self, attr_name, value, indices=None) -> None:
        raise NotImplementedError

    def env_method(self, method_name, *arguments, indices=None, **named):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


def theirs(settings: params.PPOParams, profile: params.Params) -> tuple[Callable[[], None], int]:
    """The same for Stable-Baselines3's PPO."""
    environments = _Vector(settings.n_envs, profile.policy.image_size, settings.max_steps)
    size = settings.n_envs * settings.rollout
    model = PPO(
        "MultiInputPolicy", environments, n_steps=settings.rollout, n_epochs=settings.epochs,
        batch_size=size // settings.minibatches, learning_rate=settings.lr, device="cpu", seed=0,
    )  # fmt: skip
    return lambda: model.learn(size, reset_num_timesteps=False), sum(p.numel() for p in model.policy.parameters())


def compare(rollouts: int) -> None:
    """What every rank does; the first prints."""
    n_ranks = distributed.n_ranks()
    profile = params.load("laptop")
    settings = profile.finetune.train
    compute.prepare(0, 1)
    rollout, watch, n_ours = ours(settings, profile)
    all_envs = settings.model_copy(update={"n_envs": settings.n_envs * n_ranks})
    model, n_theirs = theirs(all_envs, profile) if distributed.rank() == 0 else (lambda: None, 0)
    steps = all_envs.n_envs * settings.rollout
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for turn, (name, run) in itertools.product(range(rollouts + 1), (("ours", rollout), ("theirs", model))):
        compute.prepare(0, 1 if name == "ours" else n_ranks)
        if turn == 1 and name == "ours":
            watch.seconds.clear()  # the first turn warms up
        distributed.wait()
        start = time.perf_counter()
        run()
        distributed.wait()
        taken[name].append(time.perf_counter() - start)
    of_ranks = [watch.seconds] * n_ranks
    if n_ranks > 1:
        torch.distributed.all_gather_object(of_ranks, dict(watch.seconds))
    if distributed.rank() > 0:
        return
    rate = {name: steps / statistics.median(seconds[1:]) for name, seconds in taken.items()}
    height, width = profile.policy.image_size
    print(f"{n_ranks} ranks of {settings.n_envs} environments, 2 x {height}x{width}, {settings.rollout} steps a rollout, "
          f"{settings.epochs} epochs, {settings.minibatches} minibatches\n")  # fmt: skip
    print("| algorithm | parameters | env-steps/s | ratio |\n|---|---|---|---|")
    print(f"| PPO-Lagrangian (safevla) | {n_ours:,} | {rate['ours']:,.0f} | {rate['ours'] / rate['theirs']:.2f} |")
    print(f"| PPO (Stable-Baselines3) | {n_theirs:,} | {rate['theirs']:,.0f} | 1 |")
    seconds = {name: sum(of_rank[name] for of_rank in of_ranks) for name in of_ranks[0]}
    total = sum(seconds.values())
    print("\n| part, of all ranks' time | share |\n|---|---|")
    for name, taken_by in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"| {name} | {taken_by / total:.1%} |")
    network = seconds["act"] + seconds["learn"]
    print(f"\n{1 - network / total:.1%} of the time is not neural-network arithmetic", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=7)
    parser.add_argument("--ranks", type=int, default=params.load("laptop").simulator.ranks)
    arguments = parser.parse_args()
    distributed.launch(compare, arguments.rollouts, arguments.ranks)


if __name__ == "__main__":
    main()
