"""The names that other projects call, as they call them."""

import json

import gymnasium
import pytest
import safetensors.torch
import torch
import yaml

import safevla
from safevla.config import profiles
from safevla.evaluation.evaluate import columns
from safevla.policies import policy_files
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints
from safevla.safe_rl import method
from safevla.tasks import sampling
from safevla.tasks.step_costs import PAPER_COSTS
from tests.conftest import ROOT
from tests.env.test_registration import in_a_fresh_interpreter
from tests.learning import TINY, ppo_params

NAMES = ["__version__", "evaluate", "generate_house", "load_houses", "load_policy", "make_env"]


def test_importing_the_package_loads_no_library():
    loaded = set(in_a_fresh_interpreter("import safevla, sys; dir(safevla); print(*sys.modules)").split())
    assert not loaded & {"torch", "numba", "numpy", "pandas", "gymnasium", "pydantic", "yaml", "scipy"}
    assert {name for name in loaded if name.startswith("safevla")} == {"safevla", "safevla.env", "safevla.env.registration"}


def test_a_generated_house_needs_no_torch():
    assert (
        in_a_fresh_interpreter("import safevla, sys; safevla.generate_house(0); print('torch' in sys.modules)").strip() == "False"
    )


def test_the_package_offers_these_names_and_no_other():
    assert sorted(safevla.__all__) == sorted(dir(safevla)) == NAMES
    assert all(getattr(safevla, name).__doc__ for name in NAMES)
    with pytest.raises(AttributeError, match="has no attribute 'policy'"):
        _ = safevla.policy
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == safevla.__version__


def test_environments_are_single_or_batches():
    env = safevla.make_env("Fetch", image_size=(24, 42), max_steps=7)
    assert isinstance(env, gymnasium.Env) and env.spec is not None and env.spec.id == "SafetyChores/Fetch-v0"
    observation, _ = env.reset(seed=0)
    assert observation["navigation"].shape == (24, 42, 3)
    envs = safevla.make_env(num_envs=2)
    assert isinstance(envs, gymnasium.vector.VectorEnv)
    observation, info = envs.reset(seed=0)
    assert observation["navigation"].shape[:1] == (2,) and all(name.startswith("ObjectNav|") for name in info["episode_id"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"task": "Dance"}, ValueError, "unknown task 'Dance'; known are Fetch, ObjectNav, Pickup"),
        ({"split": "val"}, ValueError, "split 'val' is unknown"),
        ({"colour": 1}, TypeError, "unexpected keyword argument 'colour'"),
    ],
)
def test_environments_refuse_what_they_do_not_know(options, error, message):
    with pytest.raises(error, match=message):
        safevla.make_env(**{"image_size": (12, 20), **options}).reset()


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    policy_files.save(Policy(TINY), tmp_path / "policy.safetensors", steps=7)
    return tmp_path / "policy.safetensors"


def test_a_policy_comes_with_its_metadata(checkpoint):
    policy, metadata = safevla.load_policy(str(checkpoint))
    assert policy.config == TINY and metadata["steps"] == 7 and metadata["policy"]["dim"] == TINY.dim


def _with_a_list_for_metadata(path):
    safetensors.torch.save_file({"x": torch.zeros(1)}, path, metadata={checkpoints.FORMAT: "[]"})


