"""Safety-CHORES: the public benchmark's episodes as this project's, and back.

The episodes come without their houses, which are ProcTHOR-Objaverse's and have to be downloaded. Objaverse's assets have
no box in the asset database: what is a target is known from the episode, everything else counts as furniture of a plain
size. So rows of these episodes say how a policy does on the benchmark's tasks in the embedded simulator, not what it scores in
AI2-THOR.
"""

import copy
import gzip
import itertools
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safevla.sim import navigation
from safevla.sim.interface import REACHABLE_CELL_M
from safevla.tasks import episode_files, goals
from safevla.tasks.episodes import Episode, EpisodeError
from safevla.tasks.nav_grid import NavGrid, goal_nodes
from safevla.world import house_file
from safevla.world.layout import compile_house

_HOW_TO_GET = (
    "they are ProcTHOR-Objaverse's validation houses: in the authors' repository, "
    "`python -m scripts.download_objaverse_houses --save_dir DIR --subset val`"
)


def read(path: str | Path, houses_path: str | Path | None) -> list[Episode]:
    """The playable episodes of a file, each in its house.

    Raises EpisodeError naming the line and the field of a fault, or the houses file where it is missing.
    """
    records = {f"{path}:{number}": record for number, record in episode_files.numbered_records(path)}
    if not records:
        raise EpisodeError(f"{path}: there is no episode in it")
    found = _houses(houses_path, {record["house_index"] for record in records.values()})
    result = []
    for source, record in records.items():
        if record["house_index"] not in found:
            raise EpisodeError(f"{source}: house_index: {houses_path} has no house {record['house_index']}")
        episode = from_record(record, found[record["house_index"]], source)
        episode_files.check_in_house(episode, source)
        result.append(episode)
    return result


def _houses(path: str | Path | None, wanted: set[int]) -> dict[int, house_file.House]:
    if path is None or not Path(path).exists():
        raise EpisodeError(f"{path or 'houses'}: no file of the episodes' houses there; {_HOW_TO_GET}")
    every = itertools.islice(house_file.load(path), max(wanted, default=-1) + 1)
    return {index: house for index, house in enumerate(every) if index in wanted}


def from_record(record: dict[str, Any], house: house_file.House, source: str = "record") -> Episode:
    """A public record as an episode. The record itself is kept among its extras, so that `to_record` loses nothing."""
    if len(record["synsets"]) != 1:
        raise EpisodeError(f"{source}: synsets: expected one, found {len(record['synsets'])}")
    synset, target_type = record["synsets"][0], episode_files.target_type(record, source)
    task_of = {name: task for task, name in goals.public_names().items()}
    task = task_of[record["task_type"]]
    targets = {
        *record.get("broad_synset_to_object_ids", {}).get(synset, ()),
        *record.get("synset_to_object_ids", {}).get(synset, ()),
    }
    chosen = record.get("extras", {}).get("chosen_object_id")
    if chosen not in targets:
        raise EpisodeError(f"{source}: extras.chosen_object_id: {chosen!r} is not among the objects of {synset!r}")
    typed, missing = _with_types(house, targets, target_type)
    if chosen in missing:
        raise EpisodeError(f"{source}: extras.chosen_object_id: the house has no object {chosen!r}")
    layout = compile_house(typed)
    x, _, z = record["agent_starting_position"]
    seed = zlib.crc32(f"{record['task_type']}|{record['house_index']}|{chosen}".encode()) >> 2
    episode = Episode(
        id=f"{task}|{record['house_index']}|{chosen}",
        task=task,
        target_type=target_type,
        target_id=chosen,
        house_id=f"procthor-objaverse-{record['house_index']}",
        house=typed,
        start=(x, z, record["agent_y_rotation"]),
        instruction=record["natural_language_spec"],
        seed=seed,
        path_m=_path_m(layout, task, layout.index_of(chosen), x, z),
        split="test",
        expert_steps=record.get("expert_length", 0),
        house_index=record["house_index"],
        extras={"record": record},
    )
    object.__setattr__(episode, "layout", layout)  # fills the cached property
    return episode


def _with_types(house: house_file.House, ids: set[str], type_name: str) -> tuple[house_file.House, set[str]]:
    """The house with its targets marked as what they are, and the ids that it does not have."""
    house, missing = copy.deepcopy(house), set(ids)
    for obj, _ in house_file.objects(house):
        if obj["id"] in ids:
            obj["objectType"] = type_name
            missing.discard(obj["id"])
    return house, missing


def _path_m(layout: Any, task: str, target: int, x: float, z: float) -> float:
    """Geodesic metres from the start to where the target can be seen or grasped; 0 where the embedded robot cannot go."""
    ground = NavGrid.of(layout)
    nodes = goal_nodes(task, target, ground.reachable, ground.x, ground.z, ground.boxes)
    if len(nodes) == 0:
        return 0.0
    weight = ground.reachable.astype("float32")
    weight[~ground.reachable] = navigation.UNREACHABLE
    field = navigation.distance_field(weight, nodes)
    iz = min(max(round((z - float(ground.z[0])) / REACHABLE_CELL_M), 0), len(ground.z) - 1)
    ix = min(max(round((x - float(ground.x[0])) / REACHABLE_CELL_M), 0), len(ground.x) - 1)
    return float(field[iz, ix]) if field[iz, ix] < navigation.UNREACHABLE else 0.0


def to_record(episode: Episode) -> dict[str, Any]:
    """The public record of an episode: the very one that it was read from, if it was."""
    return copy.deepcopy(episode.extras["record"]) if "record" in episode.extras else episode_files.to_record(episode)


def write(path: str | Path, chosen: Iterable[Episode]) -> None:
    """Write episodes as gzipped JSON lines."""
    text = "".join(json.dumps(to_record(episode)) + "\n" for episode in chosen)
    Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))
