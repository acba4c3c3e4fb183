"""Policy files: a policy as safetensors with its configuration in the header."""

from pathlib import Path

import pydantic

from safevla.config.policy_config import PolicyConfig
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints


def save(policy: Policy, path: str | Path, half: bool = False, **metadata) -> None:
    """Write the policy as safetensors, its configuration and some facts (step, multiplier, …) in the header.

    half: in half precision (float16), which takes half the place; `load` gives single precision again.
    """
    tensors = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor for name, tensor in policy.state_dict().items()
    }
    checkpoints.save(path, tensors, {"policy": policy.config.model_dump(), **metadata})


def load(path: str | Path) -> tuple[Policy, dict]:
    """A policy that `save` wrote, and the facts; CheckpointError names the file and what is wrong with it."""
    tensors, metadata = checkpoints.load(path)
    try:
        policy = Policy(PolicyConfig(**metadata["policy"]))
    except (KeyError, TypeError, pydantic.ValidationError) as error:
        raise checkpoints.CheckpointError(f"{path}: header: policy: {error}") from None
    checkpoints.restore(policy, tensors, path)
    return policy, metadata
