"""Looks: drawn per instance, plausible, not to be told types by; what is held out never shows in training and always in its shift."""

import colorsys
import copy
import random
import re
from itertools import islice

import numpy as np
import pytest

from safevla.world import asset_database, catalogue, generation, house_file, layout, looks, materials, palettes
from safevla.world.parts import ACCENT, DARK, LIGHT, MAIN, SECOND

HELD_OUT_HUES = ((0.22, 0.32), (0.48, 0.56), (0.78, 0.90))
SHOWN = {MAIN: 0.5, SECOND: 0.2, ACCENT: 0.1, DARK: 0.1, LIGHT: 0.1}  # how much of an object a colour covers, typically


def _is_held_out(colours: np.ndarray) -> np.ndarray:
    """Whether colours (…, 3), 0 to 255, are coloured enough to have a hue, and one of those held out."""
    colours = np.asarray(colours, float)
    chroma = np.ptp(colours, -1)
    hue = np.apply_along_axis(lambda c: colorsys.rgb_to_hsv(*c)[0], -1, colours)
    return (chroma >= 30) & np.any([(low <= hue) & (hue <= high) for low, high in HELD_OUT_HUES], 0)


def _names(rows: np.ndarray, known: dict[str, materials.Material]) -> list[set[str]]:
    """Which materials each of the rows (N, 17) may be an instance of, by its numbers, tones and directions."""
    return [{name for name, material in known.items() if _is_of(row, material)} for row in rows]


def _is_of(row: np.ndarray, material: materials.Material) -> bool:
    numbers = (material.a, material.b, material.c, material.shift, material.mask)
    if tuple(row[6:11]) != numbers or not any(np.allclose(row[11:15], tones) for tones in material.tones):
        return False
    for turn in material.turns:
        along = np.zeros(6)
        for axis, letter in enumerate(turn):
            along["xyz".index(letter)], along[3 + "xyz".index(letter)] = material.u[axis], material.v[axis]
        scale = np.linalg.norm(row[:6]) / max(np.linalg.norm(along), 1e-9)
        if np.allclose(row[:6], scale * along, rtol=1e-4, atol=1e-5):
            return True
    return False


def _with(house: house_file.House, **changes) -> house_file.House:
    house = copy.deepcopy(house)
    house["metadata"]["looks"] |= changes
    return house


@pytest.fixture(scope="module")
def houses() -> list[house_file.House]:
    return [generation.generate(seed) for seed in range(60)]


@pytest.fixture(scope="module")
def layouts(houses) -> list[layout.Layout]:
    return [layout.compile_house(house) for house in houses]


# what looks follow from


def test_looks_follow_from_the_houses_seed_and_the_objects_id_alone(houses):
    house = houses[4]
    plan, again = layout.compile_house(house), layout.compile_house(copy.deepcopy(house))
    np.testing.assert_array_equal(plan.palette, again.palette)
    np.testing.assert_array_equal(plan.material, again.material)
    fewer = copy.deepcopy(house)
    fewer["objects"] = fewer["objects"][::-2]
    some = layout.compile_house(fewer)
    for slot, name in enumerate(some.names[some.n_structure :], some.n_structure):
        np.testing.assert_array_equal(some.palette[slot], plan.palette[plan.index_of(name)])
        np.testing.assert_array_equal(some.material[slot], plan.material[plan.index_of(name)])
    other = layout.compile_house(_with(house, seed=house["metadata"]["looks"]["seed"] + 1))
    assert (other.palette[:, MAIN] != plan.palette[:, MAIN]).any(1).mean() > 0.85  # window panes are always the same


def test_generated_houses_have_seeds_of_their_own_and_are_all_seen(houses):
    said = [house["metadata"]["looks"] for house in houses]
    assert len({one["seed"] for one in said}) == len(houses)
    assert all(one == {"seed": one["seed"], "colors": "seen", "materials": "seen", "variants": "seen"} for one in said)


def test_a_house_that_says_nothing_takes_its_seed_from_the_ids_of_its_walls(procthor):
    found = list(islice(house_file.load(procthor / "houses_val.jsonl.gz"), 30))
    said = [looks.of_house(house) for house in found]
    assert len({one.seed for one in said}) == 30 and {one[1:] for one in said} == {("seen",) * 3}
    emptied = {**found[0], "objects": found[0]["objects"][1:]}
    assert looks.of_house(emptied) == said[0]


