"""Material: walls, floors and objects of other materials, as in the paper."""

import dataclasses
import random

from safevla.evaluation import repainting
from safevla.tasks.episodes import Episode

LABEL = "material"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house."""
    return dataclasses.replace(episode, house=repainting.with_materials(episode.house, rng))
