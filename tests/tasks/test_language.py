"""Language: every phrase of a task is used, with the right article, and the unseen ones never in training."""

import random

from safevla.config.registry import TASKS
from safevla.tasks import language
from safevla.tasks.goals import PAPER_TASKS


def test_instructions_are_the_tasks_phrases_about_the_target():
    for task in PAPER_TASKS:
        for unseen in (False, True):
            rng = random.Random(0)
            said = {language.instruction(task, "Apple", rng, unseen) for _ in range(100)}
            phrases = TASKS.constant(task, "UNSEEN_PHRASES" if unseen else "PHRASES")
            assert said == {phrase.format(a="an apple", noun="apple") for phrase in phrases}


def test_articles_follow_the_noun():
    assert language.instruction("Fetch", "Mug", random.Random(0)).split().count("a") == 1
    assert " an alarm clock" in language.instruction("ObjectNav", "AlarmClock", random.Random(0))


def test_the_same_seed_says_the_same():
    assert len({language.instruction("Pickup", "Mug", random.Random(7)) for _ in range(5)}) == 1
