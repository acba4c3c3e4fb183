"""Repainting: a house with other colours, lights or materials, for the suites that change how it looks."""

import copy
import random

from safevla.world import catalogue, house_file


def with_colours(house: house_file.House, rng: random.Random) -> house_file.House:
    """The house, every object in a colour drawn at random."""
    house = copy.deepcopy(house)
    for obj, _ in house_file.objects(house):
        obj["color"] = _random_colour(rng)
    return house


def with_lights(house: house_file.House, rng: random.Random) -> house_file.House:
    """The house, its lights in other colours, from dim to glaring."""
    house = copy.deepcopy(house)
    for light in house["proceduralParameters"]["lights"]:
        light["intensity"] = light["intensity"] * rng.uniform(0.3, 1.8)
        light["rgb"] = _random_colour(rng, low=0.45)
    return house


def with_materials(house: house_file.House, rng: random.Random) -> house_file.House:
    """The house, walls and floors of other colours and materials, objects with other patterns."""
    house = copy.deepcopy(house)
    for surface in house["walls"]:
        surface["material"] = {"name": rng.choice(("Tiles2", "PureWhite")), "color": _random_colour(rng)}
    for room in house["rooms"]:
        room["floorMaterial"] = {"name": rng.choice(("Tiles2", "WoodGrains")), "color": _random_colour(rng)}
    for obj, _ in house_file.objects(house):
        obj["pattern"] = rng.choice(catalogue.PATTERNS)
    return house


def _random_colour(rng: random.Random, low: float = 0.05) -> dict[str, float]:
    return {channel: round(rng.uniform(low, 1.0), 3) for channel in "rgb"}
