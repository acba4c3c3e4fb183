"""Public episodes: policies and the expert play a file of them, one row each."""

import json

import pytest

from safevla.evaluation import public_episodes
from safevla.policies import policy_files
from safevla.tasks.episodes import EpisodeError
from tests.learning import TINY, tiny_policy
from tests.tasks.test_safety_chores import playable


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Four episodes in the public form, and their houses."""
    folder = tmp_path_factory.mktemp("public")
    records, houses = playable(4)
    for name, lines in (("episodes", records), ("houses", houses)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "episodes.jsonl", folder / "houses.jsonl"


def test_a_policy_and_the_expert_play_the_same_episodes(files, tmp_path):
    policy_files.save(tiny_policy(), tmp_path / "policy.safetensors")
    expert = public_episodes.play_file(*files, None, 100, 4)
    policy = public_episodes.play_file(*files, tmp_path / "policy.safetensors", 20, 4)
    assert expert["episode_id"].tolist() == policy["episode_id"].tolist() and len(expert) == 4
    assert expert["success"].any() and set(expert["method"]) == {"expert"} and set(policy["method"]) == {"policy"}
    assert (policy["steps"] <= 20).all() and TINY.image_size != (36, 64)


def test_a_file_without_episodes_is_refused(files, tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    with pytest.raises(EpisodeError, match=r"none\.jsonl: there is no episode in it"):
        public_episodes.play_file(tmp_path / "none.jsonl", files[1], None, 10, 2)


def test_houses_that_are_not_there_are_asked_for(files):
    with pytest.raises(EpisodeError, match="download_objaverse_houses"):
        public_episodes.play_file(files[0], None, None, 10, 2)
