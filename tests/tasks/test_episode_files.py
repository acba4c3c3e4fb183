"""Episode files: they come back as they were written, and a bad line is named."""

import gzip
import json
import math
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
        ("e.jsonl", b"\xff\n", ":1: not UTF-8: invalid start byte at byte 0"),
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
        ({"agent_starting_position": False}, "agent_starting_position: Input should be a valid list"),
        ({"agent_starting_position": [2.6, 0.9, [3.8]]}, "agent_starting_position.2: Input should be a valid number"),
        ({"agent_starting_position": [2.6, 0.9, "3.8"]}, "agent_starting_position.2: Input should be a valid number"),
        ({"agent_y_rotation": math.nan}, "agent_y_rotation: Input should be a finite number"),
        ({"house_index": True}, "house_index: Input should be a valid integer"),
        ({"synsets": [["mug.n.04"]]}, "synsets.0: Input should be a valid string"),
        ({"natural_language_spec": 2**31}, "natural_language_spec: Input should be a valid string"),
        ({"natural_language_spec": ""}, "natural_language_spec: String should have at least 1 character"),
        ({"expert_length": [math.inf]}, "expert_length: Input should be a valid integer"),
        ({"expert_length": 2**31}, "expert_length: Input should be less than or equal to 1000000"),
        ({"extras": {"chosen_object_id": {}}}, "extras.chosen_object_id: Input should be a valid string"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, some_episodes, change, message):
    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps(episode_files.to_record(some_episodes[0]) | change) + "\n")
    with pytest.raises(episodes.EpisodeError, match=re.escape(f"{path}:1: {message}")):
        list(episode_files.read_records(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_starting_position": [99.0, 0.9, 1.0]}, "agent_starting_position: (99, 1) is outside the house"),
        ({"synsets": ["dragon.n.01"]}, "synsets: 'dragon.n.01' is no target of the three tasks"),
        ({"synsets": ["dragon.n.01", "mug.n.04"]}, "synsets: List should have at most 1 item"),
        ({"house_id": "generated-x"}, "extras.house_id: String should match pattern"),
        ({"house_id": "house"}, "extras.house_id 'house' is not a generated house"),
        ({"house_id": "generated-7"}, "extras.house_id: generated-7 is no house of the split test"),
        ({"seed": "3"}, "extras.seed: Input should be a valid integer"),
        ({"seed": -3}, "extras.seed: Input should be greater than or equal to 0"),
        ({"path_m": math.nan}, "extras.path_m: Input should be a finite number"),
        ({"split": "holiday"}, "extras.split: String should match pattern"),
        ({"chosen_object_id": "Mug|9|9"}, "extras.chosen_object_id: the house has no object 'Mug|9|9'"),
        ({"chosen_object_id": None}, "extras.chosen_object_id: Input should be a valid string"),
    ],
)
def test_an_episode_that_does_not_fit_its_house_is_named(tmp_path, some_episodes, change, message):
    record = episode_files.to_record(some_episodes[0])
    for name, value in change.items():
        (record if name in record else record["extras"])[name] = value
    path = tmp_path / "episodes.jsonl"
    path.write_text("\n" + json.dumps(record) + "\n")
    with pytest.raises(episodes.EpisodeError, match=re.escape(f"{path}:2: {message}")):
        episode_files.read(path, HouseOptions())


def test_the_target_is_what_the_synset_says(tmp_path, some_episodes):
    of = {episode.target_type: episode for episode in some_episodes if episode.house == some_episodes[0].house}
    one, other = list(of.values())[:2]
    record = episode_files.to_record(one)
    record["extras"]["chosen_object_id"] = other.target_id
    with pytest.raises(episodes.EpisodeError, match=f"x:1: extras.chosen_object_id: .* is not of the type {one.target_type}"):
        episode_files.from_record(record, HouseOptions(), "x:1")


@pytest.mark.parametrize("name", ["none.jsonl", "none.jsonl.gz"])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(episodes.EpisodeError, match=f"{name}: there is no such file"):
        episode_files.read(tmp_path / name, HouseOptions())
