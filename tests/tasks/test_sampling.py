"""Sampling: the splits share no house."""

import itertools
from itertools import islice

from safevla.config.house_options import HouseOptions
from safevla.tasks import sampling


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
