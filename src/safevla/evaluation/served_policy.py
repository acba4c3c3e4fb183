"""Served policy: a checkpoint of this project as a policy that answers one observation at a time, for a server."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from safevla.env.contact_memory import N_CONTACT_PROXIMITY
from safevla.env.observations import ARM_STATES, NO_ACTION, Observation
from safevla.evaluation.actors import PolicyActor, filter_action
from safevla.policies import policy_files
from safevla.sim.actions import N_ACTIONS
from safevla.sim.interface import CAMERAS

_SHAPES = {"arm": (ARM_STATES,), "failed_actions": (N_ACTIONS,), "contact_proximity": (N_CONTACT_PROXIMITY,)}
_KINDS = "biuf"


class ObservationError(ValueError):
    """An observation that the policy cannot use; the message names the entry."""


class ServedPolicy:
    """One copy of the weights, and a memory for each session. Observations are those of `policies.elsewhere.callables`.

    `arm`, `failed_actions` and `contact_proximity` may be left out: a robot that senses no such thing has zeros there, and
    does worse for it.
    """

    def __init__(self, path: Path, seed: int, done_threshold: float, temperature: float, device: torch.device | str = "cpu"):
        """Raises CheckpointError naming the file and what is wrong with it."""
        self.policy, metadata = policy_files.load(path)
        hook = filter_action(metadata, path)
        self._decoding: tuple[Any, ...] = (seed, done_threshold, temperature, device, hook)
        self.metadata = {
            "policy": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "method": metadata.get("method", "imitation"),
            "image_size": list(self.policy.config.image_size),
            "action_space": "discrete",
        }

    def session(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """What answers the observations of one episode after the other; one begins where `step` is 0."""
        actor = PolicyActor(self.policy, 1, *self._decoding)
        previous = NO_ACTION

        def answer(observation: dict[str, Any]) -> dict[str, Any]:
            nonlocal previous
            step = _integer(observation, "step")
            if step == 0:
                actor.kv_cache.valid[:] = False
                previous = NO_ACTION
            seen = self._observation(observation, step, previous).map(lambda tensor: tensor.to(actor.generator.device))
            previous = int(actor.act(seen)[0])
            return {"actions": np.array([[previous]], dtype=np.int64)}

        return answer

    def _observation(self, found: dict[str, Any], step: int, previous: int) -> Observation:
        shape = (*self.policy.config.image_size, 3)
        pictures = [_array(found, name, shape, "u") for name in CAMERAS]
        if any(picture.dtype != np.uint8 for picture in pictures):
            raise ObservationError(f"{CAMERAS[0]}: expected uint8")
        instruction = found.get("instruction", found.get("prompt"))
        if not isinstance(instruction, str):
            raise ObservationError("instruction: missing, or no text")
        rest = {name: _array(found, name, size, _KINDS) if name in found else np.zeros(size) for name, size in _SHAPES.items()}
        return Observation(
            pixels=torch.from_numpy(np.stack(pictures))[None],
            words=torch.tensor([self.policy.tokenize(instruction)]),
            previous_action=torch.tensor([previous]),
            arm=torch.from_numpy(rest["arm"].astype(np.float32))[None],
            object_in_hand=torch.tensor([bool(_integer(found, "object_in_hand"))]),
            step=torch.tensor([step]),
            failed_actions=torch.from_numpy(rest["failed_actions"].astype(bool))[None],
            contact_proximity=torch.from_numpy(rest["contact_proximity"].astype(np.float32))[None],
        )


def _array(found: dict[str, Any], name: str, shape: tuple[int, ...], kinds: str) -> np.ndarray:
    value = found.get(name)
    if not isinstance(value, np.ndarray) or value.shape != shape or value.dtype.kind not in kinds:
        is_array = isinstance(value, np.ndarray)
        what = f"{value.dtype} {value.shape}" if is_array else "nothing" if value is None else f"a {type(value).__name__}"
        raise ObservationError(f"{name}: expected an array of shape {shape}, found {what}")
    if not np.isfinite(value).all():
        raise ObservationError(f"{name}: not finite")
    return value


def _integer(found: dict[str, Any], name: str) -> int:
    value = np.asarray(found.get(name))
    if value.dtype.kind not in "biu" or value.size != 1 or not 0 <= int(value.reshape(())) < 1 << 31:
        raise ObservationError(f"{name}: expected a whole number of at least 0")
    return int(value.reshape(()))
