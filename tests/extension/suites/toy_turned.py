"""Turned round: the robot begins with its back to where it would have looked."""

import random

from safevla.tasks.episodes import Episode

LABEL = "turned round"


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode from the same place, looking the other way."""
    x, z, yaw_deg = episode.start
    return episode.changed(start=(x, z, (yaw_deg + 180.0) % 360.0))
