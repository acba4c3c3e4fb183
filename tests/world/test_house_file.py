"""House files: real houses load, others are played as they are meant, or refused with file, line and path, and at once."""

import copy
import gzip
import json
import time

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
        (lambda h: h["metadata"].update(schema="0.0.1"), r"\$\.metadata\.schema: '0\.0\.1', expected '1\.0\.0'"),
        (lambda h: h["objects"][0]["position"].update(x=float("nan")), r"\$\.objects\[0\]\.position\.x"),
        (lambda h: h["objects"][0]["position"].update(x=99.0), r"\$\.objects\[0\]\.position\.x: .* stands outside"),
        (lambda h: h["objects"].extend([h["objects"][0]] * 10_000), r"\$\.objects: more than 1000 objects"),
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


def _changed(change) -> house_file.House:
    house = copy.deepcopy(generation.generate(1, rooms=(2, 2)))
    change(house)
    return house


def _text(value):
    return {name: str(number) for name, number in value.items()}


def _outline(*corners: tuple[float, float]) -> list[dict]:
    return [{"x": x, "y": 0, "z": z} for x, z in corners]


def _each(rows: list[dict], **change) -> None:
    for row in rows:
        row.update(copy.deepcopy(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["objects"][0].update(position=_text(h["objects"][0]["position"])), "objects[0].position.x: Input should be a valid number"),
        (lambda h: h["objects"][0].update(rotation=_text(h["objects"][0]["rotation"])), "objects[0].rotation.x: Input should be a valid number"),
        (lambda h: h["objects"][0]["rotation"].update(x=True), "objects[0].rotation.x: Input should be a valid number"),
        (lambda h: _each(h["walls"], material="Drywall"), 'walls[0].material: a material is an object here, {"name": "Drywall"}'),
        (lambda h: h["proceduralParameters"].update(ceilingMaterial="Paint"), "proceduralParameters.ceilingMaterial: a material is an object"),
        (lambda h: _each(h["walls"], material={"color": {"r": 1, "g": 1, "b": 1}}), "walls[0].material.name: Field required"),
        (lambda h: h["walls"][0].update(empty="no"), "walls[0].empty: Input should be a valid boolean"),
        (lambda h: h["walls"][3]["polygon"].pop(), "walls[3].polygon: List should have at least 4 items"),
        (lambda h: h["walls"][0]["polygon"][0].update(y=1), "walls[0].polygon: two floor points expected, found 1"),
        (lambda h: [point.update(y=point["y"] - 1) for point in h["walls"][3]["polygon"]], "walls[3].polygon: the wall does not begin at the height 0"),
        (lambda h: h["walls"][3]["polygon"][2].update(x=0.5), "walls[3].polygon: the upper corners are not above"),
        (lambda h: h["doors"][0].pop("room0"), "doors[0].room0: Field required"),
        (lambda h: h["doors"][0].update(room0="room|9"), "doors[0].room0: there is no room 'room|9'"),
        (lambda h: h["doors"][0].update(wall0="wall|none"), "doors[0].wall0: there is no wall 'wall|none'"),
        (lambda h: h["doors"][0].update(wall1=None), "doors[0].wall1: there is no wall None"),
        (lambda h: h["walls"].append({**h["walls"][0], "id": h["doors"][0]["wall0"]}), "doors[0].wall0: there are 2 walls"),
        (lambda h: h["doors"][0].update(openness=0), "doors[0].openness: 0, but no robot here opens doors"),
        (lambda h: h["doors"][0]["holePolygon"][0].update(x=-3), "doors[0].holePolygon: the hole does not fit into its wall"),
        (lambda h: h["doors"][0]["holePolygon"][0].update(y=1), "doors[0].holePolygon: the door does not begin at the floor"),
        (lambda h: h["windows"][0].update(wall0="wall|none"), "windows[0].wall0: there is no wall"),
        (lambda h: h["proceduralParameters"]["lights"][0].pop("intensity"), "proceduralParameters.lights[0].intensity: Field required"),
        (lambda h: h["proceduralParameters"]["lights"][0].update(intensity=None), "proceduralParameters.lights[0].intensity: Input should"),
        (lambda h: h["proceduralParameters"]["lights"][1].update(type="spot"), "proceduralParameters.lights[1].type: Input should be 'directional' or 'point'"),
        (lambda h: h["proceduralParameters"].update(skyboxColor="blue"), "proceduralParameters.skyboxColor: Input should"),
        (lambda h: h["objects"][0].update(color={"r": 1, "g": 1}), "objects[0].color.b: Field required"),
        (lambda h: h["objects"][0]["rotation"].update(x=90), "objects[0].rotation: Toilet|2|1 is tilted by more than 15°"),
        (lambda h: h["objects"][0].update(childreo=h["objects"][0].pop("children")), "objects[0]: unknown 'childreo'; is 'children' meant?"),
        (lambda h: h["rooms"][0].update(floorPolygon=_outline((0, 0), (6, 0), (6, 3), (0, 6))), "rooms[0].floorPolygon: edge 2 runs askew"),
        (lambda h: h["rooms"][0].update(floorPolygon=_outline((0, 0), (6, 0), (6, 0), (0, 0))), "rooms[0].floorPolygon: the room has less than 0.1 m² of floor"),
        (lambda h: h["rooms"][1].update(id="room|2"), "rooms[1].id: 'room|2' is another room's id, too"),
        (lambda h: h["rooms"][1].update(id="\ud800"), "not text: half of a pair of surrogates"),
    ],
)  # fmt: skip
def test_a_house_that_could_not_be_played_as_it_is_meant_is_refused(tmp_path, change, message):
    (tmp_path / "houses.jsonl").write_text(json.dumps(_changed(change)) + "\n")
    with pytest.raises(house_file.HouseError) as error:
        list(house_file.load(tmp_path / "houses.jsonl"))
    assert str(error.value).startswith(f"{tmp_path}/houses.jsonl:1: ") and message in str(error.value)


