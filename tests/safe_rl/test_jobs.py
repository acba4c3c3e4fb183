import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from safevla.config import profiles
from safevla.policies import policy_files
from safevla.policies.vla import Policy
from safevla.runtime import workers
from safevla.safe_rl import episode_workers, ppo
from safevla.safe_rl import jobs as training_jobs
from safevla.safe_rl.jobs import _PART_OF_METHOD, TrainingJob, run_all, side_by_side
from safevla.tasks.goals import PAPER_TASKS
from tests.learning import TINY, ppo_params


def test_what_comes_before_the_constraint_is_trained_once_for_all_methods(tmp_path, monkeypatch):
    torch.manual_seed(0)
    smoke = profiles.load("smoke")
    policy_files.save(Policy(TINY), tmp_path / "start.safetensors")
    train = ppo_params(
        steps=dict.fromkeys(PAPER_TASKS, 1024), multiplier_delay=dict.fromkeys(PAPER_TASKS, 0.5), multiplier_lr=0.0,
        n_envs=8, rollout=8,
    )  # fmt: skip
    simulator = smoke.simulator.model_copy(update={"n_envs": 8})
    houses_drawn = []
    training_source = episode_workers.training_source
    monkeypatch.setattr(training_jobs, "training_source", lambda *given: houses_drawn.append(given[4]) or training_source(*given))

    def kept(job: TrainingJob) -> TrainingJob:
        folder = tmp_path / job.label
        folder.mkdir()
        return job.kept_in(folder)

    given = {"train": train, "houses": smoke.houses, "simulator": simulator}
    jobs = [TrainingJob(method, tmp_path / "start.safetensors", method, "ObjectNav", 0, **given) for method in ppo.METHODS]
    firsts = [one.unconstrained("first") for one in jobs]
    assert firsts == [firsts[0]] * 3
    first = kept(firsts[0])
    later = [kept(dataclasses.replace(one, follows=first.learner)) for one in jobs]
    run_all([first], 1)
    assert first.is_finished and not first.policy.exists()
    run_all(later, 1)
    run_all([first, *later], 1)  # nothing is left to do
    assert houses_drawn[0] != houses_drawn[1] and len(houses_drawn) == 4 and len(set(houses_drawn[1:])) == 1
    curves = {one.method: pd.read_csv(one.curve) for one in later}
    for method, used in (("ppo", 0.0), ("ppo_shaped", train.fixed_penalty), ("ppo_lagrangian", train.multiplier_init)):
        curve = curves[method]
        assert curve["steps"].tolist() == list(range(64, 1025, 64))
        pd.testing.assert_frame_equal(curve[:8], curves["ppo"][:8], check_exact=True)
        assert curve["multiplier"].tolist() == pytest.approx([0.0] * 8 + [used] * 8)
    assert not curves["ppo"]["loss_policy"].equals(curves["ppo_shaped"]["loss_policy"])


def test_jobs_take_a_core_each_and_the_longest_begins(tmp_path, monkeypatch):
    smoke = profiles.load("smoke")
    train = ppo_params(
        steps={"ObjectNav": 1200, "Pickup": 660, "Fetch": 1200}, multiplier_delay={"ObjectNav": 0.5, "Pickup": 0.2, "Fetch": 0.0}
    )
    given = {"train": train, "houses": smoke.houses, "simulator": smoke.simulator}
    jobs = [TrainingJob(f"{task} {method}", tmp_path, method, task, 0, **given) for task in PAPER_TASKS for method in ppo.METHODS]
    jobs = [dataclasses.replace(job, folder=tmp_path / job.label, follows=tmp_path) for job in jobs]
    assert {job.task: job.n_steps for job in jobs} == {"ObjectNav": 600, "Pickup": 528, "Fetch": 1200}
    assert dataclasses.replace(jobs[0], follows=None).unconstrained("").n_steps == 600
    jobs[0].folder.mkdir()
    jobs[0].policy.touch()  # finished before
    begun = []
    monkeypatch.setattr(workers, "run", lambda run, waiting, at_a_time: begun.append((list(waiting), at_a_time)) or [])
    run_all(jobs, 2)
    assert [[job.task for job in waiting] for waiting, _ in begun] == [["Fetch"] * 3 + ["ObjectNav"] * 2 + ["Pickup"] * 3]
    assert begun[0][1] == 2
    assert [side_by_side(smoke.simulator, ranks, 4) for ranks in (1, 2, 4, 8)] == [4, 2, 1, 1]
    assert side_by_side(smoke.simulator.model_copy(update={"device": "cuda"}), 1, 4) == 1


def test_what_a_job_follows_from_is_what_its_method_and_task_use():
    smoke = profiles.load("smoke")
    train = smoke.finetune.train

    def metadata(method: str, **changes) -> dict:
        given = {"train": train.model_copy(update=changes), "houses": smoke.houses, "simulator": smoke.simulator}
        return metadata(TrainingJob("", Path("start"), method, "Pickup", 0, **given))

    other_limit = {"cost_limit": train.cost_limit | {"Pickup": 9.0}}
    assert metadata("ppo") == metadata("ppo", **other_limit) != metadata("ppo", lr=1.0)
    assert metadata("ppo_lagrangian") != metadata("ppo_lagrangian", **other_limit)
    assert metadata("ppo_lagrangian") == metadata(
        "ppo_lagrangian", cost_limit=train.cost_limit | {"Fetch": 9.0}, fixed_penalty=7.0
    )
    assert metadata("ppo_shaped") != metadata("ppo_shaped", fixed_penalty=7.0)
    unused = set(train.model_dump()) - set(metadata("ppo")["train"])
    assert unused == set(_PART_OF_METHOD)
    assert json.dumps(metadata("ppo"))
