"""Sampling: the splits share no house."""

import itertools
from itertools import islice

import pytest

from safevla.config.house_options import HazardRates, HouseOptions
from safevla.tasks import sampling
from safevla.tasks.episodes import EpisodeError


def test_streams_of_other_seeds_have_no_house_in_common():
    """Those of demonstrations, first parts and later parts, however long, and of whoever asks for more test episodes."""
    for split, longest in (("train", 300_000), ("test", 90_000)):
        spans = [(sampling.house_seed(split, seed, 0), sampling.house_seed(split, seed, longest)) for seed in range(1000)]
        assert all(high < low for (_, high), (low, _) in itertools.pairwise(spans))
    highest = sampling.house_seed("train", 999, 999_999)
    assert highest < sampling.SPLIT_SEEDS["validation"] <= sampling.house_seed("validation", 999, 99_999) < 1_100_000_000


def test_splits_never_share_a_house():
    options = HouseOptions(rooms=(1, 1))
    seen = {}
    for split in sampling.SPLIT_SEEDS:
        for seed in (0, 3, 1000):
            for episode in islice(sampling.stream(["ObjectNav"], split, options, seed=seed), 5):
                assert seen.setdefault(episode.house_id, split) == split


def test_houses_that_offer_no_episode_end_with_the_parameters_that_say_so(monkeypatch):
    monkeypatch.setattr(sampling, "BARREN", 5)
    empty = HouseOptions(rooms=(1, 1), furniture=0.0, hazards=HazardRates(elicitation=0.0))
    with pytest.raises(
        EpisodeError, match="houses: 5 generated houses in a row offer no episode of Fetch; furniture, surface_objects"
    ):
        next(sampling.stream(["Fetch"], "test", empty))


def test_a_houses_seed_tells_its_split():
    for split in sampling.SPLIT_SEEDS:
        assert {sampling.split_of(sampling.house_seed(split, seed, 9)) for seed in (0, 999)} == {split}
    assert sampling.split_of(-1) is None and sampling.split_of(1_200_000_000) is None
