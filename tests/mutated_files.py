"""Mutated files: every kind of file that is read, with bytes or values changed; each is refused in one line, or means what it says.

    python -m tests.mutated_files --files 10000     # of all kinds together; it ends with 1 where one did neither

What is refused names the file. What is accepted is used, and nothing of it may be lost: a house's boxes are whole, an episode is in
its house, parameters are those of the file with their types. A mutant that takes longer than some seconds counts as a hang.
"""

import argparse
import copy
import functools
import gzip
import json
import math
import os
import random
import string
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml

from safevla.config import profiles
from safevla.config.house_options import HouseOptions
from safevla.policies import policy_files
from safevla.runtime import checkpoints
from safevla.tasks import episode_files, safety_chores, sampling
from safevla.tasks.episodes import Episode, EpisodeError
from safevla.world import asset_database, catalogue, generation, house_file, layout
from tests.learning import tiny_policy

ROOT = Path(__file__).parents[1]
SLOW_S = 5.0
ODD = (
    None, True, False, 0, -1, 1, 3.0, 1e-6, 1e9, 2**31, 2**63, 10**400, 1e308, -0.0, math.nan, math.inf, -math.inf, "", "1.0",
    "exterior", "\ud800", "é" * 300, "../../x", [], {}, [[]], [0, 0], {"x": 0},
)  # fmt: skip
OPTIONS = HouseOptions(rooms=(1, 2))


class Kind(NamedTuple):
    """A kind of file: its name, its content as plain data, how that is written, and what a program does with the file."""

    name: str
    value: Any
    dumps: Callable[[Any], bytes]
    use: Callable[[Path], None]
    errors: type[ValueError]


def kinds() -> Iterator[Kind]:
    """Every kind of file that this project reads and that another program may have written."""
    house = json.loads(json.dumps(generation.generate(3, rooms=(2, 2))))
    own = list(islice(sampling.stream(("ObjectNav", "Pickup", "Fetch"), "test", OPTIONS), 2))
    records = [json.loads(json.dumps(episode_files.to_record(episode))) for episode in own]
    public = [
        record | {"house_index": i, "extras": {"chosen_object_id": record["extras"]["chosen_object_id"]}}
        for i, record in enumerate(records)
    ]
    assets = {row.type: [] for row in catalogue.ASSETS.values()}
    for row in islice(catalogue.ASSETS.values(), 40):
        assets[row.type].append({"assetId": row.id, "boundingBox": dict(zip("xyz", row.size_m, strict=True)), "split": "train"})
    params, profile = (yaml.safe_load((ROOT / name).read_text()) for name in ("params.yaml", "profiles/smoke.yaml"))
    yield Kind("house.jsonl", [house], _lines, _use_houses, house_file.HouseError)
    yield Kind("house.jsonl.gz", [house], _gzipped_lines, _use_houses, house_file.HouseError)
    yield Kind("house.json", house, lambda value: json.dumps(value, indent=1).encode(), _use_houses, house_file.HouseError)
    yield Kind("asset-database.json", assets, lambda value: json.dumps(value).encode(), _use_assets, house_file.HouseError)
    yield Kind("own.jsonl", records, _lines, _use_own_episodes, EpisodeError)
    yield Kind("own.jsonl.gz", records, _gzipped_lines, _use_own_episodes, EpisodeError)
    yield Kind("public.jsonl", public, _lines, functools.partial(_use_public_episodes, own), EpisodeError)
    yield Kind("params.yaml", params, _yaml, functools.partial(_use_params, "laptop"), profiles.ParamsError)
    yield Kind("profiles/own.yaml", profile, _yaml, functools.partial(_use_params, "own"), profiles.ParamsError)
    yield Kind(
        "policy.safetensors", tiny_policy().config.model_dump(mode="json"), _policy, _use_policy, checkpoints.CheckpointError
    )


def _lines(values: Any) -> bytes:
    values = values if isinstance(values, list) else [values]
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def _gzipped_lines(values: Any) -> bytes:
    return gzip.compress(_lines(values), mtime=0)


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False).encode(errors="surrogatepass")