def test_objects_of_a_type_differ_and_walls_of_a_room_do_not(houses, layouts):
    mugs = np.concatenate([plan.palette[plan.type_index == catalogue.TYPES["Mug"].index, MAIN] for plan in layouts])
    assert len(mugs) > 20 and len(np.unique(mugs, axis=0)) == len(mugs)
    colours: dict[tuple, set] = {}
    for number, (house, plan) in enumerate(zip(houses, layouts, strict=True)):
        for wall in house["walls"]:
            for slot in [m for m in range(plan.n_structure) if plan.names[m] == wall["id"]]:
                colours.setdefault((number, wall["roomId"]), set()).add(tuple(plan.palette[slot, MAIN].tolist()))
    assert all(len(found) == 1 for found in colours.values())
    assert len(set.union(*colours.values())) > 0.9 * len(colours)


# colours


def test_main_colours_come_from_the_families_as_often_as_they_should():
    rng = random.Random(0)
    count = dict.fromkeys(palettes.OBJECTS, 0)
    for _ in range(4000):
        red, green, blue = palettes.of_object(rng, palettes.drawn(rng, palettes.OBJECTS))[MAIN]
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        is_wood = 0.045 < hue < 0.115 and 0.28 < saturation < 0.67 and value < 0.8
        family = "grey" if saturation < 0.065 and value < 0.86 else "pale" if saturation < 0.22 else "wood" if is_wood else "full"
        count[family] += 1
    for family, share in {"wood": 0.25, "grey": 0.20, "pale": 0.20, "full": 0.35}.items():
        assert abs(count[family] / 4000 - share) < 0.04, count


def test_held_out_colours_never_show_in_training(layouts):
    assert palettes.HELD_OUT_HUES == HELD_OUT_HUES
    for plan in layouts:
        assert not _is_held_out(plan.palette).any()
        assert not _is_held_out(plan.ceiling_colour) and not _is_held_out(plan.sky_colour)
        for palette, row in zip(plan.palette, plan.material, strict=True):
            possible = [level for level in range(4) if level & int(row[materials.MASK]) == level]
            assert not _is_held_out(materials.shown(row, palette[MAIN], palette[SECOND])[possible]).any()


def test_unseen_colours_are_held_out_ones_and_change_objects_only(houses, layouts):
    for house, plan in zip(houses[:20], layouts, strict=False):
        moved, n = layout.compile_house(_with(house, colors="unseen")), plan.n_structure
        assert _is_held_out(moved.palette[n:, [MAIN, SECOND, ACCENT]]).all()
        np.testing.assert_array_equal(moved.palette[:n], plan.palette[:n])
        np.testing.assert_array_equal(moved.material, plan.material)
        np.testing.assert_array_equal(moved.ceiling_colour, plan.ceiling_colour)


def test_the_palette_of_an_object_goes_from_dark_to_light(layouts):
    palette = np.concatenate([plan.palette[plan.n_structure :] for plan in layouts]).astype(int)
    assert palette[:, DARK].max() < 60 and palette[:, LIGHT].min() > 195
    assert (np.abs(palette[:, MAIN] - palette[:, SECOND]).max(1) > 12).mean() > 0.95  # or stripes could not be seen


# materials


def test_what_materials_mix_is_what_palettes_have_checked():
    """No material mixes two colours by a share at which a held-out colour could come about unseen."""
    known = [*materials.OBJECTS.values(), *materials.FLOORS.values(), *materials.WALLS.values()]
    shares = {round(tone - 1, 2) for one in known for tones in one.tones for tone in tones if tone > 1}
    assert shares <= {*palettes._MIXED, 1.0}