def test_the_corners_of_holes_may_come_in_any_order():
    def turned(holes: list[dict]) -> None:
        for hole in holes:
            hole["holePolygon"].reverse()

    def mirrored(holes: list[dict]) -> None:
        for hole in holes:
            a, b = hole["holePolygon"]
            a["x"], b["x"] = b["x"], a["x"]

    plain = layout.compile_house(_changed(lambda h: None))
    for change in (turned, mirrored):
        other = layout.compile_house(house_file.validate(_changed(lambda h: change(h["doors"]) or change(h["windows"]))))  # noqa: B023
        np.testing.assert_array_equal(other.centre, plain.centre)
        np.testing.assert_array_equal(other.half, plain.half)


def test_one_hole_in_another_takes_nothing_from_it():
    def smaller_in_the_first(house: house_file.House) -> None:
        inner = copy.deepcopy(house["doors"][0]) | {"id": "door|inner"}
        a, b = inner["holePolygon"]
        a["x"], b["x"], b["y"] = a["x"] + 0.2, b["x"] - 0.2, 1.0
        house["doors"].append(inner)

    plain, other = (layout.compile_house(_changed(change)) for change in (lambda h: None, smaller_in_the_first))
    assert navigation.reachable_grid(other)[0].sum() == navigation.reachable_grid(plain)[0].sum()


def test_a_door_to_the_outdoors_may_be_shut():
    house = _changed(lambda h: h["doors"][0].update(room1=h["doors"][0]["room0"], openness=0))
    assert house_file.validate(house) is house


def test_a_pretty_printed_file_is_refused_with_its_line(tmp_path):
    house = _changed(lambda h: h["walls"][2].update(roomId=3))
    (tmp_path / "house.json").write_text(json.dumps(house, indent=1))
    with pytest.raises(house_file.HouseError, match=r"house\.json:(\d+): \$\.walls\[2\]\.roomId: ") as error:
        list(house_file.load(tmp_path / "house.json"))
    line = int(str(error.value).split(":")[1])
    assert (tmp_path / "house.json").read_text().splitlines()[line - 1].strip() == '"roomId": 3,'


def _floor(side_m: float) -> list[dict]:
    return _outline((side_m, 0), (0, 0), (0, side_m), (side_m, side_m))


