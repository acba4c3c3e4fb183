"""All: other colours, lights and materials at once, as in the paper."""

import dataclasses
import random

from safevla.evaluation import repainting
from safevla.tasks.episodes import Episode

LABEL = "all three"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house."""
    house = episode.house
    for repaint in (repainting.with_colours, repainting.with_lights, repainting.with_materials):
        house = repaint(house, rng)
    return dataclasses.replace(episode, house=house)
