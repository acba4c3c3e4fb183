"""Sampling: the splits share no house."""

from itertools import islice

from safevla.config.house_options import HouseOptions
from safevla.tasks import sampling


def test_splits_never_share_a_house():
    options = HouseOptions(rooms=(1, 1))
    seen = {}
    for split in sampling.SPLIT_SEEDS:
        for seed in (0, 3, 1000):
            for episode in islice(sampling.stream(["ObjectNav"], split, options, seed=seed), 5):
                assert seen.setdefault(episode.house_id, split) == split
