"""Checkpoints: tensors in a safetensors file with a JSON header, written atomically, never unpickled."""

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

# The one entry of the file's header. A second would stand before or after it by chance, and equal training would give unequal
# files.
FORMAT = "safevla-checkpoint-2"
_FORMAT_1 = "safevla-checkpoint-1"  # has two entries, "format" and "facts"
_LONGEST_REASON = 200  # characters; torch lists every tensor that does not fit


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file and the reason."""


def save(path: str | Path, tensors: dict[str, torch.Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and metadata, which JSON can hold; a reader sees the old file or the new one, never a half."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    safetensors.torch.save_file(whole, partial, metadata={FORMAT: json.dumps(metadata, sort_keys=True)})
    os.replace(partial, path)


def load(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the metadata of a checkpoint. Raises CheckpointError naming the file and the reason."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            text = header.get("facts") if header.get("format") == _FORMAT_1 else header.get(FORMAT)
            if text is None:
                raise CheckpointError(f"{path}: header: no entry {FORMAT!r}: not a checkpoint of this project")
            metadata = json.loads(text)
            if not isinstance(metadata, dict):
                raise CheckpointError(f"{path}: header: {FORMAT}: no JSON object")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint: {error}") from None


def restore(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | Path) -> None:
    """Put tensors into a module; every one must be there and fit."""
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]  # torch begins with a heading
        raise CheckpointError(f"{path}: does not fit the policy: {textwrap.shorten(first[0], _LONGEST_REASON)}") from None


def optimiser_tensors(optimiser: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """An optimiser's state as named tensors."""
    found = {}
    for index, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            found[f"{prefix}.{index}.{name}"] = torch.as_tensor(value)
    return found


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    """Put back what `optimiser_tensors` gave."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix + "."):
            index, name = key[len(prefix) + 1 :].split(".", 1)
            state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
