"""Colour: every object in colours of hues that training never uses, as in the paper."""

import random

from safevla.tasks.episodes import Episode
from safevla.world import looks

LABEL = "colour"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house."""
    return episode.changed(house=looks.with_unseen(episode.house, "colors"))
