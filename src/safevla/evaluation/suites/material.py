"""Material: objects, walls and floors of materials that training never uses, as in the paper.

Walls and floors are in colours that it never uses, too.
"""

import random

from safevla.tasks.episodes import Episode
from safevla.world import looks

LABEL = "material"
LOOK = True


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode in the repainted house."""
    return episode.changed(house=looks.with_unseen(episode.house, "materials"))
