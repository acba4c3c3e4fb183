"""Episode files: JSON lines in the schema of the public Safety-CHORES benchmark."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pydantic

from safevla.config.faults import first_fault
from safevla.config.house_options import HouseOptions
from safevla.sim.robot import AGENT_HEIGHT_M
from safevla.tasks.episodes import Episode, EpisodeError
from safevla.tasks.goals import public_names
from safevla.tasks.sampling import generated
from safevla.world import catalogue

# --------------------------------------------------------------------------------------------------- files

_Number = Annotated[float, pydantic.Field(allow_inf_nan=False)]


class _Record(pydantic.BaseModel, extra="allow", strict=True):
    """What every record has; what else it has is kept as it is."""

    task_type: str
    house_index: Annotated[int, pydantic.Field(ge=0)]
    agent_starting_position: Annotated[list[_Number], pydantic.Field(min_length=3, max_length=3)]
    agent_y_rotation: _Number
    synsets: list[str]
    natural_language_spec: str
    synset_to_object_ids: dict[str, list[str]] = {}
    broad_synset_to_object_ids: dict[str, list[str]] = {}
    extras: dict[str, Any] = {}


def to_record(episode: Episode) -> dict[str, Any]:
    """The episode in the public schema."""
    synset = catalogue.TYPES[episode.target_type].synset
    x, z, yaw_deg = episode.start
    return {
        "task_type": public_names()[episode.task],
        "house_index": episode.house_index,
        "agent_starting_position": [x, AGENT_HEIGHT_M, z],
        "agent_y_rotation": yaw_deg,
        "expert_length": episode.expert_steps,
        "synsets": [synset],
        "synset_to_object_ids": {synset: [episode.target_id]},
        "natural_language_spec": episode.instruction,
        "extras": {
            **episode.extras,
            "chosen_object_id": episode.target_id,
            "episode_id": episode.id,
            "house_id": episode.house_id,
            "seed": episode.seed,
            "path_m": episode.path_m,
            "split": episode.split,
        },
    }


def write(path: str | Path, episodes: Iterable[Episode]) -> None:
    """Write episodes as (gzipped) JSON lines."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(to_record(episode)) + "\n" for episode in episodes)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """The checked records of an episode file; EpisodeError names the file, and the line and the field of a fault."""
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield _checked(line, f"{path}:{number}")
    except UnicodeDecodeError as error:
        raise EpisodeError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise EpisodeError(f"{path}: the file is damaged or cut short ({error})") from None


def _checked(line: str, source: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise EpisodeError(f"{source}: not JSON: {error.msg}") from None
    if not isinstance(record, dict):
        raise EpisodeError(f"{source}: an episode must be a JSON object, found {type(record).__name__}")
    for name, field in _Record.model_fields.items():
        if field.is_required() and name not in record:
            raise EpisodeError(f"{source}: {name} is missing")
    try:
        _Record.model_validate(record)
    except pydantic.ValidationError as error:
        raise EpisodeError(f"{source}: {first_fault(error)}") from None
    if record["task_type"] not in public_names().values():
        raise EpisodeError(f"{source}: task_type is {record['task_type']!r}")
    return record


def from_record(record: dict[str, Any], options: HouseOptions, source: str = "record") -> Episode:
    """The episode behind a record that `to_record` made, its generated house remade from its seed."""
    extras = record.get("extras") or {}
    house_id = extras.get("house_id", "")
    if not house_id.startswith("generated-"):
        raise EpisodeError(f"{source}: extras.house_id {house_id!r} is not a generated house")
    task_of = {name: task for task, name in public_names().items()}
    x, _, z = record["agent_starting_position"]
    house, layout = generated(house_id, options)
    episode = Episode(
        id=extras["episode_id"],
        task=task_of[record["task_type"]],
        target_type=catalogue.type_of_synset(record["synsets"][0]),
        target_id=extras["chosen_object_id"],
        house_id=house_id,
        house=house,
        start=(x, z, record["agent_y_rotation"]),
        instruction=record["natural_language_spec"],
        seed=extras["seed"],
        path_m=extras["path_m"],
        split=extras["split"],
        expert_steps=record["expert_length"],
        house_index=record["house_index"],
    )
    object.__setattr__(episode, "layout", layout)  # fills the cached property
    return episode


def read(path: str | Path, options: HouseOptions) -> list[Episode]:
    """The episodes of a file that `write` made."""
    return [from_record(record, options, f"{path}:{number}") for number, record in enumerate(read_records(path), start=1)]
