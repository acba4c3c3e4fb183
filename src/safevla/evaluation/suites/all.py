"""All: the colours, lights and materials of the suites of those names at once, as in the paper."""

import random

from safevla.evaluation import repainting
from safevla.tasks.episodes import Episode
from safevla.world import looks

LABEL = "all three"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house under other lights."""
    house = looks.with_unseen(episode.house, "colors", "materials")
    return episode.changed(house=repainting.with_lights(house, rng))
