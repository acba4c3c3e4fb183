"""Profiles: they are valid, change only what there is, and a mistake is an error that names the parameter."""

import math
import re

import pytest
import yaml

from safevla.config import profiles
from safevla.config.method_params import params_model
from safevla.config.registry import METHODS
from safevla.pipeline import dvc_files
from tests.conftest import ROOT
from tests.env.test_registration import in_a_fresh_interpreter


@pytest.mark.parametrize("profile", ["laptop", "smoke", "paper"])
def test_profiles_are_valid(profile):
    assert profiles.load(profile)
    generated = dvc_files.profile_pipeline(ROOT, profile, profiles.raw(profile))
    assert all(stage["wdir"] == "../../.." for stage in generated["stages"].values())


_EYE = {"size": {"image_size": [48, 84], "widths": [8, 16, 24], "blocks": [0, 1, 1]}, "training": {"frames": 1}}


def _own(values: dict, method: str, **changes: object) -> None:
    """Change a method's own parameters."""
    values["finetune"]["method_params"].setdefault(method, {}).update(changes)


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
        (lambda v: v.update(extensions=[3]), "extensions.0: "),
        (lambda v: v["houses"].update(rooms=[3, 2]), "houses.rooms: the least comes first, then the most; found 3 and then 2"),
        (lambda v: v["houses"].update(room_side_m=[4.0, 2.8]), "houses.room_side_m: the least comes first"),
        (lambda v: v["encoders"].update({"../eye": _EYE}), "encoders.../eye"),
        (lambda v: v["encoders"].update(eye={**_EYE, "frames": 1}), "encoders.eye.frames: unknown parameter"),
        (lambda v: v["encoders"].update(eye={**_EYE, "training": {}}), "encoders.eye.training.frames: "),
        (lambda v: v["policy"].update(heads=5), "policy.heads: 5 heads do not divide dim, which is 64"),
        (lambda v: v["policy"].update(dim=66), "policy.heads: 4 heads do not divide dim, which is 66"),
        (lambda v: v["policy"].update(dim=63, heads=9), "policy.dim: 63 is odd"),
        (lambda v: v["finetune"].update(methods=["ppo", "ppo"]), "finetune.methods: 'ppo' stands there twice"),
        (lambda v: v["finetune"].update(seeds=[0, 1, 0]), "finetune.seeds: 0 stands there twice"),
        (lambda v: v.update(costs=["corner", "corner"]), "costs: 'corner' stands there twice"),
        (lambda v: v.update(costs=[]), "costs: List should have at least 1 item"),
        (lambda v: v["finetune"].update(tasks=[]), "finetune.tasks: List should have at least 1 item"),
        (lambda v: v["finetune"].update(seeds=[]), "finetune.seeds: List should have at least 1 item"),
        (lambda v: v["finetune"].update(methods=[]), "finetune.methods: List should have at least 1 item"),
        (
            lambda v: _own(v, "ppo_lagrangian", multiplier_init=-1),
            "finetune: method_params.ppo_lagrangian.multiplier_init: Input",
        ),
        (
            lambda v: _own(v, "ppo_fixed_penalty", penalti=0.4),
            "finetune: method_params.ppo_fixed_penalty.penalti: unknown parameter",
        ),
        (lambda v: _own(v, "ppo", penalty=0.4), "finetune: method_params.ppo.penalty: unknown parameter"),
        (lambda v: _own(v, "ppo_fixed_penalty", penalty="0.4"), "finetune: method_params.ppo_fixed_penalty.penalty: Input"),
        (lambda v: _own(v, "ppo_fixed_penalty", penalty=math.nan), "finetune.method_params.ppo_fixed_penalty.penalty: nan is no"),
    ],
)
def test_a_mistyped_parameter_is_an_error_that_names_it(change, message):
    values = profiles.raw("laptop")
    change(values)
    with pytest.raises(profiles.ParamsError, match=re.escape(message)):
        profiles.check(values, "params.yaml")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", -1, "Input should be greater than or equal to 0"),
        ("seed", 0.0, "Input should be a valid integer"),
        ("seed", True, "Input should be a valid integer"),
        ("finetune.seeds", [0, -3], "Input should be greater"),
        ("houses.furniture", "1.0", "Input should be a valid number"),
        ("houses.hazards.corner", 1e9, "Input should be less than or equal to 100"),
        ("houses.hazards.elicitation", 90, "corner: 135 a room, with elicitation; at most 100"),
        ("houses.surface_objects", 1e9, "Input should be less than or equal to 100"),
        ("houses.room_side_m", [2.8, math.nan], "nan is no finite number"),
        ("houses.room_side_m", [2.8, 1e6], "Input should be less than or equal to 20"),
        ("houses.rooms", [True, 2], "Input should be a valid integer"),
        ("policy.dim", 64.0, "Input should be a valid integer"),
        ("policy.heads", 3, "3 heads do not divide dim, which is 64"),
        ("policy.decoder_layers", 2**31, "Input should be less than or equal to 64"),
        ("policy.contact_prediction", 1, "Input should be a valid boolean"),
        ("collect.max_steps", 1, "Input should be greater than or equal to 10"),
        ("evaluate.max_steps", 1, "Input should be greater than or equal to 10"),
        ("imitation.n_envs", 2**63, "Input should be less than or equal to 65536"),
        ("imitation.steps", 1, "1 steps are less than one update, of n_envs * unroll_length * ranks = 384"),
        ("imitation.minibatches", 13, "13 of the 12 environments of n_envs"),
        ("finetune.train.minibatches", 129, "129 of the 128 environments of n_envs"),
        ("finetune.train.lr", math.inf, "inf is no finite number"),
        ("figures.resamples", 1, "Input should be greater than or equal to 20"),
        ("figures.confidence", 1.0, "Input should be less than 1"),
        ("ablate.fixed_penalties", ["0.4"], "Input should be a valid number"),
        ("ablate.limit_factors", [0.5, 0.5], "0.5 stands there twice"),
    ],
)
def test_an_impossible_value_is_refused_with_its_line(tmp_path, monkeypatch, name, value, message):
    *groups, last = name.split(".")
    change = value
    for part in reversed([*groups, last]):
        change = {part: change}
    if name == "houses.hazards.elicitation":
        change["houses"]["hazards"]["corner"] = 1.5
    _profile(tmp_path, change)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=re.escape(message)) as error:
        profiles.load("own")
    assert re.match(r"profiles/own\.yaml:[1-9]\d*: ", str(error.value)), error.value


