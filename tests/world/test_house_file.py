"""House files: real houses load, and a broken one is named with file, line and path."""

import copy
import gzip
import json

import numpy as np
import pytest

from safevla.sim import navigation
from safevla.world import asset_database, generation, house_file, layout


def test_all_real_houses_load(procthor):
    sizes = asset_database.asset_sizes(procthor / "asset-database.json.gz")
    count = 0
    for name in ("train", "val"):
        for house in house_file.load(procthor / f"houses_{name}.jsonl.gz"):
            plan = layout.compile_house(house, sizes)
            assert np.isfinite(plan.centre).all() and (plan.half > 0).all()
            assert navigation.reachable_grid(plan)[0].sum() > 20
            count += 1
    assert count == 350


def _broken(change) -> house_file.House:
    house = copy.deepcopy(generation.generate(1))
    change(house)
    return house


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["metadata"].update(schema="0.0.1"), r"\$\.metadata\.schema is '0\.0\.1'"),
        (lambda h: h["objects"][0]["position"].update(x=float("nan")), r"\$\.objects\[0\]\.position\.x"),
        (lambda h: h["objects"][0]["position"].update(x=99.0), r"\$\.objects\[0\]\.position\.x: .* stands outside"),
        (lambda h: h["objects"].extend([h["objects"][0]] * 100_000), r"\$\.objects holds more than 1000 objects"),
        (lambda h: h.pop("walls"), r"\$\.walls"),
        (lambda h: h["rooms"][0]["floorPolygon"].reverse() or h["rooms"][0]["floorPolygon"].sort(key=lambda p: (p["x"] + p["z"]) % 3.1),
         r"\$\.rooms\[0\]\.floorPolygon: .*crosses itself"),
    ],
)  # fmt: skip
def test_bad_house_names_file_line_and_path(tmp_path, change, message):
    path = tmp_path / "houses.jsonl"
    path.write_text(json.dumps(generation.generate(0)) + "\n" + json.dumps(_broken(change)) + "\n")
    loaded = house_file.load(path)
    next(loaded)
    with pytest.raises(house_file.HouseError, match=r"houses\.jsonl:2: " + message):
        next(loaded)


def test_truncated_file_is_one_error(tmp_path):
    whole = gzip.compress((json.dumps(generation.generate(0)) + "\n").encode() * 20)
    path = tmp_path / "houses.jsonl.gz"
    for damaged in (whole[: len(whole) // 2], whole[:10] + b"\xff" * 9):
        path.write_bytes(damaged)
        with pytest.raises(house_file.HouseError, match=r"houses\.jsonl\.gz"):
            list(house_file.load(path))


@pytest.mark.parametrize(("name", "content"), [("asset-database.json.gz", b"ab"), ("asset-database.json", b"{")])
def test_an_asset_database_that_cannot_be_read_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(house_file.HouseError, match=f"{name}: no readable asset database"):
        asset_database.asset_sizes(tmp_path / name)