ENOUGH = {"x": torch.zeros(1_000_000)}  # weights for any policy of that size


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.write_text("hello"), "not a readable checkpoint"),
        (lambda path: path.mkdir(), "not a readable checkpoint"),
        (lambda path: safetensors.torch.save_file({"x": torch.zeros(1)}, path), "header: no entry"),
        (_with_a_list_for_metadata, "header: .* no JSON object"),
        (lambda path: checkpoints.save(path, {}, {"steps": 1}), "header: policy: missing"),
        (lambda path: checkpoints.save(path, {}, {"policy": {"dims": 8}}), "header: policy.dims: unknown parameter"),
        (lambda path: checkpoints.save(path, ENOUGH, {"policy": TINY.model_dump()}), "does not fit the policy: Missing key"),
        (
            lambda path: checkpoints.save(path, ENOUGH, {"policy": {**TINY.model_dump(), "vision": str(path.parent)}}),
            "no pretrained model",
        ),
    ],
)
def test_what_is_no_policy_is_refused_in_one_line(tmp_path, write, message):
    path = tmp_path / "p.safetensors"
    write(path)
    with pytest.raises(checkpoints.CheckpointError, match=message) as caught:
        safevla.load_policy(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_evaluation_gives_a_row_per_test_episode(checkpoint):
    settings = {"n_episodes": 3, "profile": "smoke", "max_steps": 6}
    rows = safevla.evaluate(checkpoint, "ObjectNav", **settings)
    assert tuple(rows.columns) == columns() and len(rows) == 3
    assert set(rows["method"]) == {"imitation"} and set(rows["profile"]) == {"smoke"} and rows["steps"].max() <= 6
    policy = safevla.load_policy(checkpoint)[0].train()
    again = safevla.evaluate(policy, "ObjectNav", method="mine", **settings)
    assert policy.training and set(again["method"]) == {"mine"}
    assert rows.drop(columns="method").equals(again.drop(columns="method"))
    expert = safevla.evaluate("expert", "ObjectNav", **settings | {"max_steps": 200})
    assert expert["success"].all() and expert["episode_id"].equals(rows["episode_id"])
    params = profiles.load("smoke")
    test = sampling.stream(["ObjectNav"], "test", params.houses, seed=params.collect.episodes_seed)
    first = [next(test).id for _ in range(20)]
    assert [name for name in first if name in set(rows["episode_id"])] == list(rows["episode_id"])
    others = safevla.evaluate("expert_careful", "ObjectNav", seed=5, **settings)
    assert not set(others["episode_id"]) & set(rows["episode_id"])


def test_evaluation_in_the_houses_of_a_file(procthor):
    houses = procthor / "houses_val.jsonl.gz"
    rows = safevla.evaluate("expert", "Fetch", 2, houses, "paper")
    assert rows["success"].all() and all("houses_val" in name for name in rows["house_id"])
    assert (rows["sel"] == 1.0).all()  # the episode that was found solvable, with the assets' true sizes


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"policy": "nobody"}, checkpoints.CheckpointError, "nobody: not a readable checkpoint"),
        ({"policy": 3}, TypeError, "policy is a int, expected a checkpoint's path, a Policy, or one of 'expert'"),
        ({"task": "Dance"}, ValueError, "unknown task 'Dance'"),
        ({"n_episodes": 0}, ValueError, "n_episodes is 0"),
        ({"profile": "huge"}, profiles.ParamsError, "unknown profile 'huge'; the profiles are laptop, paper, smoke"),
        ({"houses": "nowhere.jsonl"}, ValueError, r"nowhere\.jsonl: there is no such file"),
    ],
)
def test_evaluation_refuses_what_it_cannot_use(arguments, error, message):
    with pytest.raises(error, match=message):
        safevla.evaluate(**{"policy": "expert", "profile": "smoke", "n_episodes": 1, **arguments})


def test_a_checkpoint_of_an_unknown_method_is_refused_before_anybody_plays(tmp_path, monkeypatch):
    metadata = method.metadata_of("ppo", ppo_params(), {}, "Fetch", PAPER_COSTS) | {"method": "mine"}
    policy_files.save(Policy(TINY), tmp_path / "p.safetensors", **metadata)
    monkeypatch.setattr("safevla.evaluation.scoring.solvable_episodes", lambda *args: pytest.fail("experts have played"))
    with pytest.raises(checkpoints.CheckpointError, match=r"p\.safetensors: header: method: unknown method 'mine'"):
        safevla.evaluate(tmp_path / "p.safetensors", "Fetch", 1, profile="smoke")


def test_houses_are_functions_of_their_seed_and_go_through_a_file(tmp_path):
    house = safevla.generate_house(7, rooms=(2, 2), hazards={"corner": 0.0})
    assert house == safevla.generate_house(7, rooms=(2, 2), hazards={"corner": 0.0}) and len(house["rooms"]) == 2
    assert "corner" not in {hazard["kind"] for hazard in house["metadata"]["hazards"]}
    path = tmp_path / "houses.jsonl"
    path.write_text(json.dumps(house) + "\n" + json.dumps(house | {"objects": 3}) + "\n")
    houses = safevla.load_houses(path)
    assert next(houses) == house
    with pytest.raises(ValueError, match=r"houses\.jsonl:2: \$\.objects: "):
        next(houses)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"room": 1}, "generate_house: room: unknown parameter"),
        ({"rooms": (0, 2)}, "generate_house: rooms.0: Input should be greater than or equal to 1"),
        ({"rooms": (3, 2)}, "generate_house: rooms: the least comes first, then the most; found 3 and then 2"),
        ({"hazards": {"fire": 1.0}}, "generate_house: hazards.fire: unknown parameter"),
    ],
)
def test_unknown_options_of_a_house_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        safevla.generate_house(0, **options)


def test_a_file_of_houses_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        safevla.load_houses(tmp_path / "none.jsonl")
