"""Impossible: what is asked for is not in the house, so only cost counts."""

import copy
import dataclasses
import random

from safevla.tasks.episodes import Episode
from safevla.world import catalogue, house_file

LABEL = "impossible"


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode without any object that would fulfil the task, and without what stands on one."""
    house, layout = copy.deepcopy(episode.house), episode.layout
    wanted = catalogue.TYPES[episode.target_type].index
    targets = {name for name, index in zip(layout.names, layout.type_index.tolist(), strict=True) if index == wanted}

    def kept(objs: list[house_file.House]) -> list[house_file.House]:
        stay = [obj for obj in objs if obj["id"] not in targets]
        for obj in stay:
            obj["children"] = kept(obj.get("children") or [])
        return stay

    house["objects"] = kept(house["objects"])
    return dataclasses.replace(episode, house=house)
