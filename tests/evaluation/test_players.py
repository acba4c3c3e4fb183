"""Players: whoever is meant is found, and what can play nothing is refused with what would do."""

import pytest

from safevla.evaluation import players
from safevla.evaluation.players import Door
from safevla.policies import policy_files
from safevla.policies.elsewhere.callables import NoSuchPolicyError
from safevla.runtime.checkpoints import CheckpointError
from safevla.sim.embedded import EmbeddedSimulator
from tests.learning import TINY, tiny_policy
from tests.policies.elsewhere import a_policy
from tests.policies.elsewhere.websocket.processes import plain_server

HERE = "tests.policies.elsewhere.a_policy"


def test_every_door_opens(tmp_path):
    policy_files.save(tiny_policy(), tmp_path / "p.safetensors", seed=3)
    with plain_server("well") as (uri, _):
        found = {
            "expert": players.player("expert", image_size=(9, 16)),
            "imitation": players.player(tmp_path / "p.safetensors"),
            "policy": players.player(tiny_policy()),
            f"{HERE}:ahead": players.player(f"{HERE}:ahead"),
            "<lambda>": players.player(a_policy.ahead()),
            uri: players.player(uri, door=Door(timeout_s=20, image_size=(12, 20), action_space="deltas")),
        }
        sizes = [(9, 16), TINY.image_size, TINY.image_size, (224, 384), (224, 384), (12, 20)]
        assert [player.method for player in found.values()] == list(found)
        assert [player.image_size for player in found.values()] == sizes
        simulator = EmbeddedSimulator(1, (9, 16))
        assert all(callable(player.actor(simulator).act) for player in found.values())
        for player in found.values():
            player.close()
    assert found["imitation"].training_seed == 3 and found["imitation"].identity != found["policy"].identity
    assert "def batched" in found[f"{HERE}:ahead"].identity  # other code, another identity


def test_an_object_with_a_memory_plays_one_episode_at_a_time(some_episodes):
    player = players.player(a_policy.turning())
    actor = player.actor(EmbeddedSimulator(2, (9, 16)))
    with pytest.raises(NoSuchPolicyError, match="there is only one of it"):
        actor.start_episodes([0, 1], some_episodes[:2], None)


@pytest.mark.parametrize(
    ("policy", "error", "said"),
    [
        ("nobody", CheckpointError, "nobody: not a readable checkpoint"),
        ("no_such_module:make", NoSuchPolicyError, "importing no_such_module failed"),
        (f"{HERE}:nothing", NoSuchPolicyError, "has no nothing"),
        ("ws://127.0.0.1:9", NoSuchPolicyError, "no policy answers there"),
        (3, TypeError, "policy is a int, expected .*'package.module:factory', 'ws://host:port'"),
    ],
)
def test_what_can_play_nothing_is_refused(policy, error, said):
    with pytest.raises(error, match=said):
        players.player(policy, door=Door(timeout_s=0.5))


def test_a_key_is_not_shown():
    assert "sesame" not in repr(Door(api_key="sesame"))
