"""Gymnasium's contract: the native batch against Gymnasium's own, copies, forked processes, seeds, and strangers' tools."""

import copy
import multiprocessing
import os
import pickle
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_match import check_environments_match
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as wrappers

from safevla.config.house_options import HouseOptions
from safevla.env import gymnasium_envs
from safevla.env.gymnasium_envs import NumericInfo, NumericVectorInfo, SafetyVectorWrapper
from safevla.env.instruction_spaces import INSTRUCTIONS
from safevla.sim.actions import N_ACTIONS, Action
from safevla.tasks import sampling

ID = "safevla:SafetyChores/Pickup-v0"
SMALL = {"image_size": (12, 20), "max_steps": 4}


def _same(one, other) -> bool:
    """Whether two observations or infos hold the same values."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, tuple) or (isinstance(one, np.ndarray) and one.dtype == object):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(np.all(np.asarray(one) == np.asarray(other)))


def _same_infos(ours: dict, theirs: dict) -> None:
    """Both have the same names, for the same rows, with the same values there."""
    assert ours.keys() == theirs.keys()
    for name in ours:
        if name.startswith("_"):
            assert ours[name].dtype == theirs[name].dtype == np.bool_ and (ours[name] == theirs[name]).all(), name
        elif isinstance(ours[name], dict):
            _same_infos(ours[name], theirs[name])
        else:
            assert ours[name].dtype.kind == theirs[name].dtype.kind and ours[name].shape == theirs[name].shape, name
            known = ours[f"_{name}"]
            assert all(map(_same, ours[name][known], theirs[name][known])), name


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_native_batch_gives_what_gymnasiums_own_batch_gives(mode, instruction, monkeypatch):
    options = SMALL | {"instruction": instruction, "render_mode": "rgb_array"}
    ours = gymnasium.make_vec(ID, num_envs=3, autoreset_mode=mode, **options)
    theirs = SyncVectorEnv([lambda: gymnasium.make(ID, **options)] * 3, autoreset_mode=mode)
    assert ours.single_observation_space == theirs.single_observation_space and ours.action_space == theirs.action_space
    assert ours.observation_space == theirs.observation_space and ours.metadata == theirs.metadata
    results = []
    for envs in (ours, theirs):
        series = sampling.stream(["Pickup"], "train", HouseOptions(rooms=(1, 1)))  # from which all of a batch draw
        monkeypatch.setattr(gymnasium_envs, "_series", lambda *_, series=series: series)
        rng, found = np.random.default_rng(0), [envs.reset(seed=0)]
        for step in range(14):
            actions = np.where(rng.random(3) < 0.2, Action.DONE, rng.integers(0, Action.DONE, 3))
            found.append(envs.step(actions))
            assert envs.observation_space.contains(found[-1][0])
            ended = found[-1][2] | found[-1][3]
            if mode == AutoresetMode.DISABLED and ended.any():
                found.append(envs.reset(options={"reset_mask": ended}))
            if step == 9:
                found.append(envs.reset(options={"reset_mask": np.array([True, False, True])}))
            found.append((envs.render(), {}))
        results.append(found)
    for one, other in zip(*results, strict=True):
        assert all(map(_same, one[:-1], other[:-1]))
        _same_infos(one[-1], other[-1])
    assert sum(len(one) == 5 and (one[2] | one[3]).sum() for one in results[0]) > 6


def test_the_cost_of_an_episodes_last_step_is_not_lost():
    envs = SafetyVectorWrapper(gymnasium.make_vec(ID, num_envs=4, image_size=(12, 20), max_steps=2))
    _, first = envs.reset(seed=0)
    for step in range(12):
        _, _, cost, _, truncated, info = envs.step(np.full(4, Action.MOVE_AHEAD))
        if step % 2:
            assert truncated.all() and not info["cost"].any() and (cost == info["final_info"]["cost"]).all()
            assert (info["final_info"]["episode_id"] == first["episode_id"]).all()
            assert not (info["episode_id"] == first["episode_id"]).any()  # as the observation, it is the new one's
            first = info
        else:
            assert (cost == info["cost"]).all()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("of_a_file", [False, True], ids=["generated", "file"])
@pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])
def test_a_copy_goes_on_as_the_original_does(how, of_a_file, batched, procthor):
    options = SMALL | {"houses": procthor / "houses_val.jsonl.gz" if of_a_file else None}
    envs = gymnasium.make_vec(ID, num_envs=2, **options) if batched else gymnasium.make(ID, **options)

    def play(envs, n: int) -> list:
        found = []
        for step in range(n):
            action = (5 * step + 1) % Action.DONE
            found.append(envs.step(np.array([action, Action.DONE]) if batched else action))
            if not batched and found[-1][3]:
                found.append(envs.reset())
        return found

    how(envs).reset()  # one that has not begun
    envs.reset(seed=0)
    play(envs, 3)
    twin = how(envs)
    expected = play(twin, 9)
    assert all(map(_same, play(envs, 9), expected))
    envs.reset(seed=7)
    twin.reset(seed=7)
    assert all(map(_same, play(envs, 2), play(twin, 2)))


def test_environments_of_one_seed_are_alike_by_gymnasiums_own_comparison():
    options = {"image_size": (12, 20), "max_steps": 6, "render_mode": "rgb_array"}
    env = gymnasium.make(ID, **options)
    check_environments_match(env, gymnasium.make(ID, **options), num_steps=15)
    check_environments_match(env, copy.deepcopy(env), num_steps=5, seed=3)


@pytest.mark.parametrize("split", sampling.SPLIT_SEEDS)
def test_other_seeds_are_other_episodes_and_equal_seeds_are_equal_ones(split):
    env, other = (gymnasium.make(ID, split=split, **SMALL) for _ in range(2))

    def ids(env, seed: int, n: int) -> list[str]:
        return [env.reset(seed=seed)[1]["episode_id"], *(env.reset()[1]["episode_id"] for _ in range(n - 1))]

    seeds = [*range(50), 1000, 1001, 10**6, 2**31, 2**40]
    assert len({ids(env, seed, 1)[0].split("|")[1] for seed in seeds}) == len(seeds)  # the houses
    assert ids(env, 2**40, 4) == ids(other, 2**40, 4)
    assert env.reset()[1]["episode_id"] == other.reset()[1]["episode_id"]
    fresh = gymnasium.make(ID, split=split, **SMALL)
    assert len({ids(fresh, seed, 3)[i] for seed in (None, 0, 1) for i in range(3)}) == 9
    batch = gymnasium.make_vec(ID, num_envs=4, split=split, **SMALL)
    assert batch.reset(seed=3)[1]["episode_id"].tolist() == ids(env, 3, 4) == batch.reset(seed=3)[1]["episode_id"].tolist()


FORKED = """
import gymnasium, numpy as np
options = {"image_size": (224, 384), "max_steps": 3}  # large enough for torch's threads
gymnasium.make_vec("safevla:SafetyChores/Pickup-v0", num_envs=4, **options).reset(seed=0)  # and Numba's are started
found = []
for mode, context in (("async", {"context": "fork"}), ("sync", {})):
    envs = gymnasium.make_vec("SafetyChores/Pickup-v0", num_envs=2, vectorization_mode=mode, vector_kwargs=context, **options)
    found.append([envs.reset(seed=0)[0], *(envs.step(np.array([0, 1]))[0] for _ in range(4))])
    envs.close()
