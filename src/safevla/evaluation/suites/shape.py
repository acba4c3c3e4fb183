"""Shape: every object in a variant of its type's shape that training never shows.

Its bounding box, which is what physics knows of it, stays.
"""

import random

from safevla.tasks.episodes import Episode
from safevla.world import looks

LABEL = "shape"


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the house with other objects of the same types and sizes."""
    return episode.changed(house=looks.with_unseen(episode.house, "variants"))