def _policy(config: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.safetensors"
        checkpoints.save(path, dict(tiny_policy().state_dict()), {"policy": config})
        return path.read_bytes()


# --------------------------------------------------------------------------------------------------- what is done with a file


def _use_houses(path: Path) -> None:
    for house in house_file.load(path):
        plan = layout.compile_house(house)
        assert np.isfinite(plan.centre).all() and (plan.half > 0).all(), "boxes are not whole"
        n_objects = sum(1 for _ in house_file.objects(house))
        assert plan.n_boxes == plan.n_structure + n_objects and (plan.room >= 0).any(), "something is lost"


def _use_assets(path: Path) -> None:
    sizes = asset_database.asset_sizes(path)
    for type_name, assets in json.loads(path.read_text(encoding="utf-8")).items():
        for asset in assets:
            box = asset["boundingBox"]
            assert sizes[asset["assetId"]] == (type_name, (box["x"], box["y"], box["z"])), "a size is another"


def _use_own_episodes(path: Path) -> None:
    for episode in episode_files.read(path, OPTIONS):
        _is_in_its_house(episode)


def _use_public_episodes(own: list[Episode], path: Path) -> None:
    houses = path.with_name("houses.jsonl")
    if not houses.exists():
        houses.write_bytes(_lines([episode.house for episode in own]))
    for episode in safety_chores.read(path, houses):
        _is_in_its_house(episode)


def _is_in_its_house(episode: Episode) -> None:
    slot = episode.layout.index_of(episode.target_id)
    assert episode.layout.type_index[slot] == catalogue.TYPES[episode.target_type].index, "the target is another"
    assert episode.layout.is_indoors(*episode.start[:2]) and episode.instruction and episode.seed >= 0, "it cannot be played"


def _use_params(profile: str, path: Path) -> None:
    folder = path.parent if path.name == "params.yaml" else path.parents[1]
    for name in ("dvc.yaml", "params.yaml"):
        if not (folder / name).exists():
            (folder / name).write_bytes((ROOT / name).read_bytes())
    before = Path.cwd()
    os.chdir(folder)
    try:
        loaded = profiles.load(profile).model_dump(mode="json")
        _is_kept(profiles.raw(profile), loaded, "")
    finally:
        os.chdir(before)


def _is_kept(said: Any, loaded: Any, name: str) -> None:
    if isinstance(said, dict) and isinstance(loaded, dict):
        for key, value in said.items():
            assert key in loaded, f"{name}.{key} is lost"
            _is_kept(value, loaded[key], f"{name}.{key}")
    elif isinstance(said, int | float) and not isinstance(said, bool):
        assert said == loaded and not isinstance(loaded, bool), f"{name} is {said!r} in the file, and {loaded!r} in use"
    else:
        assert said == loaded and type(said) is type(loaded), f"{name} is {said!r} in the file, and {loaded!r} in use"


def _use_policy(path: Path) -> None:
    policy, _ = policy_files.load(path)
    assert all(tensor.isfinite().all() for tensor in policy.state_dict().values()), "weights are not finite"


# --------------------------------------------------------------------------------------------------- mutation


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """The data with some bytes changed, left out or repeated."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at, kind = rng.randrange(max(1, len(changed))), rng.randrange(6)
        if kind == 0 and changed:
            changed[at] = rng.randrange(256)
        elif kind == 1 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            changed[at:at] = bytes([rng.choice(b'0123456789-.,:"{}[]\n \x00\xff' + string.ascii_lowercase.encode())])
        elif kind == 3:
            del changed[at : at + rng.choice((1, 1, 5, 50))]
        elif kind == 4:
            changed[at:at] = changed[at : at + rng.choice((1, 20, 400))]
        elif rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths of all that a value holds."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def mutated_value(value: Any, place: tuple, how: str, odd: Any) -> Any:
    """The value with what is at a place replaced by `odd`, left out, renamed, repeated, wrapped, turned into text or reversed."""
    if not place:
        return odd if how == "replace" else [value] if how == "wrap" else value
    changed = copy.deepcopy(value)
    at = changed
    for key in place[:-1]:
        at = at[key]
    last, old = place[-1], at[place[-1]]
    if how == "replace":
        at[last] = odd
    elif how == "leave out":
        del at[last]
    elif how == "rename" and isinstance(at, dict):
        at[f"{last[:-1]}x"] = at.pop(last)
    elif how == "repeat" and isinstance(at, list):
        at.insert(last, copy.deepcopy(old))
    elif how == "wrap":
        at[last] = [old]
    elif how == "text":
        at[last] = str(old)
    elif how == "reverse" and isinstance(old, list):
        old.reverse()
    return changed


HOWS = ("replace", "replace", "leave out", "rename", "repeat", "wrap", "text", "reverse")


def mutant(kind: Kind, rng: random.Random) -> bytes:
    """A file of that kind with something wrong in it, or perhaps not."""
    if rng.random() < 0.4:
        return mutated_bytes(kind.dumps(kind.value), rng)
    value = mutated_value(kind.value, rng.choice(places(kind.value)), rng.choice(HOWS), rng.choice(ODD))
    try:
        return kind.dumps(value)
    except (ValueError, TypeError):  # a value that cannot be written like this
        return mutated_bytes(kind.dumps(kind.value), rng)


def verdict(kind: Kind, data: bytes, folder: Path) -> str:
    """`accepted` or `refused`, or else what went wrong."""
    path = folder / kind.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    started = time.monotonic()
    asset_database.asset_sizes.cache_clear()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.use(path)
        said = "accepted"
    except kind.errors as error:
        said = "refused" if path.name in str(error) and "\n" not in str(error) else f"a message without the file: {error!r}"
    except AssertionError as error:
        said = f"silently accepted: {error}"
    except Exception:
        said = f"traceback: {traceback.format_exc()}"
    return said if time.monotonic() - started < SLOW_S else f"took {time.monotonic() - started:.1f} s: {said}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for those that were neither refused nor right")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng, failed = random.Random(args.seed), 0
    of_kinds = list(kinds())
    for kind in of_kinds:
        counts: dict[str, int] = {}
        for number in range(args.files // len(of_kinds)):
            data = mutant(kind, rng)
            with tempfile.TemporaryDirectory() as folder:
                said = verdict(kind, data, Path(folder))
            short = said if said in ("accepted", "refused") else "wrong"
            counts[short] = counts.get(short, 0) + 1
            if short == "wrong":
                failed += 1
                print(f"{kind.name} {number}: {said}", flush=True)
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"{number}-{Path(kind.name).name}").write_bytes(data)
        print(f"{kind.name:24} {counts}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
