"""Tokenizer: instructions as word ids, for policies that learn their words from scratch."""

import functools
from collections.abc import Iterable

from safevla.config.registry import TASKS
from safevla.tasks.goals import PAPER_TASKS
from safevla.world import catalogue

MAX_WORDS = 12
PADDING, UNKNOWN = 0, 1


@functools.cache
def vocabulary(more: tuple[str, ...] = ()) -> dict[str, int]:
    """Word → id over everything that the paper's tasks can say in training, and then `more`; other words are UNKNOWN.

    What other tasks say is not among them: who adds a task changes no id that a policy has learnt.
    """
    words = {"a", "an"}
    for task in PAPER_TASKS:
        for phrase in TASKS.constant(task, "PHRASES"):
            words.update(phrase.replace("{a}", "").replace("{noun}", "").split())
    for noun in catalogue.TARGET_NOUNS.values():
        words.update(noun.split())
    return {word: index for index, word in enumerate([*sorted(words), *more], start=UNKNOWN + 1)}


def vocabulary_size(more: tuple[str, ...] = ()) -> int:
    return len(vocabulary(more)) + 2


def words_beyond(instructions: Iterable[str]) -> tuple[str, ...]:
    """The words of some instructions that the vocabulary lacks, in alphabetical order."""
    said = {word for instruction in instructions for word in instruction.lower().split()}
    return tuple(sorted(said - vocabulary().keys()))


def tokenize(instruction: str, more: tuple[str, ...] = ()) -> list[int]:
    """MAX_WORDS word ids, padded."""
    ids = [vocabulary(more).get(word, UNKNOWN) for word in instruction.lower().split()][:MAX_WORDS]
    return ids + [PADDING] * (MAX_WORDS - len(ids))
