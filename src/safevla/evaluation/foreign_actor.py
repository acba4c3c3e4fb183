"""Foreign actor: a policy from elsewhere plays episodes, asked when it has nothing left to do."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch

from safevla.env.observations import Observation
from safevla.evaluation.actors import LOST
from safevla.policies.elsewhere.adapter import Adapter
from safevla.policies.elsewhere.callables import Observation as Seen
from safevla.sim.interface import CAMERAS, Scene
from safevla.tasks import tokenizer
from safevla.tasks.episodes import Episode


class ForeignPolicy(Protocol):
    """A policy from elsewhere: `callables.CallablePolicy`, `websocket.client.WebsocketPolicy`."""

    name: str
    space: str  # its action space, see `answers`
    execute: int | None  # rows of a chunk that are carried out; None: all
    image_size: tuple[int, int]  # (height, width) in pixels

    def start(self, slots: Sequence[int]) -> None:
        """Episodes begin in some slots."""
        ...

    def ask(self, slots: Sequence[int], observations: Sequence[Seen]) -> list[np.ndarray | None]:
        """The answers to the observations of some slots, rows (H, D) each; None where the episode is lost.

        Raises PolicyError for whatever cannot be mended by playing the episode again.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class ForeignActor:
    """B episodes by a policy from elsewhere; it sees observations only."""

    def __init__(self, policy: ForeignPolicy, n_envs: int):
        self.policy = policy
        self.tokenize: Callable[[str], list[int]] = tokenizer.tokenize
        self._instructions = [""] * n_envs
        self._adapters = [Adapter(policy.space, policy.execute, policy.name) for _ in range(n_envs)]

    def start_episodes(self, slots: Sequence[int], episodes: Sequence[Episode], scene: Scene) -> None:
        for slot, episode in zip(slots, episodes, strict=True):
            self._instructions[slot] = episode.instruction
            self._adapters[slot].start()
        self.policy.start(slots)

    def act(self, observation: Observation, scene: Scene) -> torch.Tensor:
        slots = [slot for slot, adapter in enumerate(self._adapters) if adapter.needs_answer]
        lost = set()
        if slots:
            seen = [as_seen(observation, slot, self._instructions[slot]) for slot in slots]
            for slot, rows in zip(slots, self.policy.ask(slots, seen), strict=True):
                if rows is None:
                    lost.add(slot)
                else:
                    self._adapters[slot].take(rows)
        in_hand = observation.object_in_hand.tolist()
        actions = [LOST if slot in lost else adapter.next(in_hand[slot]) for slot, adapter in enumerate(self._adapters)]
        return torch.tensor(actions)


def as_seen(observation: Observation, row: int, instruction: str) -> Seen:
    """One robot's observation as the Gymnasium environments give it, see `callables`."""
    return {
        **{name: observation.pixels[row, c].numpy(force=True) for c, name in enumerate(CAMERAS)},
        "instruction": instruction,
        "arm": observation.arm[row].numpy(force=True),
        "object_in_hand": int(observation.object_in_hand[row]),
        "step": observation.step[row : row + 1].numpy(force=True),
        "failed_actions": observation.failed_actions[row].numpy(force=True).astype(np.int8),
        "contact_proximity": observation.contact_proximity[row].numpy(force=True),
    }
