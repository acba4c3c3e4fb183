"""Observations: what a policy gets to see, as tensors.

Pixels of both cameras, the instruction as word ids, and three facts of proprioception: the previous action, whether an
object is in the hand, and how many steps have passed.
"""

import dataclasses
import functools

import torch

from safevla import catalogue, episodes
from safevla.sim.interface import CAMERAS, N_ACTIONS, NOTHING, Scene

MAX_WORDS = 12
PADDING, UNKNOWN = 0, 1
NO_ACTION = N_ACTIONS  # the previous action of a first step


@functools.cache
def vocabulary() -> dict[str, int]:
    """Word → id over everything that training instructions can say; other words are UNKNOWN."""
    words = {"a", "an"}
    for phrases in episodes.PHRASES.values():
        for phrase in phrases:
            words.update(phrase.replace("{a}", "").replace("{noun}", "").split())
    for noun in catalogue.TARGET_NOUNS.values():
        words.update(noun.split())
    return {word: index for index, word in enumerate(sorted(words), start=UNKNOWN + 1)}


def vocabulary_size() -> int:
    return len(vocabulary()) + 2


def tokenize(instruction: str) -> list[int]:
    """MAX_WORDS word ids, padded."""
    ids = [vocabulary().get(word, UNKNOWN) for word in instruction.lower().split()][:MAX_WORDS]
    return ids + [PADDING] * (MAX_WORDS - len(ids))


@dataclasses.dataclass(frozen=True)
class Observation:
    """Leading dimensions (B,) or (T, B)."""

    pixels: torch.Tensor  # (…, C, H, W, 3) uint8
    words: torch.Tensor  # (…, MAX_WORDS) int64
    previous_action: torch.Tensor  # (…,) int64, NO_ACTION at first
    object_in_hand: torch.Tensor  # (…,) bool
    step: torch.Tensor  # (…,) int64

    def map(self, function) -> "Observation":
        """The observation with a function applied to every tensor."""
        return Observation(**{f.name: function(getattr(self, f.name)) for f in dataclasses.fields(self)})

    @staticmethod
    def stack(observations: list["Observation"]) -> "Observation":
        """T observations of (B, …) as one of (T, B, …)."""
        names = [f.name for f in dataclasses.fields(Observation)]
        return Observation(**{name: torch.stack([getattr(o, name) for o in observations]) for name in names})


def observe(pictures: dict[str, torch.Tensor], scene: Scene, words: torch.Tensor, previous_action: torch.Tensor) -> Observation:
    """What the robot sees now; the tensors are copies."""
    return Observation(
        pixels=torch.stack([pictures[name] for name in CAMERAS], dim=1),
        words=words.clone(),
        previous_action=previous_action.clone(),
        object_in_hand=scene.held != NOTHING,
        step=scene.step.long(),
    )
