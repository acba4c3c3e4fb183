"""Policy files: they come back as they were, and bad ones are named."""

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


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*/*.safetensors")), ids=lambda path: path.stem)
def test_policies_that_are_kept_in_git_load(path):
    """They were written before some names changed, and before policies could have words of their own."""
    policy, metadata = policy_files.load(path)
    assert metadata["steps"] > 0 and policy.config.words == () and policy.config.cost_heads == 1
