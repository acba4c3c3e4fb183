"""Vision files: an encoder comes back, a policy on it acts, learns and knows when it has changed, and bad files are named."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from safevla.config import profiles
from safevla.config.encoder_config import EncoderConfig
from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import SHIPPED_ENCODERS, PolicyConfig, encoder_file
from safevla.env.vector_env import VectorEnv
from safevla.imitation import encoder_pretraining, house_pool, recognition
from safevla.policies import policy_files, vision_files
from safevla.policies.vision_encoder import Seen, VisionEncoder, multiply_accumulates, scaled
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints
from safevla.safe_rl import advantages, ppo
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling
from tests.learning import a_method, made_up_observation, ppo_params, tiny_policy

EYE = EncoderConfig(image_size=(24, 42), widths=(8, 12, 16), blocks=(0, 1, 1))


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    vision_files.save(VisionEncoder(EYE), tmp_path / "eye.safetensors", frames=0)
    return tmp_path / "eye.safetensors"


def _config(file) -> PolicyConfig:
    return PolicyConfig(vision=str(file), image_size=EYE.image_size, dim=16, heads=2, decoder_layers=1, context=8)


def a_rollout(model: Policy, frozen: bool):
    batch = VectorEnv(EmbeddedSimulator(3, EYE.image_size), 6)
    source = IteratorSource(sampling.stream(goals.PAPER_TASKS, "train", HouseOptions(rooms=(1, 1))))
    return Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=frozen).collect(model, 8)


def test_an_encoder_comes_back_in_half_precision(file):
    torch.manual_seed(0)
    written, (encoder, digest) = VisionEncoder(EYE), vision_files.load(str(file))
    pixels = scaled(torch.randint(0, 256, (2, *EYE.image_size, 3), dtype=torch.uint8))
    torch.testing.assert_close(tuple(encoder(pixels)), tuple(written(pixels)), atol=5e-3, rtol=0)
    assert len(digest) == 64 and not any(p.requires_grad for p in encoder.parameters())


@pytest.mark.parametrize("frozen", [True, False])
def test_a_policy_on_it_acts_and_learns_all_but_the_encoder(file, frozen, tmp_path):
    torch.manual_seed(0)
    model = Policy(_config(file))
    rollout, _ = a_rollout(model, frozen)
    assert rollout.privileged.class_map is None  # it knows them
    target = advantages.targets(rollout, a_method("ppo").advantage, ppo_params())
    terms, _ = ppo.losses(model, rollout, target, torch.arange(3), ppo_params())
    assert float(terms["clipped"]) == 0.0  # the sequence says what the steps said
    (terms["policy"] + terms["perception"]).backward()
    learns = model.encoder.tokens.weight.grad is not None and model.encoder.tokens.weight.grad.abs().sum() > 0
    assert learns != frozen
    assert not any("_model" in name for name in (*model.state_dict(), *dict(model.named_parameters())))
    policy_files.save(model, tmp_path / "p.safetensors")
    back, _ = policy_files.load(tmp_path / "p.safetensors")
    assert torch.equal(back.actor.weight, model.actor.weight)
    vision_files.save(VisionEncoder(EYE), file, frames=1)
    with pytest.raises(checkpoints.CheckpointError, match=r"vision_sha256: the vision encoder .*eye\.safetensors has changed"):
        policy_files.load(tmp_path / "p.safetensors")


def test_what_the_encoder_has_seen_serves_as_well_as_the_pictures(file):
    torch.manual_seed(0)
    model = Policy(_config(file))
    rollout, _ = a_rollout(model, frozen=False)
    seen = model.see(rollout.observation.pixels)
    assert seen is not None and seen.features.shape[:3] == rollout.observation.pixels.shape[:3]
    given = (rollout.observation, rollout.starts, rollout.kv_cache)
    with torch.no_grad():
        expected, found = model(*given)[0], model(*given, seen=seen)[0]
        other, _ = model(*given, seen=Seen(-seen.features, seen.class_logits))
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.class_logits, expected.class_logits)
    assert not torch.allclose(other.logits, expected.logits)
    assert tiny_policy().see(made_up_observation(2, 3).pixels) is None


@pytest.fixture(scope="module")
def shipped() -> dict[str, Path]:
    """The files of the encoders that are shipped, by their names."""
    files = {name: encoder_file(name) for name in SHIPPED_ENCODERS}
    for file in files.values():
        if not file.exists():
            pytest.skip(f"{file} is not there: `safevla archive paper --encoders` puts it there")
    return files


def test_shipped_encoders_are_small_and_of_the_size_that_trains_them_again(shipped):
    wanted, sizes = profiles.load("paper").encoders, {"laptop": (48, 84), "paper": (112, 196)}
    assert sum(file.stat().st_size for file in shipped.values()) <= 2_000_000
    for name in shipped:
        encoder, _ = vision_files.load(name)
        assert encoder.config == wanted[name].size and encoder.config.image_size == sizes[name]
        assert profiles.load(name).policy.vision == name and profiles.load(name).policy.image_size == sizes[name]
    assert multiply_accumulates(wanted["laptop"].size) <= 3_000_000


def test_shipped_encoders_still_know_the_world(shipped):
    """They were trained in the world as it looked then; one that looks otherwise needs them trained again."""
    simulator = profiles.load("smoke").simulator.model_copy(update={"device": "cpu"})
    for name, file in shipped.items():
        (encoder, _), about = vision_files.load(name), checkpoints.load(file)[1]
        houses = house_pool.drawn(32, HouseOptions(**about["houses"]), "validation", 1, "cpu")
        sources = encoder_pretraining.view_sources(houses, encoder.config, simulator, 32, 1)
        table = pd.concat([recognition.recognition(encoder, source, 1) for source in sources])
        assert recognition.share_named(table) > about["named"]["seen"] - 0.1, name


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.unlink(), r"eye\.safetensors: not a readable checkpoint.*pretrain_encoder"),
        (lambda path: checkpoints.save(path, {}, {}), r"header: encoder\.image_size.*not a vision encoder's file"),
        (lambda path: checkpoints.save(path, {}, {"encoder": EYE.model_dump()}), r"eye\.safetensors: does not fit"),
        (lambda path: vision_files.save(VisionEncoder(EYE.model_copy(update={"image_size": (48, 84)})), path), r"of 48x84, and .* 24x42"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_serve_is_named(file, write, message):
    write(file)
    with pytest.raises(vision_files.EncoderError, match=message):
        Policy(_config(file))
