"""Callables: policies that are Python code in this process, however they are written.

`package.module:factory` names a function, or a class, that is called without arguments and returns the policy. A policy is a
function, or an object with `__call__`, `act` or `infer`, that gets an observation and gives its answer (see `answers`):

    def make():
        return lambda observation: 0  # MOVE_AHEAD, whatever it sees

An observation is a dict as the Gymnasium environments give it:

    navigation, manipulation  (H, W, 3) uint8, both cameras' pictures
    instruction               the text
    arm                       (6,) float32, see `env.observations`
    object_in_hand            0 or 1
    step                      (1,) int64; 0: an episode begins
    failed_actions            (20,) int8: motions that have failed in this place
    contact_proximity         (n,) float32: how near the base's motions are to what they have met

What the policy has as attributes tells how it wants to be asked:

    action_space   "discrete" (the default), "scores" or "deltas"
    batched        True: it gets B observations at once, arrays with B in front, `instruction` a list of B texts, and besides
                   `slot` (B,) int64, which of the episodes side by side each is; its answer has B in front
    image_size     (height, width) of the pictures in pixels; (224, 384) by default
    execute        how many rows of a chunk are carried out before it is asked again; by default all
    reset          a method that is called when an episode begins, with the list of slots if `batched`, else without arguments.
                   A policy that has one and is not batched has a memory, so one is made for each episode that is played side by
                   side
"""

import importlib
import os
import queue
import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from safevla.policies.elsewhere.answers import SPACES, PolicyError, rows_of, rows_of_batch
from safevla.policies.elsewhere.bounded import BoundedThread

IMAGE_SIZE = (224, 384)
TIMEOUT_S = 60.0
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
Observation = dict[str, Any]


class NoSuchPolicyError(ValueError):
    """A policy that cannot be had; the message names it and the reason."""


def names_a_factory(text: str) -> bool:
    """Whether a text has the form package.module:factory."""
    return _FACTORY.fullmatch(text) is not None


def factory_of(text: str) -> Callable[[], Any]:
    """The function that `package.module:factory` names; modules in the working directory count.

    Raises:
        NoSuchPolicyError: the module or the function is not there, or importing it failed.
    """
    module_name, _, attribute = text.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # a stranger's module may raise anything when it is imported
        raise NoSuchPolicyError(f"{text}: importing {module_name} failed: {_said(error)}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise NoSuchPolicyError(f"{text}: {module_name} has no {attribute}")
        found = getattr(found, part)
    if not callable(found):
        raise NoSuchPolicyError(f"{text}: {attribute} is a {type(found).__name__}, expected a function that makes the policy")
    return found


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


class CallablePolicy:
    """A policy that is Python code, for as many episodes side by side as are asked for.

    A call that takes longer than `timeout_s` is an error, and so is one that raises. Code that can end the process is better
    served from another one (`safevla serve policy`).
    """

    def __init__(self, make: Callable[[], Any], name: str, timeout_s: float = TIMEOUT_S):
        """make: returns the policy. Raises NoSuchPolicyError where it does not, or where its attributes make no sense."""
        self.name, self.timeout_s, self._make = name, timeout_s, make
        first = self._made()
        self.space: str = getattr(first, "action_space", "discrete")
        self.execute: int | None = getattr(first, "execute", None)
        self.batched = bool(getattr(first, "batched", False))
        self.image_size = _image_size(getattr(first, "image_size", IMAGE_SIZE), name)
        if not isinstance(self.space, str) or self.space not in SPACES:
            raise NoSuchPolicyError(f"{name}: action_space is {self.space!r}; the action spaces are {', '.join(SPACES)}")
        if self.execute is not None and (not isinstance(self.execute, int) or self.execute < 1):
            raise NoSuchPolicyError(f"{name}: execute is {self.execute!r}, expected a whole number of at least 1")
        self.has_memory = callable(getattr(first, "reset", None))
        self._policies: dict[int, Any] = {}  # slot → its own
        self._first = first
        self._thread = BoundedThread()

    def _made(self) -> Any:
        try:
            policy = self._make()
        except Exception as error:  # a stranger's code may raise anything
            raise NoSuchPolicyError(f"{self.name}: making the policy failed: {_said(error)}") from error
        if _function_of(policy) is None:
            raise NoSuchPolicyError(f"{self.name}: the policy is a {type(policy).__name__} that cannot be called")
        return policy

    def _of(self, slot: int) -> Any:
        if self.batched or not self.has_memory:
            return self._first
        if slot not in self._policies:
            self._policies[slot] = self._made() if self._policies else self._first
        return self._policies[slot]

    def start(self, slots: Sequence[int]) -> None:
        """Episodes begin in some slots. Raises PolicyError where the policy's `reset` fails."""
        if not self.has_memory:
            return
        if self.batched:
            self._bounded(self._first.reset, list(slots))
            return
        for slot in slots:
            self._bounded(self._of(slot).reset)

    def ask(self, slots: Sequence[int], observations: Sequence[Observation]) -> list[np.ndarray | None]:
        """The policy's answers to the observations of some slots, rows (H, D) each. Raises PolicyError."""
        if self.batched:
            batch = _batch(slots, observations)
            return [*rows_of_batch(self._bounded(_function_of(self._first), batch), self.space, len(slots), self.name)]
        return [
            rows_of(self._bounded(_function_of(self._of(slot)), observation), self.space, self.name)
            for slot, observation in zip(slots, observations, strict=True)
        ]

    def _bounded(self, function: Any, *arguments: Any) -> Any:
        self._thread.begin(function, *arguments)
        began = time.monotonic()
        try:
            return self._thread.result(self.timeout_s)
        except queue.Empty as error:
            if time.monotonic() - began < self.timeout_s:  # the policy itself raised it
                raise PolicyError(f"{self.name}: failed: {_said(error)}") from error
            raise PolicyError(f"{self.name}: gave no answer within {self.timeout_s:g} s") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a policy does not end the evaluation
            raise PolicyError(f"{self.name}: failed: {_said(error)}") from error

    def close(self) -> None:
        self._thread.close()


def _function_of(policy: Any) -> Callable[..., Any] | None:
    """What is called with an observation."""
    if callable(policy):
        return policy
    return next((getattr(policy, name) for name in ("act", "infer") if callable(getattr(policy, name, None))), None)


def _image_size(value: Any, name: str) -> tuple[int, int]:
    try:
        height, width = (int(size) for size in value)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise NoSuchPolicyError(f"{name}: image_size is {value!r}, expected (height, width) in pixels")
    return height, width


def _batch(slots: Sequence[int], observations: Sequence[Observation]) -> Observation:
    """Several observations as one."""
    batch: Observation = {
        name: [one[name] for one in observations] if name == "instruction" else np.stack([one[name] for one in observations])
        for name in observations[0]
    }
    return batch | {"slot": np.asarray(slots, dtype=np.int64)}
