"""Tasks: what each file in `tasks/definitions` asks for, in which words, and where its episodes start."""

import numpy as np
import pytest

from safevla.config.registry import TASKS
from safevla.tasks.goals import PAPER_TASKS, public_names
from safevla.tasks.tokenizer import MAX_WORDS
from safevla.world import catalogue

PATH_M, STRAIGHT_M = np.array([0.5, 1.4, 1.6, 3.0]), np.array([0.5, 0.8, 1.5, 2.9])


@pytest.mark.parametrize(
    ("name", "public", "grasps", "faces_target", "starts"),
    [
        ("ObjectNav", "ObjectNavType", False, False, [False, False, True, True]),
        ("Pickup", "PickupType", True, True, [False, True, False, False]),
        ("Fetch", "FetchType", True, False, [False, False, True, True]),
    ],
)
def test_the_papers_tasks_are_as_the_paper_has_them(name, public, grasps, faces_target, starts):
    task = TASKS.load(name)
    assert public_names()[name] == task.PUBLIC_NAME == public
    assert (grasps, faces_target) == (task.GRASPS, task.FACES_TARGET)
    assert task.may_start(PATH_M, STRAIGHT_M).tolist() == starts
    assert set(task.TARGETS) == set(catalogue.PICKUP_TARGETS if grasps else catalogue.TARGET_NOUNS)


def test_the_papers_tasks_are_those_that_there_are():
    assert set(PAPER_TASKS) == set(TASKS.names()) and len(set(public_names().values())) == 3


@pytest.mark.parametrize("name", PAPER_TASKS)
def test_phrases_name_the_target_and_fit_what_a_policy_reads(name):
    usual, unseen = (TASKS.constant(name, which) for which in ("PHRASES", "UNSEEN_PHRASES"))
    assert len(usual) == 5 and len(unseen) == 3 and not set(usual) & set(unseen)
    longest = max(catalogue.TARGET_NOUNS.values(), key=lambda noun: len(noun.split()))
    for phrase in (*usual, *unseen):
        assert "{a}" in phrase or "{noun}" in phrase
        assert len(phrase.format(a=f"a {longest}", noun=longest).split()) <= MAX_WORDS
