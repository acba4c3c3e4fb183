"""Policy files: they come back as they were, and bad ones are named."""

import time

import pytest
import torch

from safevla.policies import policy_files
from safevla.runtime import checkpoints
from tests.conftest import ROOT
from tests.learning import TINY, tiny_policy


def test_checkpoints_round_trip_and_bad_ones_are_named(tmp_path):
    model = tiny_policy()
    policy_files.save(model, tmp_path / "p.safetensors", steps=7, multiplier=0.25)
    back, metadata = policy_files.load(tmp_path / "p.safetensors")
    assert metadata["steps"] == 7 and metadata["multiplier"] == 0.25 and back.config == TINY
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values(), strict=True))
    policy_files.save(model, tmp_path / "half.safetensors", half=True)
    near, _ = policy_files.load(tmp_path / "half.safetensors")
    for name, tensor in near.state_dict().items():
        torch.testing.assert_close(tensor, model.state_dict()[name], atol=1e-4, rtol=1e-3)
    whole = (tmp_path / "p.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(checkpoints.CheckpointError, match=r"cut\.safetensors"):
        policy_files.load(tmp_path / "cut.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(checkpoints.CheckpointError, match=r"text\.safetensors"):
        policy_files.load(tmp_path / "text.safetensors")
    checkpoints.save(tmp_path / "other.safetensors", {"x": torch.zeros(1)}, {"policy": TINY.model_dump()})
    with pytest.raises(checkpoints.CheckpointError, match=r"other\.safetensors: does not fit"):
        policy_files.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_layers": 2**31}, r"policy\.decoder_layers: Input should be less than or equal to 64"),
        (
            {"decoder_layers": 64, "dim": 8192},
            r"does not fit its header, which describes 17,448,304,640 weights or more; it has \d",
        ),
        ({"image_size": [10**9, 10**9]}, r"policy\.image_size\.0: Input should be less than or equal to 2048"),
        ({"dim": 16.0}, r"policy\.dim: Input should be a valid integer"),
        ({"contact_prediction": 1}, r"policy\.contact_prediction: Input should be a valid boolean"),
        ({"words": [3]}, r"policy\.words\.0: Input should be a valid string"),
        ({"vision": "/nowhere.safetensors"}, r"policy: policy\.vision: /nowhere\.safetensors: "),
    ],
)
def test_a_header_that_describes_what_the_file_cannot_hold_is_refused_at_once(tmp_path, change, message):
    path = tmp_path / "p.safetensors"
    checkpoints.save(path, tiny_policy().state_dict(), {"policy": TINY.model_dump() | change})
    started = time.process_time()
    with pytest.raises(checkpoints.CheckpointError, match=r"p\.safetensors: (header: )?" + message):
        policy_files.load(path)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*/*.safetensors")), ids=lambda path: path.stem)
def test_policies_that_are_kept_in_git_load(path):
    """They were written before some names changed, and before policies could have words of their own."""
    policy, metadata = policy_files.load(path)
    assert metadata["steps"] > 0 and policy.config.words == () and policy.config.cost_heads == 1
