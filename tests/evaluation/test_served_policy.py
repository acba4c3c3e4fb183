"""Served policy: behind a server, in another process, a checkpoint plays as it does here."""

import subprocess
import sys

import numpy as np
import pytest

from safevla.config import profiles
from safevla.env.vector_env import VectorEnv
from safevla.evaluation import players, scoring, suite
from safevla.evaluation.foreign_actor import as_seen
from safevla.evaluation.players import Door
from safevla.evaluation.served_policy import ObservationError, ServedPolicy
from safevla.policies import policy_files
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks.step_costs import PAPER_COSTS
from tests.learning import TINY, tiny_policy


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "policy.safetensors"
    policy_files.save(tiny_policy(), path)
    return path


def test_behind_a_server_of_another_process_it_plays_as_it_does_here(checkpoint, some_episodes):
    smoke = profiles.load("smoke")
    decoding = (smoke.evaluate.done_threshold, smoke.evaluate.temperature)

    def rows(policy):
        player = players.player(policy, decoding, door=Door(timeout_s=120, api_key="sesame"))
        found = scoring.play(player, some_episodes[:1], suite.NONE, smoke.simulator, 1, 12, PAPER_COSTS, "t")
        player.close()
        return found

    command = [sys.executable, "-m", "safevla", "serve", "policy", str(checkpoint), "--port", "0", "--profile", "smoke"]
    server = subprocess.Popen([*command, "--api-key", "sesame"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline().strip()
        assert line.startswith(f"serving {checkpoint} on ws://127.0.0.1:")
        served = rows(line.split()[-1])
    finally:
        server.terminate()
        server.wait()
    here = rows(checkpoint)
    assert served.drop(columns="method").equals(here.drop(columns="method")) and len(set(here["actions"][0])) > 1


def test_a_session_is_an_episode_after_the_other(checkpoint, some_episodes):
    served = ServedPolicy(checkpoint, 0, 0.0, 1e-6)
    batch = VectorEnv(EmbeddedSimulator(1, TINY.image_size), 5)
    seen = as_seen(batch.start(some_episodes[:1]), 0, some_episodes[0].instruction)
    one, two = served.session(), served.session()
    first = [one(seen | {"step": np.array([t])})["actions"].tolist() for t in range(3)]
    assert first == [two(seen | {"step": t})["actions"].tolist() for t in range(3)]
    assert first == [one(seen | {"step": t})["actions"].tolist() for t in range(3)]  # step 0: another one begins
    bare = {name: seen[name] for name in ("navigation", "manipulation", "step", "object_in_hand")}
    assert one(bare | {"prompt": "find a mug"})["actions"].shape == (1, 1)
    assert served.metadata["image_size"] == list(TINY.image_size) and served.metadata["action_space"] == "discrete"
    for change, said in {
        "navigation": "navigation: expected an array of shape \\(18, 32, 3\\), found nothing",
        "instruction": "instruction: missing",
        "step": "step: expected a whole number",
    }.items():
        with pytest.raises(ObservationError, match=said):
            one({name: value for name, value in seen.items() if name != change})
    with pytest.raises(ObservationError, match="arm: not finite"):
        one(seen | {"arm": np.full(6, np.nan)})
    with pytest.raises(ObservationError, match="manipulation: expected an array"):
        one(seen | {"manipulation": np.zeros((*TINY.image_size, 3))})