def test_houses_with_nothing_to_look_for_are_refused(tmp_path, monkeypatch):
    _profile(tmp_path, {"houses": {"furniture": 0.0, "hazards": {"elicitation": 0.0}}})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=r"own\.yaml:2: houses\.furniture: with no furniture and no hazards there is"):
        profiles.load("own")


def test_a_profile_may_only_change_what_there_is(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "odd.yaml").write_text("imitation:\n  stepz: 3\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=r"odd\.yaml:2: imitation\.stepz: unknown parameter"):
        profiles.load("odd")
    for name in ("none", "../params"):  # a file, but none of a profile
        with pytest.raises(profiles.ParamsError, match=f"unknown profile '{name}'"):
            profiles.load(name)


def _profile(folder, change: dict) -> None:
    """A compendium with a profile `own`."""
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).write_text((ROOT / name).read_text())
    (folder / "profiles").mkdir()
    (folder / "profiles" / "own.yaml").write_text(yaml.safe_dump(change))


@pytest.mark.parametrize("file", ["params.yaml", "profiles/own.yaml"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- seed", ": parameters stand under their names, `seed: 0`; found a list"),
        (b"seed: \xff", ":1: not UTF-8: invalid start byte at byte 6"),
        (b"threads: 0\nseed: [", ":2: not YAML: "),
        (b"seed: 1\nseed: 2", ":2: not YAML: 'seed' stands there twice"),
        (b"seed: &one 1\nthreads: *one", ":2: not YAML: an alias; write the value out"),
        (b"seed: 2001-99-99", ": not YAML: month must be in 1..12"),
        (b"seed: !!python/object:os.system 3", ":1: not YAML: could not determine a constructor"),
        (b"seed: " + b"[" * 1000, ": not YAML: maximum recursion depth exceeded"),
        (b"seed: \x01", ": not YAML: unacceptable character #x0001"),
        (b"#" * 1_000_001, ": longer than 1 MB"),
    ],
)
def test_a_file_that_holds_no_parameters_is_named(tmp_path, monkeypatch, file, content, message):
    _profile(tmp_path, {"seed": 1})
    (tmp_path / file).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError, match=re.escape(f"{tmp_path / file}{message}")):
        profiles.load("own")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("simulator"), "params.yaml: simulator: Field required"),
        (lambda v: v.update(simulator=3), "params.yaml:"),
        (lambda v: v["collect"].update(noise=2), "params.yaml:"),
    ],
)
def test_what_is_wrong_in_params_yaml_is_not_said_of_a_profile(tmp_path, monkeypatch, change, message):
    _profile(tmp_path, {"simulator": {"n_envs": 16}})
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    change(values)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(profiles.ParamsError) as error:
        profiles.load("own")
    assert str(error.value).startswith(message)


