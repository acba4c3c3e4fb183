"""Fine-tuning jobs: one policy, trained once from the imitation checkpoint, in a process of its own.

Small networks gain little from a second thread, so on the CPU a job takes a core for each of its ranks, and jobs run side by
side; what a job gives does not depend on its neighbours. On a GPU, or under torchrun, they run one after the other.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from safevla import compute, distributed, policy, ppo, workers
from safevla.house_options import HouseOptions
from safevla.params import PPOParams, SimulatorParams
from safevla.pool import training_source
from safevla.sim.choose import make_simulator


@dataclasses.dataclass(frozen=True)
class Job:
    """What to train, and the folder that keeps its progress and then `policy.safetensors` and `curve.csv`."""

    label: str
    folder: Path
    start: Path  # the policy's checkpoint to begin with
    method: str
    task: str
    seed: int
    train: PPOParams
    houses: HouseOptions
    simulator: SimulatorParams

    @property
    def policy(self) -> Path:
        return self.folder / "policy.safetensors"

    @property
    def curve(self) -> Path:
        return self.folder / "curve.csv"


def run(job: Job) -> None:
    """Train what a job says."""
    compute.prepare(job.seed, 1 if job.simulator.device == "cpu" else None)
    start, _ = policy.load(job.start)
    simulator = make_simulator(job.simulator, job.train.n_envs, start.config.image_size)
    per_house, read = job.train.episodes_per_house, start.tokenize
    with training_source(job.simulator, simulator, [job.task], job.houses, 1000 + job.seed, per_house, read) as source:
        progress = job.folder / "progress.safetensors"
        learner = ppo.train(start, job.method, job.task, simulator, source, job.train, job.seed, progress, job.label)
    simulator.close()
    if distributed.rank() == 0:
        ppo.curve_table(learner).to_csv(job.curve, index=False)
        facts = {"steps": learner.steps, "multiplier": learner.multiplier.value, "method": job.method, "task": job.task}
        facts["machine"] = compute.machine(simulator.device)
        policy.save(learner.policy, job.policy, **facts)
    distributed.wait()


def run_all(jobs: Sequence[Job], threads: int) -> None:
    """Run those jobs, all of one simulator, that are not finished; as many at a time as `threads` suffice for (0: all cores)."""
    waiting = [job for job in jobs if not job.policy.exists()]
    distributed.wait()  # all ranks have seen the same jobs waiting
    if not waiting:
        return
    simulator = waiting[0].simulator
    one_by_one = distributed.n_ranks() > 1 or simulator.device == "cuda"
    at_a_time = 1 if one_by_one else max(1, (threads or compute.cores()) // simulator.ranks)
    for _ in workers.run(partial(distributed.launch, run, n_ranks=simulator.ranks), waiting, at_a_time):
        pass
