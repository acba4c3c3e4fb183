"""Episode files: they come back as they were, and a fault is named by line and field."""

import json

import pytest

from safevla.config.house_options import HouseOptions
from safevla.tasks import episode_files, episodes


def test_episode_files_round_trip(tmp_path, some_episodes):
    path = tmp_path / "episodes.jsonl.gz"
    episode_files.write(path, some_episodes)
    back = episode_files.read(path, HouseOptions())
    assert back == list(some_episodes)
    assert all(a.house == b.house for a, b in zip(back, some_episodes, strict=True))


def test_bad_episode_names_line_and_field(tmp_path, some_episodes):
    record = episode_files.to_record(some_episodes[0])
    del record["agent_y_rotation"]
    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(episodes.EpisodeError, match=r"episodes\.jsonl:1: agent_y_rotation is missing"):
        episode_files.read(path, HouseOptions())
