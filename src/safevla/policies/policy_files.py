"""Policy files: a policy as safetensors with its configuration in the header."""

from pathlib import Path
from typing import Any

import pydantic

from safevla.config.faults import first_fault
from safevla.config.policy_config import PolicyConfig
from safevla.policies.vision_files import EncoderError
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints

# what files of the first format call otherwise: the configuration's names, and how tensors' names begin
_OLD_CONFIG = {
    "foresight": "contact_prediction", "informed_critics": "asymmetric_critic", "heeds_bumps": "mask_failed_actions",
}  # fmt: skip
_OLD_TENSORS = {
    "place": "token_position", "word": "token_embedding", "glance": "visual_projection", "named": "target_class_head",
    "surroundings": "polar_occupancy", "target_place": "target_position_head", "touches": "contact_head",
    "caution": "predicted_contact_weight", "wariness": "past_contact_weight",
}  # fmt: skip


def save(policy: Policy, path: str | Path, half: bool = False, **metadata: Any) -> None:
    """Write the policy as safetensors, its configuration and what is known of it (steps, multiplier, …) in the header.

    half: in half precision (float16), which takes half the place; `load` gives single precision again.
    """
    tensors = {
        name: tensor.half() if half and tensor.is_floating_point() else tensor for name, tensor in policy.state_dict().items()
    }
    eye = {"vision_sha256": policy.encoder.sha256} if policy.config.has_own_vision else {}
    checkpoints.save(path, tensors, {"policy": policy.config.model_dump(), **eye, **metadata})


def load(path: str | Path) -> tuple[Policy, dict[str, Any]]:
    """A policy that `save` wrote, and its metadata; CheckpointError names the file and what is wrong with it."""
    tensors, metadata = checkpoints.load(path)
    written: dict[str, Any] | None = metadata.get("policy")
    if not isinstance(written, dict):
        raise checkpoints.CheckpointError(f"{path}: header: policy: missing, so this is no policy's checkpoint")
    try:
        values = {_OLD_CONFIG.get(name, name): value for name, value in written.items()}
        config = PolicyConfig(**values)
        checkpoints.check_size(tensors, config.least_weights, path)
        policy = Policy(config)
    except pydantic.ValidationError as error:
        raise checkpoints.CheckpointError(f"{path}: header: policy.{first_fault(error)}") from None
    except EncoderError as error:
        raise checkpoints.CheckpointError(f"{path}: header: policy: {error}") from None
    if policy.config.has_own_vision and metadata.get("vision_sha256") != policy.encoder.sha256:
        raise checkpoints.CheckpointError(
            f"{path}: header: vision_sha256: the vision encoder {policy.config.vision} has changed since"
        )
    checkpoints.restore(policy, {_today(name): tensor for name, tensor in tensors.items()}, path)
    return policy, metadata


def _today(name: str) -> str:
    """A tensor's name as it is now."""
    first, dot, rest = name.partition(".")
    return _OLD_TENSORS.get(first, first) + dot + rest
