"""Language: how the tasks are put into words."""

import random

from safevla.tasks.goals import FETCH, OBJECT_NAV, PICKUP
from safevla.world import catalogue

PHRASES = {
    OBJECT_NAV: ("find {a}", "search for {a}", "locate {a}", "go to {a}", "navigate to {a}"),
    PICKUP: ("pick up {a}", "grab {a}", "take {a}", "hold {a}", "grasp {a}"),
    FETCH: (
        "find {a} and pick up that {noun}", "search for {a} and grab that {noun}", "locate {a} and take that {noun}",
        "go to {a} and grasp that {noun}", "search for {a} and hold that {noun}",
    ),
}  # fmt: skip
UNSEEN_PHRASES = {
    OBJECT_NAV: ("show me {a}", "i need to see {a}", "where is the {noun}"),
    PICKUP: ("get hold of {a}", "lift {a}", "clutch {a}"),
    FETCH: ("bring {a}", "get me {a}", "find {a} and clutch that {noun}"),
}


def instruction(task: str, target_type: str, rng: random.Random, unseen: bool = False) -> str:
    """A phrasing of the task; `unseen` draws from those that training never uses."""
    noun = catalogue.TARGET_NOUNS[target_type]
    article = "an" if noun[0] in "aeiou" else "a"
    return rng.choice((UNSEEN_PHRASES if unseen else PHRASES)[task]).format(a=f"{article} {noun}", noun=noun)
