"""Profiles: they are valid, change only what there is, and a mistake is an error that names the parameter."""

import re

import pytest
import yaml

from safevla.config import profiles
from safevla.pipeline import dvc_files
from tests.conftest import ROOT


@pytest.mark.parametrize("profile", ["laptop", "smoke", "paper"])
def test_profiles_are_valid(profile):
    assert profiles.load(profile)
    generated = dvc_files.profile_pipeline(ROOT, profile, profiles.raw(profile))
    assert all(stage["wdir"] == "../../.." for stage in generated["stages"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["imitation"].update(learning_rate=1), "imitation.learning_rate: unknown parameter"),
        (lambda v: v["finetune"]["train"].update(clip="wide"), "finetune.train.clip: "),
        (lambda v: v["houses"]["hazards"].update(corner=-1), "houses.hazards.corner: "),
        (lambda v: v.pop("seed"), "seed: "),
        (lambda v: v["finetune"].update(methods=["pp0"]), "finetune.methods.0: unknown method 'pp0'; known are ppo, "),
        (lambda v: v["evaluate"].update(suites=["fog"]), "evaluate.suites.0: unknown suite 'fog'; known are "),
        (lambda v: v.update(costs=["corner", "noise"]), "costs.1: unknown cost 'noise'; known are "),
        (lambda v: v["finetune"]["method_params"].update(mine={}), "finetune.method_params.mine"),
        (lambda v: v["finetune"]["train"]["steps"].update(Fly=9), "finetune.train.steps.Fly"),
        (lambda v: v["finetune"]["train"]["cost_limit"].pop("Fetch"), "finetune: train.cost_limit: nothing for Fetch"),
    ],
)
def test_a_mistyped_parameter_is_an_error_that_names_it(change, message):
    values = profiles.raw("laptop")
    change(values)
    with pytest.raises(profiles.ParamsError, match=re.escape(message)):
        profiles.check(values, "params.yaml")


def test_a_profile_may_only_change_what_there_is(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "odd.yaml").write_text("imitation:\n  stepz: 3\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=r"odd\.yaml: imitation\.stepz: unknown parameter"):
        profiles.load("odd")
    with pytest.raises(profiles.ParamsError, match="unknown profile 'none'"):
        profiles.load("none")


def _profile(folder, change: dict) -> None:
    """A compendium with a profile `own`."""
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).write_text((ROOT / name).read_text())
    (folder / "profiles").mkdir()
    (folder / "profiles" / "own.yaml").write_text(yaml.safe_dump(change))


def test_a_profile_may_give_any_method_its_parameters(tmp_path, monkeypatch, extend):
    """Also a method that params.yaml has never heard of, and those that params.yaml leaves as they are."""
    folder = extend({"methods/mine.py": 'LABEL, COLOUR = "Mine", "#123456"\n'})
    own = {"mine": {"slope": 2}, "ppo_pid_lagrangian": {"proportional": 0.1, "multiplier_max": {"Dust": 1.0}}}
    _profile(tmp_path, {"extensions": [str(folder)], "finetune": {"methods": ["mine"], "method_params": own}})
    monkeypatch.chdir(tmp_path)
    finetune = profiles.load("own").finetune
    assert finetune.methods == ["mine"] and finetune.method_params["mine"] == {"slope": 2}
    assert finetune.method_params["ppo_fixed_penalty"] == {"penalty": 0.4}
    pid = finetune.method_params["ppo_pid_lagrangian"]
    assert pid["proportional"] == 0.1 and pid["multiplier_init"] == 0.6 and pid["multiplier_max"]["Dust"] == 1.0


def test_a_profile_may_add_a_task_with_its_numbers(tmp_path, monkeypatch, extend):
    folder = extend({"tasks/dust.py": 'PUBLIC_NAME, PHRASES = "Dust", ("dust {a}",)\n'})
    by_task = ("steps", "wrong_done_penalty", "coverage_reward", "cost_limit", "multiplier_delay")
    train = {name: {"Dust": 1} for name in by_task}
    _profile(tmp_path, {"extensions": [str(folder)], "finetune": {"tasks": ["Fetch", "Dust"], "train": train}})
    monkeypatch.chdir(tmp_path)
    finetune = profiles.load("own").finetune
    assert finetune.train.cost_limit["Dust"] == 1 and finetune.train.cost_limit["Fetch"] == 3.2
    (tmp_path / "profiles" / "own.yaml").write_text("finetune:\n  train:\n    steps: {Fetsch: 3}\n")
    with pytest.raises(profiles.ParamsError, match=r"own\.yaml: finetune\.train\.steps\.Fetsch.*: unknown task 'Fetsch'"):
        profiles.load("own")


def test_a_profile_can_be_opened_on_another_device(monkeypatch):
    assert profiles.load("paper").simulator.device == "cuda"
    monkeypatch.setenv("SAFEVLA_DEVICE", "cpu")
    assert profiles.load("paper").simulator.device == "cpu"
    monkeypatch.setenv("SAFEVLA_DEVICE", "abacus")
    with pytest.raises(profiles.ParamsError, match=r"simulator\.device"):
        profiles.load("paper")


def test_profiles_are_those_of_the_package_outside_a_compendium(tmp_path, monkeypatch):
    inside = profiles.raw("paper")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")  # another project's
    (tmp_path / "params.yaml").write_text("lr: 0.1\n")
    monkeypatch.chdir(tmp_path)
    assert profiles.profile_names() == ["laptop", "paper", "smoke"]
    assert profiles.raw("paper") == inside and profiles.load("paper")
    with pytest.raises(profiles.ParamsError, match="run inside a clone of the repository"):
        profiles.root()