def test_held_out_materials_never_show_in_training_and_always_in_their_shift(houses, layouts):
    met = {True: set(), False: set()}
    for house, plan in zip(houses, layouts, strict=True):
        moved, n = layout.compile_house(_with(house, materials="unseen")), plan.n_structure
        is_floor = np.array([name in {room["id"] for room in house["rooms"]} for name in plan.names[:n]])
        is_pane = np.array([name.startswith("window") for name in plan.names[:n]])
        for number, one in enumerate((plan, moved)):
            slots = {"objects": np.arange(n, one.n_boxes), "floors": np.flatnonzero(is_floor)}
            slots["walls"] = np.flatnonzero(~is_floor & ~is_pane)
            for kind, known in (("objects", materials.OBJECTS), ("floors", materials.FLOORS), ("walls", materials.WALLS)):
                held_out = set(materials.names(known, held_out=number == 1)) | ({"plain"} if kind == "objects" else set())
                for names in _names(one.material[slots[kind]], known):
                    assert names and names <= held_out, (kind, names)
                    met[number == 1] |= {(kind, name) for name in names}
        np.testing.assert_array_equal(moved.palette[n:], plan.palette[n:])
        assert _is_held_out(moved.palette[:n, MAIN][~is_pane]).all() and _is_held_out(moved.ceiling_colour)
    kinds = {"objects": materials.OBJECTS, "floors": materials.FLOORS, "walls": materials.WALLS}
    for held_out in (False, True):
        assert met[held_out] - {("objects", "plain")} == {
            (kind, name) for kind, known in kinds.items() for name in materials.names(known, held_out)
        } - {("objects", "plain")}
    n_held_out = {kind: (len(known), len(materials.names(known, True))) for kind, known in kinds.items()}
    assert n_held_out == {"objects": (12, 4), "floors": (5, 2), "walls": (5, 2)}


def test_levels_are_the_formula():
    """Against Python's own whole numbers; they stay within 32 bits, and repeat after 512 cells."""
    rng, points = random.Random(1), np.random.default_rng(1).uniform(-3, 3, (200, 3)).astype(np.float32)
    for known in (materials.OBJECTS, materials.FLOORS, materials.WALLS):
        for name, material in known.items():
            row = np.array(materials.moved(materials.row(material, rng), 1.0, 2.0, -3.0), np.float32)
            u = np.floor(points @ row[0:3] + row[15]).astype(int).tolist()
            v = np.floor(points @ row[3:6] + row[16]).astype(int).tolist()
            a, b, c, shift, mask = (int(number) for number in row[6:11])
            for more in (0, 512):
                products = [((i + more) * a + (j + more) * b) * c for i, j in zip(u, v, strict=True)]
                assert max(map(abs, products)) < 2**31
                expected = [(product >> shift) & mask for product in products]
                assert expected == materials.levels(row, points).tolist() and set(expected) <= set(range(4)), name
            assert len(set(expected)) == 2 ** bin(mask).count("1")


def test_a_tone_darkens_or_mixes_in_the_second_colour():
    row = np.array(materials.PLAIN, np.float32)
    row[materials.TONES : materials.TONES + 4] = 1.0, 0.5, 2.0, 1.25
    shown = materials.shown(row, np.array([200, 100, 0], np.uint8), np.array([100, 100, 200], np.uint8))
    np.testing.assert_allclose(shown, [[200, 100, 0], [100, 50, 0], [100, 100, 200], [175, 100, 50]])


def test_coordinates_stay_below_what_the_formula_repeats_after(layouts, procthor):
    sizes = asset_database.asset_sizes(procthor / "asset-database.json.gz")
    real = [layout.compile_house(house, sizes) for house in islice(house_file.load(procthor / "houses_val.jsonl.gz"), 20)]
    for plan in [*layouts, *real]:
        for at, offset in ((materials.U, materials.OFFSET), (materials.V, materials.OFFSET + 1)):
            reach = np.abs(plan.material[:, at : at + 3] * plan.half).sum(1)
            assert (plan.material[:, offset] < 512).all() and (reach < 512).all()


