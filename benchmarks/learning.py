"""How fast policies learn: PPO-Lagrangian end to end, where the time goes, and Stable-Baselines3's PPO beside it.

    python benchmarks/learning.py

Both train on the same environments: generated houses with fresh episodes, both cameras at the profile's size, as many
environments, steps per rollout, epochs and minibatches. Ours trains as the pipeline does, a policy on each core, side by side,
and from the policy that its imitation has left, if there is one: an untrained one's episodes end early, and more time goes into
starting new ones. Stable-Baselines3's trains one policy with as many threads, which it does better with than with one. It has
no memory: its network is the Nature CNN for each camera and a layer of 64; its cost column is not learnt from. Rollouts of the
two take turns, and every figure is the median over them, so that ratios hold on a machine whose speed drifts.
"""

import argparse
import multiprocessing
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from safevla.config import params, profiles
from safevla.env import privileged_targets
from safevla.env.vector_env import VectorEnv
from safevla.policies import policy_files
from safevla.policies.vla import Policy
from safevla.runtime import threads
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.learner import Learner
from safevla.safe_rl.method import make_method
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling, step_costs

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


def ours(settings: params.PPOParams, profile: params.Params, seed: int) -> tuple[Callable[[], None], Stopwatch, int]:
    """A function that trains one rollout, the stopwatch that it runs on, and the policy's number of parameters."""
    watch = Stopwatch()
    torch.manual_seed(seed)
    learnt = profiles.root() / "data" / "laptop" / "imitation" / "policy.safetensors"
    policy = policy_files.load(learnt)[0] if learnt.exists() else Policy(profile.policy)
    method = make_method("ppo_lagrangian", settings, profile.finetune.method_params["ppo_lagrangian"], TASK, profile.costs)
    learner = Learner(policy, method, settings)
    simulator = EmbeddedSimulator(settings.n_envs, profile.policy.image_size, profile.simulator.robot)
    rewards = (settings.wrong_done_penalty[TASK], settings.progress_reward)
    batch = VectorEnv(
        simulator, settings.max_steps, *rewards, coverage_reward=settings.coverage_reward[TASK], costs=profile.costs
    )
    houses = sampling.stream([TASK], "train", profile.houses, seed, per_house=settings.episodes_per_house)
    source = IteratorSource(iter(watch.wrap("draw houses", lambda: next(houses)), None))
    generator = torch.Generator().manual_seed(seed)
    collector = Collector(batch, source, generator, settings.freeze_encoder)
    simulator._draw = watch.wrap("render", simulator._draw)
    simulator.step = watch.wrap("simulate", simulator.step)
    batch.restart = watch.wrap("start episodes", batch.restart)
    step_costs.step_costs = watch.wrap("costs", step_costs.step_costs)
    privileged_targets.privileged_targets = watch.wrap("privileged targets", privileged_targets.privileged_targets)
    policy.act = watch.wrap("act", policy.act)
    learn = watch.wrap("learn", learner.learn)

    def rollout() -> None:
        collected, ended = watch.wrap("the rest", collector.collect)(policy, settings.rollout)
        learner.after_rollout(collected, ended)
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


def _train(seed: int, settings, profile, rollouts: int, turn, results) -> None:
    """What a core does: a rollout whenever it is our turn; then how long each took, and what with."""
    threads.prepare(seed, 1)
    rollout, watch, n_parameters = ours(settings, profile, seed)
    taken = []
    for number in range(rollouts + 1):
        if number == 1:
            watch.seconds.clear()  # the first warms up
        turn.wait()
        start = time.perf_counter()
        rollout()
        taken.append(time.perf_counter() - start)
        turn.wait()  # the others are done too: now it is theirs
    results.put((taken[1:], dict(watch.seconds), n_parameters))


def compare(rollouts: int, n_policies: int) -> None:
    """Train, time and print."""
    profile = profiles.load("laptop")
    settings = profile.finetune.train
    context = multiprocessing.get_context("spawn")
    turn = context.Barrier(n_policies + 1, timeout=600)  # seconds, so that a dead process is noticed
    results = context.Queue()
    given = (settings, profile, rollouts, turn, results)
    trainings = [context.Process(target=_train, args=(seed, *given), daemon=True) for seed in range(n_policies)]
    for training in trainings:
        training.start()
    threads.prepare(0, n_policies)
    model, n_theirs = theirs(settings, profile)
    of_theirs = []
    for _ in range(rollouts + 1):
        turn.wait()
        turn.wait()
        start = time.perf_counter()
        model()
        of_theirs.append(time.perf_counter() - start)
    of_ours = [results.get() for _ in trainings]
    steps = settings.n_envs * settings.rollout
    ours_rate = sum(steps / statistics.median(taken) for taken, _, _ in of_ours)
    theirs_rate = steps / statistics.median(of_theirs[1:])
    height, width = profile.policy.image_size
    print(f"{n_policies} policies side by side, {settings.n_envs} environments each, 2 x {height}x{width}")
    print(f"{settings.rollout} steps a rollout, {settings.epochs} epochs, {settings.minibatches} minibatches\n")
    print("| algorithm | parameters | env-steps/s | ratio |\n|---|---|---|---|")
    print(f"| PPO-Lagrangian (safevla) | {of_ours[0][2]:,} | {ours_rate:,.0f} | {ours_rate / theirs_rate:.2f} |")
    print(f"| PPO (Stable-Baselines3) | {n_theirs:,} | {theirs_rate:,.0f} | 1 |")
    seconds = {name: sum(watch[name] for _, watch, _ in of_ours) for name in of_ours[0][1]}
    total = sum(seconds.values())
    print("\n| part, of all cores' time | share |\n|---|---|")
    for name, taken_by in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"| {name} | {taken_by / total:.1%} |")
    network = seconds["act"] + seconds["learn"]
    print(f"\n{1 - network / total:.1%} of the time is not neural-network arithmetic", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rollouts", type=int, default=7)
    parser.add_argument("--policies", type=int, default=threads.cores())
    arguments = parser.parse_args()
    compare(arguments.rollouts, arguments.policies)


if __name__ == "__main__":
    main()