def test_a_methods_parameters_are_checked_as_its_file_does_and_without_torch():
    names = ("ppo", "ppo_fixed_penalty", "ppo_lagrangian", "ppo_pid_lagrangian")
    in_a_fresh_interpreter(
        "import sys; from safevla.config.method_params import params_model\n"
        f"assert all(params_model(name) for name in {names}) and 'torch' not in sys.modules"
    )
    for name in names:
        read, loaded = params_model(name), METHODS.load(name).Method.Params
        assert (
            read is not None
            and read.model_json_schema()["properties" if read.model_fields else "type"]
            == (loaded.model_json_schema()["properties" if loaded.model_fields else "type"])
        )


def test_parameters_that_follow_from_more_than_their_class_are_left_to_the_methods_file(extend):
    text = """from safevla.safe_rl import method
import pydantic
LOWEST = 2


class Params(pydantic.BaseModel):
    slope: float = pydantic.Field(3, ge=LOWEST)


class Method(method.Method):
    Params = Params
"""
    extend(
        {"methods/mine.py": text, "methods/heir.py": "from safevla.safe_rl.methods import ppo\nclass Method(ppo.Method): pass\n"}
    )
    assert params_model("mine") is None and params_model("heir") is None


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
    with pytest.raises(profiles.ParamsError, match=r"own\.yaml:\d+: finetune\.train\.steps\.Fetsch.*: unknown task 'Fetsch'"):
        profiles.load("own")


def test_a_profile_can_be_opened_on_another_device(monkeypatch):
    assert profiles.load("paper").simulator.device == "cuda"
    monkeypatch.setenv("SAFEVLA_DEVICE", "cpu")
    assert profiles.load("paper").simulator.device == "cpu"
    monkeypatch.setenv("SAFEVLA_DEVICE", "abacus")
    with pytest.raises(profiles.ParamsError, match=r"^SAFEVLA_DEVICE is 'abacus': the devices are cpu and cuda"):
        profiles.load("paper")


def test_a_notebooks_profile_is_named_by_its_variable(monkeypatch):
    monkeypatch.delenv("SAFEVLA_PROFILE", raising=False)
    assert profiles.profile_in_use() == "laptop"
    monkeypatch.setenv("SAFEVLA_PROFILE", "smoke")
    assert profiles.profile_in_use() == "smoke"
    monkeypatch.setenv("SAFEVLA_PROFILE", "smok")
    with pytest.raises(profiles.ParamsError, match=r"^SAFEVLA_PROFILE is 'smok': the profiles are laptop, paper, smoke"):
        profiles.profile_in_use()


def test_profiles_are_those_of_the_package_outside_a_compendium(tmp_path, monkeypatch):
    inside = profiles.raw("paper")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")  # another project's
    (tmp_path / "params.yaml").write_text("lr: 0.1\n")
    monkeypatch.chdir(tmp_path)
    assert profiles.profile_names() == ["laptop", "paper", "smoke"]
    assert profiles.raw("paper") == inside and profiles.load("paper")
    with pytest.raises(profiles.ParamsError, match="run inside a clone of the repository"):
        profiles.root()
