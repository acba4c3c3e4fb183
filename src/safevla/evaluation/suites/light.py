"""Light: lamps of other colours, from dim to glaring, as in the paper."""

import random

from safevla.evaluation import repainting
from safevla.tasks.episodes import Episode

LABEL = "light"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the house under other lights."""
    return episode.changed(house=repainting.with_lights(episode.house, rng))
