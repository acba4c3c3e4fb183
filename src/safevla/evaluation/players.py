"""Players: who can be scored, by what one calls them.

    expert, expert_careful     the planners with privileged state
    policy.safetensors         a checkpoint of this project, acting as its method has it
    package.module:factory     Python code, see `policies.elsewhere.callables`
    ws://host:port             a policy server, see `policies.elsewhere.websocket`

A Policy, a function or an object with `act` or `infer` is a player as well.
"""

import copy
import dataclasses
import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safevla.evaluation.actors import EXPERTS, Actor, ExpertActor, PolicyActor, filter_action, load_actor
from safevla.evaluation.foreign_actor import ForeignActor, ForeignPolicy
from safevla.policies import policy_files
from safevla.policies.elsewhere import callables
from safevla.policies.elsewhere.callables import CallablePolicy, NoSuchPolicyError
from safevla.policies.vla import Policy
from safevla.sim.interface import Simulator


@dataclasses.dataclass(frozen=True)
class Door:
    """How policies from elsewhere are asked; None: as they say themselves."""

    timeout_s: float = callables.TIMEOUT_S  # for an answer
    api_key: str | None = dataclasses.field(default=None, repr=False)
    keys: Mapping[str, str] | None = None  # a server's name for a part of an observation → ours
    action_space: str | None = None
    execute: int | None = None  # rows of a chunk
    image_size: tuple[int, int] | None = None  # (height, width) in pixels


@dataclasses.dataclass(frozen=True)
class Player:
    """Who plays the episodes of an evaluation."""

    method: str  # what its rows call it
    training_seed: int
    image_size: tuple[int, int]  # (height, width) in pixels
    plays_on_gpu: bool  # where there is one
    identity: str  # what its actions follow from, as far as it can be known: other text, other rows
    actor: Callable[[Simulator], Actor]
    close: Callable[[], None] = lambda: None


def player(
    policy: Any,
    decoding: tuple[float, float] = (0.0, 1.0),
    image_size: tuple[int, int] = callables.IMAGE_SIZE,
    seed: int = 0,
    door: Door | None = None,
) -> Player:
    """The player that somebody means.

    decoding: a Policy's done threshold and temperature; image_size: (height, width) of the pictures that an expert does not
    look at; seed: of a Policy's draws.

    Raises:
        CheckpointError, NoSuchPolicyError: it cannot be had (both are ValueErrors).
        TypeError: it is nothing of the kind.
    """
    door = door or Door()
    if isinstance(policy, str) and policy in EXPERTS:
        is_careful = EXPERTS[policy]
        return Player(policy, 0, image_size, False, policy, lambda simulator: ExpertActor(simulator.n_envs, is_careful))
    if isinstance(policy, str) and policy.partition("://")[0] in ("ws", "wss"):
        return _of_server(policy, door)
    if isinstance(policy, str) and callables.names_a_factory(policy) and not Path(policy).exists():
        factory = callables.factory_of(policy)
        return _foreign(CallablePolicy(factory, policy, door.timeout_s), door, _source_of(factory))
    if isinstance(policy, str | Path):
        return _of_checkpoint(Path(policy), decoding, seed)
    if isinstance(policy, Policy):
        own = copy.deepcopy(policy)  # the caller's stays on its device, and in its mode
        return Player(
            "policy", 0, policy.config.image_size, True, "",
            lambda simulator: PolicyActor(own, simulator.n_envs, seed, *decoding, simulator.device),
        )  # fmt: skip
    if callable(policy) or hasattr(policy, "act") or hasattr(policy, "infer"):
        return _foreign(CallablePolicy(_the_only(policy), _name_of(policy), door.timeout_s), door, "")
    experts = ", ".join(map(repr, EXPERTS))
    raise TypeError(
        f"policy is a {type(policy).__name__}, expected a checkpoint's path, a Policy, or one of {experts}, "
        "'package.module:factory', 'ws://host:port', a function, or an object with `act` or `infer`"
    )


def _of_checkpoint(path: Path, decoding: tuple[float, float], seed: int) -> Player:
    loaded, metadata = policy_files.load(path)
    filter_action(metadata, path)  # refuses what could not act, before anybody plays
    return Player(
        metadata.get("method", "imitation"), metadata.get("seed", 0), loaded.config.image_size, True,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        lambda simulator: load_actor(path, simulator.n_envs, seed, *decoding, simulator.device),
    )  # fmt: skip


def _of_server(uri: str, door: Door) -> Player:
    try:
        client = importlib.import_module("safevla.policies.elsewhere.websocket.client")
    except ModuleNotFoundError as error:
        raise NoSuchPolicyError(f"{uri}: {error.name} is not installed: pip install 'safevla[serve]'") from None
    keys = client.KEYS if door.keys is None else door.keys
    policy = client.WebsocketPolicy(
        uri, door.api_key, door.timeout_s, keys, door.action_space, door.execute, door.image_size
    )  # fmt: skip
    return _foreign(policy, Door(), f"{uri} {policy.metadata!r} {sorted(keys.items())}")


def _foreign(policy: Any, door: Door, identity: str) -> Player:
    """A foreign policy as a player; the door's wishes go before what it says of itself."""
    policy.space = door.action_space or policy.space
    policy.execute = door.execute or policy.execute
    policy.image_size = door.image_size or policy.image_size
    checked: ForeignPolicy = policy
    return Player(
        checked.name, 0, checked.image_size, False, f"{identity} {checked.space} {checked.execute} {checked.image_size}",
        lambda simulator: ForeignActor(checked, simulator.n_envs), checked.close,
    )  # fmt: skip


def _the_only(policy: Any) -> Callable[[], Any]:
    """Gives an object that the caller has made, which can serve several episodes only if it remembers none, or takes batches."""
    given = 0

    def make() -> Any:
        nonlocal given
        given += 1
        if given > 1:
            raise NoSuchPolicyError(
                "it has a `reset`, so a memory, and there is only one of it: play one episode at a time, or say how to make more "
                "by 'package.module:factory'"
            )
        return policy

    return make


def _name_of(policy: Any) -> str:
    return getattr(policy, "__name__", type(policy).__name__)


def _source_of(factory: Callable[[], Any]) -> str:
    """The text of the file that defines a factory, as far as there is one."""
    try:
        return Path(inspect.getsourcefile(factory) or "").read_text(encoding="utf-8")
    except (OSError, TypeError, ValueError):
        return ""
