"""Tokenizer: instructions as word ids, for policies that learn their words from scratch."""

import functools

from safevla.config.registry import TASKS
from safevla.world import catalogue

MAX_WORDS = 12
PADDING, UNKNOWN = 0, 1


@functools.cache
def vocabulary() -> dict[str, int]:
    """Word → id over everything that training instructions can say; other words are UNKNOWN."""
    words = {"a", "an"}
    for task in TASKS.names():
        for phrase in TASKS.constant(task, "PHRASES"):
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
