"""Phrasing: instructions in words that training never uses."""

import random

from safevla.tasks import language
from safevla.tasks.episodes import Episode

LABEL = "phrasing"


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode with another instruction for the same task."""
    instruction = language.instruction(episode.task, episode.target_type, rng, unseen=True)
    return episode.changed(instruction=instruction)