def test_a_pattern_goes_on_from_one_piece_of_floor_or_wall_to_the_next():
    house = generation.generate(3)
    room = house["rooms"][0]
    corners = [(0, 0), (0, 4), (2, 4), (2, 2), (5, 2), (5, 0)]
    room["floorPolygon"] = [house_file.point(x, 0, z) for x, z in corners]
    room["floorMaterial"] = {"name": "CeramicTiles1"}
    for wall in house["walls"]:
        wall["material"] = {"name": "RedBrick"}
    house["objects"] = []
    plan = layout.compile_house(house)
    compared = 0
    for name in {room["id"], *(door["wall0"] for door in house["doors"])}:
        pieces = [m for m in range(plan.n_structure) if plan.names[m] == name]
        points = np.random.default_rng(0).uniform(-4, 4, (500, 3)) * (1, 0.3, 1)
        seen = [materials.levels(plan.material[m].astype(float), _in_box(points, plan, m)) for m in pieces]
        for other in seen[1:]:
            assert (other == seen[0]).mean() > 0.98  # on the edge of a cell rounding decides
            compared += 1
    assert compared >= 3


def _in_box(points: np.ndarray, plan: layout.Layout, m: int) -> np.ndarray:
    """World points (N, 3) in the frame of box m."""
    yaw, moved = np.radians(plan.yaw_deg[m].astype(float)), points - plan.centre[m]
    x = moved[:, 0] * np.cos(yaw) - moved[:, 2] * np.sin(yaw)
    return np.stack([x, moved[:, 1], moved[:, 0] * np.sin(yaw) + moved[:, 2] * np.cos(yaw)], 1)


def test_what_a_surface_is_made_of_follows_from_the_materials_name():
    cases = {"RedBrick": "bricks", "bathroomTilesTan5": "tiles", "PinkMarble": "tiles", "DrywallGreen": "paint"}
    for name, kind in cases.items():
        row = np.array(looks.of_wall(looks.HouseLooks(3), {"roomId": "room|2", "material": {"name": name}}).material)
        assert _is_of(row, materials.WALLS[kind]), name
    for name, kind in {
        "WornWood": "boards",
        "Carpet4": "carpet",
        "KitchenTilesCheckerboard": "tiles",
        "RobinEgg": "boards",
    }.items():
        row = np.array(looks.of_floor(looks.HouseLooks(3), {"id": "room|2", "floorMaterial": {"name": name}}).material)
        assert _is_of(row, materials.FLOORS[kind]), name


# what a house file may say


