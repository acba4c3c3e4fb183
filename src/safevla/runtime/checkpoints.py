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
    except CheckpointError:
        raise
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a readable checkpoint: {error}") from None


def check_size(tensors: dict[str, torch.Tensor], least: int, path: str | Path) -> None:
    """Raise CheckpointError, before memory is taken, where a file's header describes more weights than it has: `least`."""
    held = sum(tensor.numel() for tensor in tensors.values())
    if least > held:
        raise CheckpointError(f"{path}: does not fit its header, which describes {least:,} weights or more; it has {held:,}")


def restore(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: str | Path) -> None:
    """Put tensors into a module; every one must be there and fit, and be made of finite numbers."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {name}: holds what is no finite number")
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


def restore_optimiser(
    optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], prefix: str, path: str | Path = "checkpoint"
) -> None:
    """Put back what `optimiser_tensors` gave. Raises CheckpointError, naming `path`, where it does not fit the parameters."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if not key.startswith(prefix + "."):
            continue
        index, _, name = key[len(prefix) + 1 :].partition(".")
        if not index.isdecimal() or int(index) >= len(parameters) or not name:
            raise CheckpointError(f"{path}: {key}: not the state of one of the optimiser's {len(parameters)} parameters")
        shape = parameters[int(index)].shape
        if value.dim() and value.shape != shape:
            raise CheckpointError(f"{path}: {key}: of the shape {tuple(value.shape)}, its parameter of {tuple(shape)}")
        if not value.isfinite().all():
            raise CheckpointError(f"{path}: {key}: holds what is no finite number")
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
