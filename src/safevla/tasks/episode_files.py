"""Episode files: JSON lines in the schema of the public Safety-CHORES benchmark."""

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pydantic

from safevla.config.faults import Open, first_fault
from safevla.config.house_options import HouseOptions
from safevla.config.numbers import Real, Seed, Whole
from safevla.runtime import json_files
from safevla.sim.robot import AGENT_HEIGHT_M
from safevla.tasks.episodes import Episode, EpisodeError
from safevla.tasks.goals import public_names
from safevla.tasks.sampling import generated, split_of
from safevla.world import catalogue

# --------------------------------------------------------------------------------------------------- files

_Metres = Annotated[Real, pydantic.Field(ge=-1000, le=1000)]
_Name = Annotated[str, pydantic.Field(min_length=1, max_length=200)]
_Length = Annotated[Whole, pydantic.Field(ge=0, le=10**6)]
_Ids = dict[_Name, list[_Name]]


class _Extras(Open):
    """What a record may have beyond the schema; of a public one, the target alone."""

    chosen_object_id: _Name | None = None


class _Common(Open):
    """What every record has; what else it has is kept as it is."""

    task_type: str
    house_index: Annotated[Whole, pydantic.Field(ge=0, le=10**9)]
    agent_starting_position: Annotated[list[_Metres], pydantic.Field(min_length=3, max_length=3)]
    agent_y_rotation: Annotated[Real, pydantic.Field(ge=-360, le=360)]
    synsets: list[_Name]
    natural_language_spec: Annotated[str, pydantic.Field(min_length=1, max_length=1000)]
    synset_to_object_ids: _Ids = {}
    broad_synset_to_object_ids: _Ids = {}


class _Record(_Common):
    """A record that anybody made."""

    expert_length: _Length = 0
    extras: _Extras = _Extras()


class _OwnExtras(Open):
    """What this project's records have under `extras`."""

    chosen_object_id: _Name
    episode_id: _Name
    house_id: Annotated[str, pydantic.Field(pattern=r"^generated-[0-9]{1,10}$")]
    seed: Seed
    path_m: Annotated[Real, pydantic.Field(ge=0, le=10_000)]
    split: Annotated[str, pydantic.Field(pattern=r"^(train|validation|test)$")]


class _OwnRecord(_Common):
    """A record that `to_record` made."""

    synsets: Annotated[list[_Name], pydantic.Field(min_length=1, max_length=1)]
    expert_length: _Length
    extras: _OwnExtras


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
    return (record for _, record in numbered_records(path))


def numbered_records(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `read_records`, with the numbers of their lines, from 1."""
    for number, record in json_files.values(path, EpisodeError):
        yield number, _checked(record, _Record, f"{path}:{number}")


def _checked(record: Any, model: type[_Common], source: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise EpisodeError(f"{source}: an episode must be a JSON object, found {type(record).__name__}")
    for name, field in model.model_fields.items():
        if field.is_required() and name not in record:
            raise EpisodeError(f"{source}: {name} is missing")
    try:
        model.model_validate(record)
    except pydantic.ValidationError as error:
        raise EpisodeError(f"{source}: {first_fault(error)}") from None
    if record["task_type"] not in public_names().values():
        raise EpisodeError(f"{source}: task_type is {record['task_type']!r:.100}")
    return record


def from_record(record: dict[str, Any], options: HouseOptions, source: str = "record") -> Episode:
    """The episode behind a record that `to_record` made, its generated house remade from its seed.

    Raises EpisodeError, which names `source` and the field, where the record does not fit its house.
    """
    house_id = (record.get("extras") or {}).get("house_id", "")
    if not str(house_id).startswith("generated-"):
        raise EpisodeError(f"{source}: extras.house_id {house_id!r:.100} is not a generated house")
    extras = _checked(record, _OwnRecord, source)["extras"]
    if split_of(int(house_id.removeprefix("generated-"))) != extras["split"]:
        raise EpisodeError(f"{source}: extras.house_id: {house_id} is no house of the split {extras['split']}")
    task_of = {name: task for task, name in public_names().items()}
    x, _, z = record["agent_starting_position"]
    house, layout = generated(house_id, options)
    episode = Episode(
        id=extras["episode_id"],
        task=task_of[record["task_type"]],
        target_type=target_type(record, source),
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
    check_in_house(episode, source)
    return episode


def target_type(record: dict[str, Any], source: str) -> str:
    """The type of object that a record's one synset asks for. Raises EpisodeError where none of the tasks does."""
    synset = record["synsets"][0]
    try:
        return catalogue.type_of_synset(synset)
    except KeyError:
        raise EpisodeError(f"{source}: synsets: {synset!r} is no target of the three tasks") from None


def check_in_house(episode: Episode, source: str) -> None:
    """Raise EpisodeError where an episode does not fit its house: its target is not there, or its start is outdoors."""
    layout = episode.layout
    if episode.target_id not in layout.names[layout.n_structure :]:
        raise EpisodeError(f"{source}: extras.chosen_object_id: the house has no object {episode.target_id!r}")
    found = layout.type_index[layout.index_of(episode.target_id)]
    if found != catalogue.TYPES[episode.target_type].index:
        raise EpisodeError(f"{source}: extras.chosen_object_id: {episode.target_id!r} is not of the type {episode.target_type}")
    x, z, _ = episode.start
    if not layout.is_indoors(x, z):
        raise EpisodeError(f"{source}: agent_starting_position: ({x:g}, {z:g}) is outside the house")


def read(path: str | Path, options: HouseOptions) -> list[Episode]:
    """The episodes of a file that `write` made. Raises EpisodeError, which names the file, the line and the field of a fault."""
    return [from_record(record, options, f"{path}:{number}") for number, record in numbered_records(path)]
