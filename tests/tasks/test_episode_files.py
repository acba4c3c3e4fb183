"""Episode files: they come back as they were written, and a bad line is named."""

import gzip
import json
import re

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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.jsonl", b"3\n", ":1: an episode must be a JSON object, found int"),
        ("e.jsonl", b"{\n", ":1: not JSON: "),
        ("e.jsonl", b"\xff\n", ": not UTF-8: invalid start byte at byte 0"),
        ("e.jsonl.gz", b"ab", ": the file is damaged or cut short (Not a gzipped file (b'ab'))"),
        ("e.jsonl.gz", gzip.compress(b"{}\n" * 99, mtime=0)[:12], ": the file is damaged or cut short ("),
        ("e.jsonl.gz", gzip.compress(b"", mtime=0)[:10] + b"\xff" * 9, ": the file is damaged or cut short ("),
    ],
    ids=["a number", "no JSON", "no UTF-8", "no gzip", "cut short", "garbled"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(episodes.EpisodeError, match=re.escape(f"{path}{message}")):
        list(episode_files.read_records(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"synsets": 3}, "synsets: Input should be a valid list"),
        ({"house_index": "one"}, "house_index: Input should be a valid integer"),
        ({"agent_starting_position": [0.0, 1.0]}, "agent_starting_position: List should have at least 3 items"),
        ({"extras": None}, "extras: Input should be a valid dictionary"),
        ({"task_type": "Dance"}, "task_type is 'Dance'"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, some_episodes, change, message):
    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps(episode_files.to_record(some_episodes[0]) | change) + "\n")
    with pytest.raises(episodes.EpisodeError, match=re.escape(f"{path}:1: {message}")):
        list(episode_files.read_records(path))
