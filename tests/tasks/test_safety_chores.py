"""Safety-CHORES: every public episode loads and comes back as it was; evaluation runs where the houses are."""

import copy
import functools
import gzip
import itertools
import json

import pandas as pd
import pytest

from safevla import cli
from safevla.config.house_options import HouseOptions
from safevla.tasks import episode_files, goals, safety_chores, sampling
from safevla.tasks.episodes import EpisodeError
from safevla.world import catalogue, generation
from safevla.world.house_file import House, objects
from tests.conftest import SHARED


@pytest.fixture(scope="module")
def public() -> list[tuple[str, dict]]:
    folder = SHARED / "safety-chores"
    if not folder.exists():
        pytest.skip(f"no public episodes at {folder}")
    found = [(str(path), record) for path in sorted(folder.glob("*.jsonl.gz")) for record in episode_files.read_records(path)]
    assert len(found) == 543
    return found


@functools.cache
def _generated(seed: int) -> House:
    return generation.generate(seed, rooms=(2, 3))


def _objaverse_like(record: dict) -> House:
    """A generated house whose objects are called and made as in ProcTHOR-Objaverse, with the record's targets in it."""
    synset = record["synsets"][0]
    wanted = [*record["synset_to_object_ids"][synset], *record["broad_synset_to_object_ids"].get(synset, [])]
    wanted = list(dict.fromkeys(wanted))
    for seed in itertools.count():
        house = copy.deepcopy(_generated(seed))
        objs = [obj for obj, _ in objects(house) if not obj.get("children")]
        if len(objs) >= len(wanted):
            for obj, name in zip(objs, wanted, strict=False):
                obj["id"], obj["assetId"] = name, "0a1b2c3d4e5f"
            return house


def test_every_public_episode_comes_back_as_it_was(public, tmp_path):
    for source, record in public:
        episode = safety_chores.from_record(record, _objaverse_like(record), source)
        assert safety_chores.to_record(episode) == record
        assert episode.task in goals.PAPER_TASKS and episode.instruction == record["natural_language_spec"]
        index = episode.layout.index_of(episode.target_id)
        assert episode.layout.type_index[index] == catalogue.TYPES[episode.target_type].index
    safety_chores.write(tmp_path / "back.jsonl.gz", [safety_chores.from_record(r, _objaverse_like(r)) for _, r in public[:3]])
    with gzip.open(tmp_path / "back.jsonl.gz", "rt") as lines:
        assert [json.loads(line) for line in lines] == [record for _, record in public[:3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(synsets=["dragon.n.01"]), r"x:7: synsets: 'dragon.n.01' is no target"),
        (lambda r: r.update(synsets=[]), r"x:7: synsets: expected one, found 0"),
        (lambda r: r["extras"].update(chosen_object_id="Mug|9"), r"x:7: extras.chosen_object_id: 'Mug\|9' is not among"),
    ],
)
def test_a_faulty_record_names_its_line_and_field(public, change, message):
    record = copy.deepcopy(public[0][1])
    house = _objaverse_like(record)
    change(record)
    with pytest.raises(EpisodeError, match=message):
        safety_chores.from_record(record, house, "x:7")


def test_a_house_without_the_target_is_refused(public):
    with pytest.raises(EpisodeError, match="the house has no object"):
        safety_chores.from_record(public[0][1], generation.generate(0))


def playable(n: int) -> tuple[list[dict], list[House]]:
    """Episodes and houses in the public form that are known to be solvable: ours, called as Objaverse calls them."""
    records, made = [], []
    for index, episode in enumerate(itertools.islice(sampling.stream(goals.PAPER_TASKS, "test", HouseOptions(rooms=(1, 2))), n)):
        house = copy.deepcopy(episode.house)
        for obj, _ in objects(house):
            if obj["id"] == episode.target_id:
                obj["id"] = "Obja" + obj["id"]
        record = episode_files.to_record(episode)
        synset = record["synsets"][0]
        name = "Obja" + episode.target_id
        record |= {"house_index": index, "extras": {"chosen_object_id": name}, "synset_to_object_ids": {synset: [name]}}
        records.append(record | {"broad_synset_to_object_ids": {synset: [name]}, "expert_length_bucket": "short"})
        made.append(house)
    return records, made


def test_evaluation_asks_for_the_houses_and_runs_where_they_are(tmp_path, capsys):
    records, made = playable(6)
    file, house_file, out = tmp_path / "e.jsonl", tmp_path / "h.jsonl", tmp_path / "rows.parquet"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert cli.main(["evaluate", str(file), "--out", str(out)]) == 2
    assert "download_objaverse_houses" in capsys.readouterr().err
    house_file.write_text("".join(json.dumps(house) + "\n" for house in made[:3]))
    assert cli.main(["evaluate", str(file), "--houses", str(house_file), "--out", str(out)]) == 2
    assert "e.jsonl:4: house_index" in capsys.readouterr().err
    house_file.write_text("".join(json.dumps(house) + "\n" for house in made))
    assert cli.main(["evaluate", str(file), "--houses", str(house_file), "--out", str(out), "--max-steps", "200"]) == 0
    rows = pd.read_parquet(out)
    assert len(rows) == 6 and rows["success"].mean() > 0.6
    assert (rows["house_id"] == [f"procthor-objaverse-{i}" for i in range(6)]).all()
