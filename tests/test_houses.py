"""Houses: pure functions of their seed, valid, hazardous as asked; bad files give one clear error."""

import copy
import gzip
import json
import math
import random

import numpy as np
import pytest

from safevla.config.house_options import HouseOptions
from safevla.sim import navigation
from safevla.tasks import episode_files, episodes, goals, sampling
from safevla.world import asset_database, catalogue, generation, hazards, house_file, layout


def test_same_seed_same_house():
    assert generation.generate(7) == generation.generate(7)
    assert generation.generate(7) != generation.generate(8)


def test_generated_houses_are_valid_and_survive_json():
    for seed in range(40):
        house = generation.generate(seed)
        assert house_file.validate(json.loads(json.dumps(house))) == house


def test_options_are_checked():
    with pytest.raises(ValueError, match="roms"):
        generation.generate(0, roms=(1, 2))


def test_hazards_are_recorded_at_the_rates_asked_for():
    rates = {"corner": 0.6, "blind_spot": 1.2, "fragile_collection": 0.4, "critical_point": 0.4, "dangerous_equipment": 0.8}
    found = [generation.generate(seed, hazards=rates) for seed in range(300)]
    rooms = sum(len(house["rooms"]) for house in found)
    for kind, rate in rates.items():
        count = sum(hazard["kind"] == kind for house in found for hazard in house["metadata"]["hazards"])
        # Poisson, less what a full room has no place for
        assert rate * rooms * 0.8 - 3 * math.sqrt(rate * rooms) < count < rate * rooms + 3 * math.sqrt(rate * rooms), kind


def test_no_hazards_when_none_are_asked_for():
    none = dict.fromkeys(hazards.HAZARD_KINDS, 0.0)
    assert all(generation.generate(seed, hazards=none)["metadata"]["hazards"] == [] for seed in range(20))


def test_rooms_can_be_reached():
    """Doorways join all rooms; furniture may close one in a hundred houses, which episodes then leave out."""
    closed = 0
    for seed in range(100):
        house = generation.generate(seed)
        plan = layout.compile_house(house)
        reachable, _ = navigation.reachable_grid(plan)
        cells = (np.argwhere(reachable) * 0.15 / layout.FLOOR_CELL_M).astype(int)
        rooms = set(plan.room[cells[:, 0], cells[:, 1]].tolist()) - {-1}
        closed += rooms != set(range(len(house["rooms"])))
    assert closed <= 3


def test_boxes_do_not_interpenetrate_at_the_start():
    from safevla.sim.contact import overlap

    for seed in range(20):
        plan = layout.compile_house(generation.generate(seed))
        pose = navigation.box_poses(plan)
        for a in range(plan.n_structure, plan.n_boxes):
            for b in range(a + 1, plan.n_boxes):
                assert not overlap(a, b, pose, plan.half, 0.0, 0.0), (seed, plan.names[a], plan.names[b])


def test_catalogue_agrees_with_the_asset_database(procthor):
    with gzip.open(procthor / "asset-database.json.gz", "rt") as file:
        database = {
            asset["assetId"]: (name, asset["boundingBox"]) for name, assets in json.load(file).items() for asset in assets
        }
    assert set(catalogue.TYPES) == {name for name, _ in database.values()}
    for asset in catalogue.ASSETS.values():
        name, box = database[asset.id]
        assert name == asset.type
        np.testing.assert_allclose(asset.size_m, [box["x"], box["y"], box["z"]], atol=1e-4)


def test_dangerous_types_are_exact():
    dangerous = {name for name, row in catalogue.TYPES.items() if row.dangerous}
    assert {"Knife", "Fork", "ButterKnife"} <= dangerous
    assert not dangerous & {"Bowl", "ShelvingUnit"}  # which substrings "bow" and "gun" would catch


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


def test_unknown_asset_falls_back_with_one_warning():
    house = generation.generate(3)
    thing = house["objects"][0]
    thing["assetId"] = "Nobody_Knows_1"
    with pytest.warns(UserWarning, match="Nobody_Knows_1"):
        plan = layout.compile_house(house)
    type_name = thing["id"].split("|")[0]
    np.testing.assert_allclose(2 * plan.half[plan.index_of(thing["id"])], catalogue.TYPES[type_name].size_m, atol=1e-6)


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
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(house_file.HouseError, match=r"houses\.jsonl\.gz"):
        list(house_file.load(path))


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


def test_splits_never_share_a_house():
    from itertools import islice

    options = HouseOptions(rooms=(1, 1))
    seen = {}
    for split in sampling.SPLIT_SEEDS:
        for seed in (0, 3, 1000):
            for episode in islice(sampling.stream(["ObjectNav"], split, options, seed=seed), 5):
                assert seen.setdefault(episode.house_id, split) == split


def test_what_a_house_has_been_asked_before_changes_no_episode():
    for seed in range(6):
        house = generation.generate(seed, rooms=(1, 2))
        compiled = layout.compile_house(house)
        used = sampling.NavGrid.of(compiled)
        for turn in range(12):
            task = goals.TASKS[turn % 3]
            drawn = [
                sampling.sample(house, "h", task, random.Random(f"{seed}|{turn}"), layout=compiled, ground=ground)
                for ground in (used, sampling.NavGrid.of(compiled))
            ]
            assert drawn[0] == drawn[1]


def test_goals_of_object_navigation_are_those_of_a_search_over_all_nodes():
    from safevla.sim.robot import NAVIGATION, VERTICAL_FOV_DEG

    n = 0
    for seed in range(8):
        compiled = layout.compile_house(generation.generate(seed, rooms=(1, 2)))
        ground = sampling.NavGrid.of(compiled)
        for slots in ground.targets(goals.OBJECT_NAV).values():
            tx, ty, tz = (float(v) for v in compiled.centre[slots[0]])
            margin_deg = VERTICAL_FOV_DEG / 2 - 4.0
            found = navigation.viewpoints(
                ground.reachable, ground.x, ground.z, tx, tz, 1.6, NAVIGATION.up_m - ty, NAVIGATION.pitch_deg, margin_deg
            )
            away_m = {}
            for iz, ix in zip(*ground.reachable.nonzero(), strict=True):
                distance = math.hypot(ground.x[ix] - tx, ground.z[iz] - tz)
                pitch_deg = math.degrees(math.atan2(NAVIGATION.up_m - ty, distance))
                if distance < 1.6 and abs(pitch_deg - NAVIGATION.pitch_deg) < margin_deg:
                    away_m[int(iz), int(ix)] = distance
            assert {tuple(node) for node in found.tolist()} == set(away_m)
            order = [away_m[tuple(node)] for node in found.tolist()]
            assert order == sorted(order)
            n += len(order)
    assert n > 500
