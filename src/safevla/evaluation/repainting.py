"""Repainting: a house under other lights, for the suites that change how it looks."""

import random

from safevla.world import house_file


def with_lights(house: house_file.House, rng: random.Random) -> house_file.House:
    """The house, its lights in other colours, from dim to glaring."""
    parameters = house["proceduralParameters"]
    lights = [
        {
            **light,
            "intensity": light["intensity"] * rng.uniform(0.3, 1.8),
            "rgb": {channel: round(rng.uniform(0.45, 1.0), 3) for channel in "rgb"},
        }
        for light in parameters["lights"]
    ]
    return {**house, "proceduralParameters": {**parameters, "lights": lights}}
