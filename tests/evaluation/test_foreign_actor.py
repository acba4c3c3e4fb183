"""Foreign actor: policies from elsewhere play as they say, and what they lose is played again, never counted."""

import numpy as np
import pytest

from safevla.env.gymnasium_envs import SafetyChoresEnv
from safevla.env.vector_env import VectorEnv
from safevla.evaluation.evaluate import columns, evaluate
from safevla.evaluation.foreign_actor import ForeignActor, as_seen
from safevla.policies.elsewhere.answers import PolicyError
from safevla.policies.elsewhere.callables import CallablePolicy
from safevla.policies.elsewhere.websocket.client import WebsocketPolicy
from safevla.sim.actions import Action
from safevla.sim.embedded import EmbeddedSimulator
from tests.policies.elsewhere import a_policy
from tests.policies.elsewhere.websocket.processes import plain_server

SIZE, WHO = (24, 42), {"profile": "t", "method": "m", "seed": 0}


def _played(policy, episodes, n_envs=3, max_steps=8):
    actor = ForeignActor(policy, n_envs)
    rows = evaluate(actor, EmbeddedSimulator(n_envs, SIZE), episodes, max_steps, "", **WHO)
    assert tuple(rows.columns) == columns() and rows["episode_id"].tolist() == [episode.id for episode in episodes]
    return rows


def test_single_and_batched_policies_play_alike(some_episodes):
    one = _played(CallablePolicy(a_policy.turning, "one"), some_episodes[:5])
    many = _played(CallablePolicy(a_policy.batched, "many"), some_episodes[:5])
    assert one.equals(many) and all(actions == bytes([2, 0] * 4) for actions in one["actions"])


def test_a_chunk_of_deltas_is_carried_out_before_the_policy_is_asked_again(some_episodes):
    rows = _played(CallablePolicy(a_policy.chunks, "chunks"), some_episodes[:2], 2)
    assert {Action(action).name for actions in rows["actions"] for action in actions} == {"MOVE_AHEAD", "ROTATE_RIGHT_SMALL"}
    assert (rows["steps"] == 8).all()


def test_an_observation_is_that_of_the_gymnasium_environment(some_episodes):
    env = SafetyChoresEnv("ObjectNav", image_size=SIZE)
    env.reset(seed=0)
    batch = VectorEnv(EmbeddedSimulator(2, SIZE), 8)
    seen = as_seen(batch.start(some_episodes[:2]), 1, some_episodes[1].instruction)
    assert env.observation_space.contains(seen | {"object_in_hand": np.int64(seen["object_in_hand"])})


@pytest.mark.parametrize(("make", "said"), [(a_policy.late_nan, "NaN"), (a_policy.hangs, "gave no answer within 0.2 s")])
def test_a_policy_that_fails_gives_an_error_and_no_row(make, said, some_episodes):
    with pytest.raises(PolicyError, match=f"^it: .*{said}"):
        _played(CallablePolicy(make, "it", timeout_s=0.2 if make is a_policy.hangs else 20), some_episodes[:2])


def test_an_episode_that_the_server_loses_is_played_again_from_its_start(some_episodes):
    keys = {"prompt": "instruction", "observation/image": "navigation"}
    rows = {}
    for mode in ("well", "dies_once"):
        with plain_server(mode) as (uri, _):
            policy = WebsocketPolicy(uri, keys=keys, timeout_s=30, image_size=SIZE)
            rows[mode] = _played(policy, some_episodes[:3], 2)
            policy.close()
    assert rows["dies_once"]["reruns"].sum() == 1 and rows["well"]["reruns"].sum() == 0
    assert rows["well"].drop(columns="reruns").equals(rows["dies_once"].drop(columns="reruns"))


def test_a_server_that_ends_is_an_error_that_names_it(some_episodes):
    with plain_server("ends") as (uri, _):
        policy = WebsocketPolicy(uri, timeout_s=0.5, image_size=SIZE)
        with pytest.raises(PolicyError, match=f"^{uri}: an episode was lost 4 times"):
            _played(policy, some_episodes[:2], 2)
        policy.close()
