"""Word order: the instruction's words in an order that training never uses, as in the paper; "mug a find" for "find a mug"."""

import random

from safevla.tasks.episodes import Episode
from safevla.world import catalogue

LABEL = "word order"


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode with the words of its instruction shuffled, but for those of the target's name, which stay together."""
    noun = catalogue.TARGET_NOUNS[episode.target_type]
    joined = noun.replace(" ", "_")
    words = episode.instruction.replace(noun, joined).split()
    shuffled = words[:]
    while shuffled == words and len(set(words)) > 1:
        rng.shuffle(shuffled)
    return episode.changed(instruction=" ".join(shuffled).replace(joined, noun))