for one, other in zip(*found):
    assert all(np.array_equal(one[name], other[name]) for name in one)
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes are not forked here")
def test_processes_forked_from_one_that_has_played_play_alike():
    environment = os.environ | {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "omp"}
    done = subprocess.run(
        [sys.executable, "-c", FORKED], env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("mode", AutoresetMode)
def test_gymnasiums_wrappers_count_episodes_in_every_mode(mode):
    envs = wrappers.RecordEpisodeStatistics(gymnasium.make_vec(ID, num_envs=2, autoreset_mode=mode, **SMALL))
    envs.reset(seed=0)
    lengths = []
    for _ in range(12):
        _, _, terminated, truncated, info = envs.step(np.zeros(2, np.int64))
        ended = terminated | truncated
        lengths += info["episode"]["l"][ended].tolist() if ended.any() else []
        if mode == AutoresetMode.DISABLED and ended.any():
            envs.reset(options={"reset_mask": ended})
    assert lengths == [4] * (4 if mode == AutoresetMode.NEXT_STEP else 6)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda envs: wrappers.FilterObservation(envs, ["arm", "navigation"]),
        lambda envs: wrappers.FlattenObservation(wrappers.FilterObservation(envs, ["arm", "instruction"])),
        lambda envs: wrappers.NormalizeReward(envs),
        lambda envs: wrappers.DictInfoToList(envs),
    ],
    ids=["FilterObservation", "FlattenObservation", "NormalizeReward", "DictInfoToList"],
)
def test_gymnasiums_vector_wrappers_take_the_batch(wrap):
    envs = wrap(gymnasium.make_vec(ID, num_envs=2, autoreset_mode="NextStep", **SMALL))
    envs.reset(seed=0)
    for _ in range(6):
        assert envs.observation_space.contains(envs.step(np.zeros(2, np.int64))[0])


