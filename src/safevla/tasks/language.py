"""Language: how the tasks are put into words."""

import random

from safevla.config.registry import TASKS
from safevla.world import catalogue


def instruction(task: str, target_type: str, rng: random.Random, unseen: bool = False) -> str:
    """A phrasing of the task; `unseen` draws from those that training never uses."""
    noun = catalogue.TARGET_NOUNS[target_type]
    phrases = TASKS.constant(task, "UNSEEN_PHRASES" if unseen else "PHRASES")
    return rng.choice(phrases).format(a=with_article(noun), noun=noun)


def with_article(noun: str) -> str:
    """ "a mug", "an apple"."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
