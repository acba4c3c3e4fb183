"""Colour: every object in a colour drawn at random, as in the paper."""

import dataclasses
import random

from safevla.evaluation import repainting
from safevla.tasks.episodes import Episode

LABEL = "colour"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house."""
    return dataclasses.replace(episode, house=repainting.with_colours(episode.house, rng))
