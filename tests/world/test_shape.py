"""Shapes: every asset in all its variants fills its box, is the same everywhere, and offers the same stand; extensions count."""

import functools
import hashlib
import itertools
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from safevla.config.registry import SHAPES, RegistryError
from safevla.world import catalogue, house_file, shape
from safevla.world.asset_database import AssetSizes, asset_sizes
from safevla.world.parts import AXES, BOX, CENTRE, KIND, N_COLOURS, N_COLUMNS, SIDES, TEXTURED, extents
from safevla.world.shape import HELD_OUT, N_VARIANTS, shape_name, shape_of, stand_of, variant_of
from tests.conftest import SHARED
from tests.ray_caster import cast

FALLBACKS = {"flat_thing", "tall_thing", "boxy_thing"}
BY_OWN_STAND = {"ArmChair", "Bed", "Chair", "DogBed", "Sofa"}  # things rest lower than on top of their box
FURTHEST_OUT, LEAST_FILLED, MOST_PARTS = 1.02, 0.85, 30
ODD_SIZES = ((0.1, 0.1, 0.1), (2.0, 0.05, 1.0), (0.05, 1.5, 0.05), (1.0, 1.0, 1.0))


@functools.cache
def _assets() -> AssetSizes:
    """Those of the catalogue, and of the real database where it lies beside the repository."""
    database = SHARED / "procthor" / "asset-database.json.gz"
    return asset_sizes(database if database.exists() else None)


def _assets_by_shape(name: str) -> list[tuple[str, str, shape.Size]]:
    """(asset, type, size) of what a file of shapes draws."""
    return [(asset, type_name, size) for asset, (type_name, size) in _assets().items() if shape_name(type_name, size) == name]


def test_every_type_has_a_shape_and_every_shape_a_type():
    used = {row.shape for row in catalogue.TYPES.values()}
    assert used | FALLBACKS == set(SHAPES.names()) and not used & FALLBACKS
    # a file named as a type draws that type: the column of the table agrees
    named = {shape.snake_case(name): row.shape for name, row in catalogue.TYPES.items()}
    assert all(named[name] == name for name in SHAPES.names() if name in named)


@pytest.mark.parametrize("name", SHAPES.names())
def test_every_variant_of_every_asset_fills_its_box(name):
    assets = _assets_by_shape(name) or [(f"odd {i}", "Oddity", size) for i, size in enumerate(ODD_SIZES)]
    for asset, type_name, size in assets:
        arrays = [shape_of(type_name, size, asset, variant).parts for variant in range(N_VARIANTS)]
        parts, half = np.concatenate(arrays), np.array(size) / 2
        assert parts.shape[1] == N_COLUMNS and parts.dtype == np.float32 and np.isfinite(parts).all()
        assert set(np.unique(parts[:, SIDES : SIDES + 2])) <= set(range(N_COLOURS)) and set(np.unique(parts[:, TEXTURED])) <= {
            0,
            1,
        }
        low, high = extents(parts)
        ends = np.cumsum([0, *map(len, arrays)])
        for variant, (start, end) in enumerate(itertools.pairwise(ends)):
            what = f"{asset}, variant {variant}"
            assert 1 <= end - start <= MOST_PARTS, what
            assert max((-low[start:end] / half).max(), (high[start:end] / half).max()) <= FURTHEST_OUT, what
            assert ((high[start:end].max(0) - low[start:end].min(0)) / (2 * half)).min() >= LEAST_FILLED, what
        axes = parts[:, AXES : AXES + 9].reshape(-1, 3, 3).astype(float)
        np.testing.assert_allclose(axes @ axes.transpose(0, 2, 1), np.broadcast_to(np.eye(3), axes.shape), atol=1e-5)


@pytest.mark.parametrize("type_name", catalogue.TYPE_NAMES)
def test_variants_differ_and_stand_the_same(type_name):
    for asset in catalogue.assets_of(type_name)[:2]:
        shapes = [shape_of(type_name, asset.size_m, asset.id, variant) for variant in range(N_VARIANTS)]
        assert len({one.parts.tobytes() for one in shapes}) == N_VARIANTS
        assert len({one.stand for one in shapes}) == 1 and shapes[0].stand == stand_of(type_name, asset.size_m)


@pytest.mark.parametrize("type_name", [name for name, row in catalogue.TYPES.items() if row.surface and name not in BY_OWN_STAND])
def test_a_surface_has_a_whole_level_top(type_name):
    """Nothing that stands on it hangs in the air: one box makes its top, to 3.5 mm."""
    for asset in catalogue.assets_of(type_name):
        size = np.array(asset.size_m)
        for variant in range(N_VARIANTS):
            found = shape_of(type_name, asset.size_m, asset.id, variant)
            assert found.stand == pytest.approx((size[1], -size[0] / 2, size[0] / 2, -size[2] / 2, size[2] / 2))
            low, high = extents(found.parts)
            is_top = (found.parts[:, KIND] == BOX) & (found.parts[:, AXES + 4] > 0.9999) & (high[:, 1] > size[1] / 2 - 0.0035)
            assert (((high - low)[is_top][:, [0, 2]] > 0.98 * size[[0, 2]]).all(1)).any(), f"{asset.id}, variant {variant}"


