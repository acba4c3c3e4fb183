"""Training jobs: what methods share is trained once, what a result follows from, and who runs beside whom."""

import dataclasses
import json
import types
from pathlib import Path

import pandas as pd
import pytest

from safevla.config import profiles
from safevla.config.registry import METHODS, RegistryError
from safevla.evaluation import actors
from safevla.policies import policy_files
from safevla.policies.vla import with_cost_heads
from safevla.runtime import workers
from safevla.safe_rl import episode_workers, method
from safevla.safe_rl import jobs as training_jobs
from safevla.safe_rl.jobs import _PART_OF_METHOD, TrainingJob, cache_key, run_all, side_by_side, with_first_parts
from safevla.tasks.goals import PAPER_TASKS
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import ppo_params, tiny_policy

PRICES = {"ppo": 0.0, "ppo_fixed_penalty": 0.4, "ppo_lagrangian": 0.6}  # each method's, of one unit of cost
OWN = {
    "ppo": {},
    "ppo_fixed_penalty": {"penalty": 0.4},
    "ppo_lagrangian": {"multiplier_init": 0.6, "multiplier_lr": 0.0},
}


def _job(name: str, start: Path, task: str, train, **changes) -> TrainingJob:
    smoke = profiles.load("smoke")
    given = {"label": f"{name} {task}", "method_params": OWN.get(name, {}), "costs": PAPER_COSTS, "houses": smoke.houses}
    simulator = smoke.simulator.model_copy(update={"n_envs": 8})
    return TrainingJob(start=start, method=name, task=task, seed=0, train=train, simulator=simulator, **given | changes)


def test_what_comes_before_the_constraint_is_trained_once_for_all_methods(tmp_path, monkeypatch):
    policy_files.save(tiny_policy(), tmp_path / "start.safetensors")
    train = ppo_params(
        steps=dict.fromkeys(PAPER_TASKS, 512), multiplier_delay=dict.fromkeys(PAPER_TASKS, 0.5), n_envs=8, rollout=8
    )
    houses_drawn = []
    training_source = episode_workers.training_source
    monkeypatch.setattr(training_jobs, "training_source", lambda *given: houses_drawn.append(given[4]) or training_source(*given))

    def kept(job: TrainingJob) -> TrainingJob:
        folder = tmp_path / job.label
        folder.mkdir(exist_ok=True)
        return job.kept_in(folder)

    jobs = [_job(name, tmp_path / "start.safetensors", "ObjectNav", train) for name in PRICES]
    (first,), later = with_first_parts(jobs, kept)
    assert first.method == "ppo" and all(job.follows == first.learner for job in later)
    run_all([first], 1)
    assert first.is_finished and not first.policy.exists()
    run_all(later, 1)
    run_all([first, *later], 1)  # nothing is left to do
    assert houses_drawn[0] != houses_drawn[1] and len(houses_drawn) == 4 and len(set(houses_drawn[1:])) == 1
    curves = {one.method: pd.read_csv(one.curve) for one in later}
    for name, price in PRICES.items():
        curve = curves[name]
        assert curve["steps"].tolist() == list(range(64, 513, 64))
        pd.testing.assert_frame_equal(curve[:4], curves["ppo"][:4], check_exact=True)
        assert curve["multiplier"].tolist() == pytest.approx([0.0] * 4 + [price] * 4)
    assert not curves["ppo"]["loss_policy"].equals(curves["ppo_fixed_penalty"]["loss_policy"])
    _, metadata = policy_files.load(later[1].policy)
    assert metadata["multiplier"] == 0.4 and metadata["training"]["method_params"] == {"penalty": 0.4}
    assert actors.load_actor(later[1].policy, 2, 0, 0.0, 1.0, "cpu").filter_action.__self__.own.penalty == 0.4


def test_a_method_whose_policy_has_another_form_begins_on_its_own(tmp_path, monkeypatch):
    """Its critic has an output for each cost, so that it cannot go on from where plain PPO ended."""
    widening = {"transform_policy": lambda self, policy: with_cost_heads(policy, 3)}
    assert type("Method", (method.Method,), widening).reshapes() and not method.Method.reshapes()
    components = types.SimpleNamespace(Method=type("Method", (method.Method,), {"per_component": True}))
    load = METHODS.load
    monkeypatch.setattr(METHODS, "load", lambda name: components if name == "ppo_fixed_penalty" else load(name))
    train = ppo_params(multiplier_delay=dict.fromkeys(PAPER_TASKS, 0.5))
    jobs = [_job(name, tmp_path, "Fetch", train) for name in PRICES]
    firsts, later = with_first_parts(jobs, lambda job: job.kept_in(tmp_path / job.label))
    assert [job.method for job in firsts] == ["ppo", "ppo_fixed_penalty"]
    assert later[0].follows == later[2].follows == firsts[0].learner != later[1].follows == firsts[1].learner


def test_jobs_take_a_core_each_and_the_longest_begins(tmp_path, monkeypatch):
    smoke = profiles.load("smoke")
    train = ppo_params(
        steps={"ObjectNav": 1200, "Pickup": 660, "Fetch": 1200}, multiplier_delay={"ObjectNav": 0.5, "Pickup": 0.2, "Fetch": 0.0}
    )
    jobs = [_job(name, tmp_path, task, train) for task in PAPER_TASKS for name in PRICES]
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


def test_wrong_parameters_of_a_method_are_said_before_any_job_begins(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(workers, "run", lambda *given: begun.append(given) or [])
    jobs = [_job(name, tmp_path, "Fetch", ppo_params()) for name in PRICES]
    jobs[2] = dataclasses.replace(jobs[2], method_params={"multiplier_int": 0.6})
    with pytest.raises(RegistryError, match=r"finetune\.method_params\.ppo_lagrangian\.multiplier_int: unknown parameter"):
        run_all(jobs, 2)
    assert not begun


def test_what_a_job_follows_from_is_what_its_method_and_task_use():
    train = ppo_params()

    def key(name: str, own: dict | None = None, costs=PAPER_COSTS, **changes) -> dict:
        own = OWN[name] if own is None else own
        return cache_key(
            _job(name, Path("start"), "Pickup", train.model_copy(update=changes), method_params=own, costs=tuple(costs))
        )

    other_limit = {"cost_limit": train.cost_limit | {"Pickup": 9.0}}
    assert key("ppo") == key("ppo", **other_limit) != key("ppo", lr=1.0)
    assert key("ppo_lagrangian") != key("ppo_lagrangian", **other_limit)
    assert key("ppo_lagrangian") == key("ppo_lagrangian", cost_limit=train.cost_limit | {"Fetch": 9.0})
    assert key("ppo_lagrangian") != key("ppo_lagrangian", OWN["ppo_lagrangian"] | {"multiplier_init": 0.1})
    assert key("ppo_fixed_penalty") != key("ppo_fixed_penalty", {"penalty": 7.0})
    assert key("ppo") != key("ppo", costs=PAPER_COSTS[:2])
    unused = set(train.model_dump()) - set(key("ppo")["train"])
    assert unused == set(_PART_OF_METHOD)
    assert json.dumps(key("ppo"))
