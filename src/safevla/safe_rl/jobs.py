"""Fine-tuning jobs: one policy, trained once from the imitation checkpoint, in a process of its own.

Until the constraint sets in, all methods do the same. So that part is trained once, as a job of its own that others follow.

Small networks gain little from a second thread, and ranks wait for each other after every minibatch. So on the CPU a job takes a
core (one for each of its ranks, if it has several), and jobs run side by side; what a job gives does not depend on its
neighbours. On a GPU, or under torchrun, they run one after the other.
"""

import dataclasses
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from safevla.config.house_options import HouseOptions
from safevla.config.params import PPOParams, SimulatorParams
from safevla.config.registry import METHODS
from safevla.policies import policy_files
from safevla.runtime import workers
from safevla.runtime.ranks import launch, n_ranks, rank, wait
from safevla.runtime.threads import cores, machine, prepare
from safevla.safe_rl import training
from safevla.safe_rl.episode_workers import training_source
from safevla.safe_rl.method import make_method, metadata_of
from safevla.sim.factory import make_simulator

# parameters of `finetune.train` that only methods use which say so, by USES
_PART_OF_METHOD = ("cost_limit",)
# Of training houses, beside the demonstrations' 0: who follows another job must not see its houses again. A job's own seed is
# added; streams of different seeds have no house in common (`tasks.sampling`).
_HOUSES_SEED, _LATER_HOUSES_SEED = 100, 200


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """What to train, and the folder that keeps its progress and then its results.

    A job that goes on to the last step leaves `policy.safetensors` and `curve.csv`, one that others follow `learner.safetensors`.
    """

    label: str
    start: Path  # the policy's checkpoint to begin with
    method: str
    task: str
    seed: int
    train: PPOParams
    method_params: dict[str, Any]  # the method's own parameters, as plain data
    costs: tuple[str, ...]  # components that are measured
    houses: HouseOptions
    simulator: SimulatorParams
    folder: Path = Path()
    follows: Path | None = None  # the learner that another job has left; its steps count as this one's first
    until: float = 1.0  # the share of the steps to end after

    @property
    def learner(self) -> Path:
        return self.folder / "learner.safetensors"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.safetensors"

    @property
    def curve(self) -> Path:
        return self.folder / "curve.csv"

    @property
    def n_steps(self) -> float:
        """Environment steps of its own."""
        begun = self.train.multiplier_delay[self.task] if self.follows else 0.0
        return (self.until - begun) * self.train.steps[self.task]

    @property
    def is_finished(self) -> bool:
        return (self.policy if self.until == 1.0 else self.learner).exists()

    def unconstrained(self, label: str) -> "TrainingJob":
        """The job that trains this one's first part, in which cost is not yet counted: PPO's, if the policy's form allows."""
        until = self.train.multiplier_delay[self.task]
        if METHODS.load(self.method).Method.reshapes():
            return dataclasses.replace(self, label=f"{label} {self.method}", until=until)
        return dataclasses.replace(self, label=label, method="ppo", method_params={}, until=until)

    def kept_in(self, folder: Path) -> "TrainingJob":
        return dataclasses.replace(self, folder=folder)


def cache_key(job: TrainingJob) -> dict[str, Any]:
    """What a job's result follows from, apart from its inputs' content and the code: what has no part in it is left out."""
    train = job.train.model_dump(mode="json")
    for name in train:
        if isinstance(train[name], dict) and job.task in train[name]:
            train[name] = train[name][job.task]  # other tasks' numbers
    for name in _PART_OF_METHOD:
        if name not in METHODS.constant(job.method, "USES", ()):
            del train[name]
    chosen = {"houses": job.houses.model_dump(mode="json"), "simulator": job.simulator.model_dump(mode="json")}
    method = {"method": job.method, "method_params": job.method_params, "costs": list(job.costs)}
    return {**method, "task": job.task, "seed": job.seed, "until": job.until, "train": train, **chosen}


def with_first_parts(
    jobs: Iterable[TrainingJob], kept: Callable[[TrainingJob], TrainingJob]
) -> tuple[list[TrainingJob], list[TrainingJob]]:
    """The jobs in two parts where the constraint sets in late: first parts, each once, and the jobs, which follow them.

    kept: a job → the same with a folder.
    """
    first_parts: dict[str, TrainingJob] = {}
    later = []
    for job in jobs:
        if 0 < job.train.multiplier_delay[job.task] < 1:
            first = kept(job.unconstrained(f"first part {job.task} seed {job.seed}"))
            first_parts[first.label] = first
            job = dataclasses.replace(job, follows=first.learner)
        later.append(kept(job))
    return list(first_parts.values()), later


def run(job: TrainingJob) -> None:
    """Train what a job says."""
    prepare(job.seed, 1 if job.simulator.device == "cpu" else None)
    start, _ = policy_files.load(job.start)
    simulator = make_simulator(job.simulator, job.train.n_envs, start.config.image_size)
    per_house, read = job.train.episodes_per_house, start.tokenize
    houses_seed = (_HOUSES_SEED if job.follows is None else _LATER_HOUSES_SEED) + job.seed
    method = make_method(job.method, job.train, job.method_params, job.task, job.costs)
    progress = job.folder / "progress.safetensors"
    with training_source(job.simulator, simulator, [job.task], job.houses, houses_seed, per_house, read) as source:
        learner = training.train(
            start, method, simulator, source, job.train, job.seed, progress, job.label, job.follows, job.until
        )
    simulator.close()
    if rank() == 0 and job.until < 1.0:
        learner.save(job.learner)
    elif rank() == 0:
        training.curve_table(learner).to_csv(job.curve, index=False)
        metadata = metadata_of(job.method, job.train, job.method_params, job.task, job.costs)
        metadata |= {"steps": learner.steps, "multiplier": learner.method.cost_weight, "machine": machine(simulator.device)}
        policy_files.save(learner.policy, job.policy, **metadata)
    wait()


def side_by_side(simulator: SimulatorParams, ranks: int, threads: int) -> int:
    """How many jobs of so many ranks run at a time, with `threads` cores (0: all)."""
    if n_ranks() > 1 or simulator.device == "cuda":
        return 1
    return max(1, (threads or cores()) // ranks)


def run_all(jobs: Iterable[TrainingJob], threads: int) -> None:
    """Run those jobs, all of one simulator and so many ranks, that are not finished, `side_by_side` and the longest first.

    Raises RegistryError before any begins where a method's parameters are wrong.
    """
    waiting = sorted((job for job in jobs if not job.is_finished), key=lambda job: -job.n_steps)
    wait()  # all ranks have seen the same jobs waiting
    if not waiting:
        return
    for job in waiting:
        make_method(job.method, job.train, job.method_params, job.task, job.costs)
    ranks = waiting[0].train.ranks
    at_a_time = side_by_side(waiting[0].simulator, ranks, threads)
    for _ in workers.run(partial(launch, run, n_ranks=ranks), waiting, at_a_time):
        pass
