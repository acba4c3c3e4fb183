"""Vision files: vision encoders as safetensors, their size and what they recognise in the header; two of them are shipped.

A policy's checkpoint holds no frozen encoder, only the digest of its file.
"""

import hashlib
from pathlib import Path
from typing import Any

import pydantic

from safevla.config.encoder_config import EncoderConfig
from safevla.config.faults import first_fault
from safevla.config.policy_config import encoder_file
from safevla.policies.vision_encoder import VisionEncoder
from safevla.runtime import checkpoints


class EncoderError(ValueError):
    """A pretrained encoder that cannot be used; the message names the file or folder, what is wrong and how to get one."""


def save(encoder: VisionEncoder, path: str | Path, **metadata: Any) -> None:
    """Write an encoder without norms in half precision, and what is known of it."""
    tensors = {name: tensor.half() for name, tensor in encoder.state_dict().items()}
    checkpoints.save(path, tensors, {"encoder": encoder.config.model_dump(), **metadata})


def load(name: str) -> tuple[VisionEncoder, str]:
    """The frozen encoder of that name or in that file, and the file's digest. Raises EncoderError."""
    path = encoder_file(name)
    try:
        tensors, metadata = checkpoints.load(path)
        config = EncoderConfig.model_validate(metadata.get("encoder") or {})
        checkpoints.check_size(tensors, config.least_weights, path)
        encoder = VisionEncoder(config)
        checkpoints.restore(encoder, {name: tensor.float() for name, tensor in tensors.items()}, path)
    except checkpoints.CheckpointError as error:
        raise EncoderError(f"policy.vision: {error}; the stage `pretrain_encoder` of the profile `paper` writes one") from None
    except pydantic.ValidationError as error:
        raise EncoderError(f"policy.vision: {path}: header: encoder.{first_fault(error)}: not a vision encoder's file") from None
    return encoder.eval().requires_grad_(False), hashlib.sha256(path.read_bytes()).hexdigest()
