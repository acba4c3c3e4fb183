"""Sampling: streams share no house, can be copied, and compile the houses of a file once."""

import collections
import copy
import itertools
import json
import pickle
from itertools import islice

import pytest

from safevla.config.house_options import HazardRates, HouseOptions
from safevla.tasks import sampling
from safevla.tasks.episodes import EpisodeError
from safevla.world import generation


def test_streams_of_other_seeds_have_no_house_in_common():
    """Those of demonstrations, first parts and later parts, however long, and of whoever asks for more test episodes."""
    for split, longest in (("train", 300_000), ("test", 90_000)):
        spans = [(sampling.house_seed(split, seed, 0), sampling.house_seed(split, seed, longest)) for seed in range(1000)]
        assert all(high < low for (_, high), (low, _) in itertools.pairwise(spans))
    highest = sampling.house_seed("train", 999, 999_999)
    assert highest < sampling.SPLIT_SEEDS["validation"] <= sampling.house_seed("validation", 999, 99_999) < 1_100_000_000


def test_every_split_seed_and_index_has_a_house_of_its_own():
    seeds = [0, 1, 999, 1000, 1001, 1999, 123_456, 2**31, 2**62]
    found = {
        sampling.house_seed(split, seed, index): (split, seed, index)
        for split in sampling.SPLIT_SEEDS
        for seed in seeds
        for index in (0, 1, 99_999)
    }
    assert len(found) == 3 * len(seeds) * 3
    with pytest.raises(ValueError, match="seed is -1, expected a whole number of at least 0"):
        sampling.stream(["Fetch"], "train", HouseOptions(), seed=-1)


def test_a_copy_of_a_stream_goes_on_alike(procthor):
    path = procthor / "houses_val.jsonl.gz"
    streams = [
        sampling.stream(["ObjectNav", "Fetch"], "test", HouseOptions(rooms=(1, 1)), seed=5, per_house=3),
        sampling.HouseFileStream(path, "ObjectNav", "test", 5),
    ]
    for stream in streams:
        next(stream)
        twins = [copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))]
        expected = list(islice(stream, 5))
        assert all(list(islice(twin, 5)) == expected for twin in twins)
    assert len(pickle.dumps(streams[1])) < 1000  # the file's path, not its houses


def test_the_houses_of_a_file_are_read_and_compiled_once_and_again_after_a_change(tmp_path, monkeypatch):
    path = tmp_path / "houses.jsonl"
    path.write_text("".join(json.dumps(generation.generate(seed, rooms=(1, 1))) + "\n" for seed in range(4)))
    counts = collections.Counter()

    def counted(name, function):
        return lambda *arguments: counts.update([name]) or function(*arguments)

    monkeypatch.setattr(sampling.house_file, "load", counted("read", sampling.house_file.load))
    monkeypatch.setattr(sampling, "compile_house", counted("compiled", sampling.compile_house))
    streams = [sampling.HouseFileStream(path, "ObjectNav", "train", seed) for seed in range(6)]
    assert counts == {"read": 1}
    first = [list(islice(stream, 8)) for stream in streams]
    assert counts == {"read": 1, "compiled": 4}
    assert len({episode.id for episodes in first for episode in episodes}) == 6 * 8  # all new, time after time
    assert list(islice(sampling.HouseFileStream(path, "ObjectNav", "train", 2), 8)) == first[2]
    path.write_text(json.dumps(generation.generate(9, rooms=(1, 1))) + "\n")
    assert next(streams[0]).house_id == "houses.jsonl-0"
    assert counts == {"read": 2, "compiled": 5}


def test_a_file_of_which_no_house_offers_an_episode_is_refused(tmp_path):
    path = tmp_path / "houses.jsonl"
    path.write_text(json.dumps(generation.generate(0, rooms=(1, 1)) | {"objects": []}) + "\n")
    with pytest.raises(ValueError, match=r"houses\.jsonl: no house offers an episode of Fetch"):
        next(sampling.HouseFileStream(path, "Fetch", "train", 0))


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
        assert {sampling.split_of(sampling.house_seed(split, seed, 9)) for seed in (0, 999, 1000, 123_456)} == {split}
    assert sampling.split_of(-1) is None
