"""Language: how the tasks are put into words."""

import random

from safevla.config.registry import TASKS
from safevla.world import catalogue


def instruction(task: str, target_type: str, rng: random.Random, unseen: bool = False) -> str:
    """A phrasing of the task; `unseen` draws from those that training never uses."""
    noun = catalogue.TARGET_NOUNS[target_type]
    article = "an" if noun[0] in "aeiou" else "a"
    phrases = TASKS.constant(task, "UNSEEN_PHRASES" if unseen else "PHRASES")
    return rng.choice(phrases).format(a=f"{article} {noun}", noun=noun)