@pytest.mark.parametrize("type_name", sorted(BY_OWN_STAND))
def test_a_seat_is_where_things_stand(type_name):
    """Looked at from above, most of the stand is a surface at its height; the rest is pillows, and gaps between cushions."""
    for asset in catalogue.assets_of(type_name):
        for variant in range(N_VARIANTS):
            found = shape_of(type_name, asset.size_m, asset.id, variant)
            height, x0, x1, z0, z1 = found.stand
            assert 0.1 * asset.size_m[1] < height < 0.9 * asset.size_m[1] and x0 < x1 and z0 < z1
            x, z = (grid.ravel() for grid in np.meshgrid(np.linspace(x0, x1, 8), np.linspace(z0, z1, 8)))
            eye = np.array([0.0, 50.0, 0.0])
            base = height - asset.size_m[1] / 2
            hits = cast(found.parts, eye, np.stack([x, np.full_like(x, base), z], 1) - eye)
            above = hits.point[:, 1] - base
            assert (above > -0.03).mean() > 0.9 and (abs(above) < 0.025).mean() > 0.5, f"{asset.id}, variant {variant}"


def test_variants_of_objects_are_held_out_or_not():
    ids = [f"Mug|{i}" for i in range(400)]
    seen, held_out = ([variant_of(name, 3, where) for name in ids] for where in (False, True))
    assert set(seen) == set(range(8)) and set(held_out) == set(HELD_OUT) == set(range(8, N_VARIANTS))
    assert [variant_of(name, 4, False) for name in ids] != seen == [variant_of(name, 3, False) for name in ids]


_DIGEST = """
import hashlib
from safevla.world import catalogue, shape
digest = hashlib.sha256()
for asset in catalogue.ASSETS.values():
    for variant in (0, 9):
        digest.update(shape.shape_of(asset.type, asset.size_m, asset.id, variant).parts.tobytes())
print(digest.hexdigest(), shape.variant_of("Mug|1", 0, True))
"""


def test_shapes_are_the_same_bits_in_another_process():
    digest = hashlib.sha256()
    for asset in catalogue.ASSETS.values():
        for variant in (0, 9):
            digest.update(shape_of(asset.type, asset.size_m, asset.id, variant).parts.tobytes())
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        found = subprocess.run([sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True, env=environment)
        assert found.stdout.split() == [digest.hexdigest(), str(variant_of("Mug|1", 0, True))]


def test_a_shape_is_built_once_and_nobody_may_change_it():
    found = shape_of("Mug", (0.12, 0.1, 0.09), "Mug_1", 3)
    assert shape_of("Mug", (0.12, 0.1, 0.09), "Mug_1", 3) is found
    with pytest.raises(ValueError, match="read-only"):
        found.parts[0, CENTRE] = 1.0
    shape._built.cache_clear()
    np.testing.assert_array_equal(shape_of("Mug", (0.12, 0.1, 0.09), "Mug_1", 3).parts, found.parts)


@pytest.mark.parametrize(
    ("size_m", "name"), [((1, 0.1, 1), "flat_thing"), ((0.2, 1.5, 0.2), "tall_thing"), ((1, 1, 1), "boxy_thing")]
)
def test_unknown_types_are_drawn_by_their_size(size_m, name):
    assert shape_name(None, size_m) == shape_name("Gizmo", size_m) == name
    assert shape_of(None, size_m, "Gizmo_1", 0).stand == (size_m[1], -size_m[0] / 2, size_m[0] / 2, -size_m[2] / 2, size_m[2] / 2)


@pytest.mark.parametrize(
    ("type_name", "name"), [("TVStand", "tv_stand"), ("RemoteControl", "remote_control"), ("CD", "cd"), ("Mug", "mug")]
)
def test_names_of_types_in_snake_case(type_name, name):
    assert shape.snake_case(type_name) == name


def test_an_extensions_file_wins_over_the_catalogues_column(extend):
    size = (0.7, 1.0, 0.7)
    before = shape_of("ClothesDryer", size, "Dryer_1", 0)
    text = "from safevla.world.parts import DARK\n\n\ndef build(p, r):\n    p.box((0, p.height / 2, 0), p.size, DARK)\n"
    extend({"shapes/clothes_dryer.py": text, "shapes/gizmo.py": text})
    for type_name in ("ClothesDryer", "Gizmo"):
        found = shape_of(type_name, size, "Dryer_1", 0)
        assert len(found.parts) == 1 < len(before.parts)
    assert len(shape_of("WashingMachine", size, "Dryer_1", 0).parts) > 1


def test_an_extension_may_not_take_a_files_name(extend):
    folder = extend({"shapes/mug.py": "def build(p, r):\n    pass\n"})
    with pytest.raises(RegistryError, match=re.escape(f"{folder}/shapes/mug.py: there is a shape 'mug' already")):
        shape_of("Mug", (0.1, 0.1, 0.1), "Mug_1", 0)


def test_nearly_all_objects_of_real_houses_have_a_shape(procthor):
    sizes, drawn = _assets(), []
    for house in itertools.islice(house_file.load(procthor / "houses_val.jsonl.gz"), 50):
        for obj, _ in house_file.objects(house):
            type_name, size = sizes.get(obj["assetId"], (None, (0.3, 0.3, 0.3)))
            drawn.append(shape_name(type_name, size) not in FALLBACKS)
    assert len(drawn) > 500 and np.mean(drawn) >= 0.95
