"""Imitation: it learns, resumes, and knows every word that its demonstrations use."""

import json

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.imitation import demonstrations, pretraining
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from tests.learning import TINY


def test_imitation_learns_and_resumes(tmp_path, capsys):
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.demonstrate(EmbeddedSimulator(8), sampling.stream(["Pickup"], "train", options), 16, 0.0, 200, seed=0)
    settings = profiles.load("smoke").imitation.model_copy(
        update={"steps": 8 * 8 * 80, "n_envs": 8, "unroll_length": 8, "checkpoint_updates": 20, "lr": 3e-3}
    )
    file = tmp_path / "progress.safetensors"
    short = settings.model_copy(update={"steps": 8 * 8 * 40})
    pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, short, 0, file)
    _, curve = pretraining.pretrain(EmbeddedSimulator(8, TINY.image_size), table, options, TINY, settings, 0, file)
    assert "resumes at update 40" in capsys.readouterr().out
    assert curve["action"].tail(5).mean() < 0.7 * curve["action"].iloc[0]


def test_a_policy_has_a_place_for_every_word_of_its_demonstrations(tmp_path):
    """Also for those of a task that somebody has added."""
    options = HouseOptions(rooms=(1, 1))
    table = demonstrations.demonstrate(EmbeddedSimulator(4), sampling.stream(["Pickup"], "train", options), 4, 0.0, 200, seed=0)
    settings = profiles.load("smoke").imitation.model_copy(update={"steps": 4 * 4, "n_envs": 4, "unroll_length": 4})
    records = table["record"].map(json.loads)
    said = [record | {"natural_language_spec": f"polish {record['natural_language_spec'].split()[-1]}"} for record in records]
    table["record"] = [json.dumps(record) for record in said]
    simulator = EmbeddedSimulator(4, TINY.image_size)
    policy, _ = pretraining.pretrain(simulator, table, options, TINY, settings, 0, tmp_path / "progress.safetensors")
    assert policy.config.words == ("polish",)
