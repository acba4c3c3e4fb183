"""Synonyms: an instruction whose verbs and target have names that training never uses, as in the paper; "seek a couch"."""

import random

from safevla.tasks import language
from safevla.tasks.episodes import Episode
from safevla.world import catalogue

LABEL = "synonyms"

VERBS = {
    "search for": ("hunt for", "seek"),
    "go to": ("head to", "walk to"),
    "navigate to": ("proceed to", "drive to"),
    "pick up": ("scoop up", "collect"),
    "find": ("discover", "spot"),
    "locate": ("seek out", "pinpoint"),
    "grab": ("snatch", "seize"),
    "take": ("fetch", "obtain"),
    "hold": ("clasp", "carry"),
    "grasp": ("grip", "seize"),
}
# where there is another name that everybody understands
NOUNS = {
    "AlarmClock": "bedside clock",
    "GarbageCan": "rubbish bin",
    "HousePlant": "potted plant",
    "Laptop": "notebook computer",
    "Mug": "coffee cup",
    "Sofa": "couch",
    "SprayBottle": "sprayer",
    "Television": "tv",
    "Toilet": "lavatory",
}
_SHARE = 0.5  # of the targets that have another name which are called by it


def edit(episode: Episode, rng: random.Random) -> Episode:
    """The episode with the same sentence in other words, or, where the task's verbs are not among these, with an unseen one."""
    noun, said = catalogue.TARGET_NOUNS[episode.target_type], episode.instruction
    for verb, others in VERBS.items():
        said = said.replace(f"{verb} ", f"{rng.choice(others)} ")
    if said == episode.instruction:
        said = language.instruction(episode.task, episode.target_type, rng, unseen=True)
    other = NOUNS.get(episode.target_type)
    if other and rng.random() < _SHARE:
        said = said.replace(language.with_article(noun), language.with_article(other)).replace(noun, other)
    return episode.changed(instruction=said)