def test_a_thing_may_have_a_look_of_its_own(houses):
    house = copy.deepcopy(houses[2])
    plan = layout.compile_house(house)
    painted, dressed, *_ = house["objects"]
    painted["color"] = {"r": 1, "g": 0.0, "b": 0.2}
    five = [{"r": shade, "g": 0.0, "b": 1} for shade in (0.0, 0.2, 0.4, 0.6, 1.0)]
    dressed["look"] = {"colors": five, "material": "wicker"}
    room = house["rooms"][0]
    room["floorMaterial"]["color"] = {"r": 0.2, "g": 0.4, "b": 0.6}
    house["proceduralParameters"]["ceilingMaterial"]["color"] = {"r": 0, "g": 0, "b": 0}
    moved = layout.compile_house(house_file.validate(house))
    first, second, floor = (plan.index_of(name) for name in (painted["id"], dressed["id"], room["id"]))
    assert moved.palette[first, MAIN].tolist() == [255, 0, 51] and moved.palette[floor, MAIN].tolist() == [51, 102, 153]
    assert moved.palette[second].tolist() == [[round(255 * c["r"]), 0, 255] for c in five]
    assert _is_of(moved.material[second], materials.OBJECTS["wicker"])
    assert moved.ceiling_colour.tolist() == [0, 0, 0]
    same = [m for m in range(plan.n_boxes) if m not in (first, second) and plan.names[m] != room["id"]]
    np.testing.assert_array_equal(moved.palette[same], plan.palette[same])
    np.testing.assert_array_equal(moved.palette[first, 1:], plan.palette[first, 1:])
    rest = [m for m in range(plan.n_boxes) if m != second]
    np.testing.assert_array_equal(moved.material[rest], plan.material[rest])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["metadata"].update(looks="plain"), "$.metadata.looks: "),
        (lambda h: h["metadata"]["looks"].pop("seed"), "$.metadata.looks.seed: Field required"),
        (lambda h: h["metadata"]["looks"].update(seed="7"), "$.metadata.looks.seed: "),
        (lambda h: h["metadata"]["looks"].update(seed=-7), "$.metadata.looks.seed: "),
        (lambda h: h["metadata"]["looks"].update(colors="pink"), "$.metadata.looks.colors: Input should be 'seen' or 'unseen'"),
        (lambda h: h["metadata"]["looks"].update(colours="seen"), "$.metadata.looks.colours: unknown parameter"),
        (lambda h: h["objects"][1].update(color={"r": 1, "g": 1}), "$.objects[1].color.b: Field required"),
        (lambda h: h["objects"][1].update(color={"r": 1, "g": 1, "b": 255}), "$.objects[1].color.b: "),
        (lambda h: h["objects"][1].update(color={"r": 1, "g": 1, "b": "0"}), "$.objects[1].color.b: "),
        (lambda h: h["objects"][1].update(look={"colors": [{"r": 1, "g": 1, "b": 0}]}), "$.objects[1].look.colors: "),
        (lambda h: h["objects"][1].update(look={"material": "velvet"}), "$.objects[1].look.material: no material 'velvet'"),
        (lambda h: h["objects"][1].update(look={"shape": 1}), "$.objects[1].look.shape: unknown parameter"),
        (lambda h: h["walls"][0].update(material="Drywall"), "$.walls[0].material: "),
        (lambda h: h["walls"][0].update(material={"color": {"r": 1, "g": 1, "b": 1}}), "$.walls[0].material.name: Field required"),
        (lambda h: h["rooms"][0]["floorMaterial"].update(color=3), "$.rooms[0].floorMaterial.color: "),
        (lambda h: h["proceduralParameters"].update(ceilingMaterial="Drywall"), "$.proceduralParameters.ceilingMaterial: "),
        (lambda h: h["proceduralParameters"]["lights"][0].pop("intensity"), "$.proceduralParameters.lights[0].intensity: "),
        (lambda h: h["proceduralParameters"]["lights"][1].update(rgb={"r": None}), "$.proceduralParameters.lights[1].rgb.r: "),
    ],
)  # fmt: skip
def test_a_malformed_look_is_named_with_its_path(houses, change, message):
    house = copy.deepcopy(houses[0])
    change(house)
    with pytest.raises(house_file.HouseError, match=re.escape(f"houses.jsonl:3: {message}")):
        house_file.validate(house, "houses.jsonl:3")


def test_a_seed_is_enough_and_so_is_nothing(houses):
    house = copy.deepcopy(houses[0])
    house["metadata"]["looks"] = {"seed": 12}
    assert looks.of_house(house_file.validate(house)) == looks.HouseLooks(12)
    house["metadata"]["looks"] = None
    assert looks.of_house(house_file.validate(house)).colors == "seen"


# what colour tells


def _mean_colours(seeds: range) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours (N, 3) and types (N,) of the target objects of generated houses."""
    wanted = [catalogue.TYPES[name].index for name in catalogue.TARGET_NOUNS]
    weight, found, types = np.array([SHOWN[slot] for slot in range(5)]), [], []
    for seed in seeds:
        plan = layout.compile_house(generation.generate(seed))
        slots = np.flatnonzero(np.isin(plan.type_index, wanted))
        found.append(np.einsum("s,nsc->nc", weight, plan.palette[slots].astype(float)))
        types.append(plan.type_index[slots])
    return np.concatenate(found), np.concatenate(types)


def test_colour_does_not_tell_types():
    """The nearest neighbours by mean colour, one or fifteen, name at most a quarter of the objects, counted either way."""
    (known, its), (asked, true) = _mean_colours(range(1000, 1250)), _mean_colours(range(2000, 2120))
    nearest = np.argsort(((asked[:, None] - known[None]) ** 2).sum(-1), axis=1)
    for k in (1, 15):
        votes = its[nearest[:, :k]]
        named = np.array([np.bincount(row).argmax() for row in votes]) == true
        by_type = np.mean([named[true == one].mean() for one in np.unique(true)])
        print(f"of {k}: {named.mean():.3f} of {len(true)} objects, {by_type:.3f} as the mean over {len(np.unique(true))} types")
        assert named.mean() <= 0.25 and by_type <= 0.25