def _stairs(n: int) -> list[dict]:
    steps = [(0.5 * (i // 2), 60 - 0.5 * ((i + 1) // 2)) for i in range(n - 2)]
    return _outline((0, 0), *steps, (steps[-1][0], 0))


def _rooms(house: house_file.House, n: int, outline: list[dict]) -> None:
    house["rooms"] = [{**house["rooms"][0], "id": f"room|{i}", "floorPolygon": outline} for i in range(n)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["rooms"][0].update(floorPolygon=_floor(2000)), "rooms[0].floorPolygon[0].x: Input should be less than or equal to 1000"),
        (lambda h: h["rooms"][0].update(floorPolygon=_floor(900)), "rooms: the house is larger than 100 m"),
        (lambda h: _rooms(h, 100, _stairs(200)), "rooms[0].floorPolygon: List should have at most 64 items"),
        (lambda h: _rooms(h, 100, _stairs(62)), "rooms: the rooms have more than 1000 corners"),
        (lambda h: h.update(doors=h["doors"] * 10_000), "doors: List should have at most 500 items"),
        (lambda h: h.update(windows=h["windows"] * 600), "windows: List should have at most 500 items"),
        (lambda h: h.update(doors=h["doors"] * 50_000), "longer than 16 MB"),
    ],
)  # fmt: skip
def test_a_bomb_is_refused_by_a_stated_limit_at_once(tmp_path, change, message):
    (tmp_path / "houses.jsonl").write_text(json.dumps(_changed(change)) + "\n")
    started = time.process_time()
    with pytest.raises(house_file.HouseError) as error:
        list(house_file.load(tmp_path / "houses.jsonl"))
    assert message in str(error.value) and time.process_time() - started < 1.0


def test_things_on_things_are_counted_before_they_are_looked_at():
    def tower(h: house_file.House) -> None:
        for _ in range(900):
            h["objects"] = [{"children": h["objects"]}]

    with pytest.raises(house_file.HouseError, match=r"\$\.objects: things stand on things, more than 8 high"):
        house_file.validate(_changed(tower))


def test_truncated_file_is_one_error(tmp_path):
    whole = gzip.compress((json.dumps(generation.generate(0)) + "\n").encode() * 20)
    path = tmp_path / "houses.jsonl.gz"
    for damaged in (whole[: len(whole) // 2], whole[:10] + b"\xff" * 9):
        path.write_bytes(damaged)
        with pytest.raises(house_file.HouseError, match=r"houses\.jsonl\.gz"):
            list(house_file.load(path))


_MUG = {"assetId": "Mug_1", "boundingBox": {"x": 0.1, "y": 0.1, "z": 0.1}}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json.gz", b"ab", ": the file is damaged or cut short (Not a gzipped file (b'ab'))"),
        ("a.json", b'{"Mug":\n {', ":2: not JSON: Expecting property name"),
        ("a.json", b"[1]", ":1: $: Input should be a valid dictionary"),
        ("a.json", json.dumps({"Mug": [{**_MUG, "boundingBox": {"x": "0.1", "y": 0.1, "z": 0.1}}]}, indent=0).encode(), ":6: $.Mug[0].boundingBox.x: Input should be a valid number"),
        ("a.json", json.dumps({"Mug": [{**_MUG, "boundingBox": None}]}).encode(), ":1: $.Mug[0].boundingBox: Input should be a valid dictionary"),
        ("a.json", json.dumps({"Mug": [_MUG, _MUG]}).encode(), ":1: $.Mug[1].assetId: 'Mug_1' stands there twice"),
        ("a.json", json.dumps({"Mug": 3}).encode(), ":1: $.Mug: Input should be a valid list"),
        ("a.json.gz", gzip.compress(b" " * 20_000_000), ": longer than 16 MB"),
    ],
)  # fmt: skip
def test_an_asset_database_that_cannot_be_used_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(house_file.HouseError) as error:
        asset_database.asset_sizes(tmp_path / name)
    assert str(error.value).startswith(f"{tmp_path / name}{message}")