def test_text_can_be_left_out_of_infos():
    single = NumericInfo(gymnasium.make(ID, **SMALL))
    batch = NumericVectorInfo(gymnasium.make_vec(ID, num_envs=2, **SMALL))
    infos = [single.reset(seed=0)[1], batch.reset(seed=0)[1], single.step(0)[-1], batch.step([Action.DONE, 0])[-1]]
    assert all("cost" in info and "episode_id" not in info and "_episode_id" not in info for info in infos)
    assert "_cost" in infos[1] and "final_obs" not in infos[3] and infos[3]["final_info"].keys() == infos[1].keys()


def test_gymnasium_makes_torchs_tensors_of_numbers():
    pytest.importorskip("array_api_compat")  # of `gymnasium[torch]`
    from gymnasium.wrappers import NumpyToTorch

    envs = wrappers.NumpyToTorch(NumericVectorInfo(gymnasium.make_vec(ID, num_envs=2, autoreset_mode="NextStep", **SMALL)))
    env = NumpyToTorch(NumericInfo(gymnasium.make(ID, instruction="words", **SMALL)))
    for each, action in ((envs, torch.zeros(2, dtype=torch.int64)), (env, torch.tensor(0))):
        each.reset(seed=0)
        for _ in range(3):
            observation, *_, info = each.step(action)
        assert isinstance(observation["arm"], torch.Tensor) and isinstance(info["cost"], torch.Tensor)


@pytest.mark.filterwarnings("error")
def test_stable_baselines_checker_accepts_the_environments():
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = gymnasium.make(ID, image_size=(40, 72), instruction="words", render_mode="rgb_array")
    checker.check_env(env.unwrapped, warn=True, skip_render_check=False)


def test_stable_baselines_makes_its_own_batch_of_them():
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    envs = env_util.make_vec_env(ID, n_envs=2, seed=0, env_kwargs=SMALL | {"instruction": "words"})
    assert envs.reset()["instruction"].shape == (2, 12)
    done = [envs.step(np.zeros(2, np.int64))[2] for _ in range(5)]
    assert np.stack(done).sum() == 2


@pytest.mark.parametrize(
    "action", [np.array([3]), 2.0, np.nan, True, -1, N_ACTIONS, None, "3", [3], torch.zeros(1, dtype=torch.int64)]
)
def test_an_action_of_another_form_is_refused(action):
    env = gymnasium.make(ID, **SMALL).unwrapped
    env.reset(seed=0)
    with pytest.raises(InvalidAction, match=r"action is .*, expected a whole number from 0 to 19"):
        env.step(action)
    for right in (3, Action.MOVE_AHEAD, np.int64(3)):
        env.step(right)
    assert env.step(np.array(3))[0]["step"] == 4


@pytest.mark.parametrize(
    "actions", [3, np.zeros(3, np.int64), np.zeros((2, 1), np.int64), np.zeros(2), [True, False], np.array([0, 20]), [-1, 0]]
)
def test_actions_of_another_form_are_refused(actions):
    envs = gymnasium.make_vec(ID, num_envs=2, **SMALL)
    envs.reset(seed=0)
    with pytest.raises(InvalidAction, match=r"actions are (.|\n)*, expected 2 of them, each a whole number from 0 to 19"):
        envs.step(actions)
    for right in ([0, 3], (0, Action.DONE), torch.tensor([0, 3]), np.array([0, 3], np.int32)):
        envs.step(right)


def test_a_step_after_the_episodes_end_is_a_clear_error():
    env = gymnasium.make(ID, **SMALL)
    env.reset(seed=0)
    assert env.step(Action.DONE)[2]
    with pytest.raises(ResetNeeded, match="the episode has ended: reset the environment before the next step"):
        env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "foo"}, "split 'foo' is unknown; the splits are train, validation, test"),
        ({"instruction": "speech"}, "instruction 'speech' is unknown; it is 'text' or 'words'"),
    ],
)
def test_options_that_are_not_known_are_refused_before_the_first_reset(options, message):
    for make in (lambda: gymnasium.make(ID, **options), lambda: gymnasium.make_vec(ID, num_envs=2, **options)):
        with pytest.raises(ValueError, match=message):
            make()
