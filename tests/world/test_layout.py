"""Layout: what the compiler of houses does with an asset that it does not know, or that is drawn higher than it is solid."""

import numpy as np
import pytest

from safevla.sim import appearance
from safevla.world import catalogue, generation, layout, parts, shape


def test_unknown_asset_falls_back_with_one_warning():
    house = generation.generate(3)
    obj = house["objects"][0]
    obj["assetId"] = "Nobody_Knows_1"
    with pytest.warns(UserWarning, match="Nobody_Knows_1"):
        plan = layout.compile_house(house)
    type_name = obj["id"].split("|")[0]
    size_x, _, size_z = size_m = catalogue.TYPES[type_name].size_m
    solid_m = shape.stand_of(type_name, size_m).height_m
    np.testing.assert_allclose(2 * plan.half[plan.index_of(obj["id"])], (size_x, solid_m, size_z), atol=1e-6)


def test_a_bed_is_drawn_higher_than_it_is_solid_and_stands_where_it_did():
    house = next(house for house in map(generation.generate, range(100)) if any("Bed|" in obj["id"] for obj in house["objects"]))
    plan = layout.compile_house(house)
    obj = next(obj for obj in house["objects"] if obj["id"].startswith("Bed|"))
    m, height = plan.index_of(obj["id"]), catalogue.ASSETS[obj["assetId"]].size_m[1]
    low, high = parts.extents(plan.parts[plan.first_part[m] : plan.first_part[m + 1]])
    assert plan.centre[m, 1] + low[:, 1].min() == pytest.approx(0.0, abs=0.02 * height)
    assert plan.centre[m, 1] + high[:, 1].max() == pytest.approx(height, abs=0.1 * height)
    assert plan.centre[m, 1] + plan.half[m, 1] < 0.8 * height
    assert appearance.radii(plan.parts, plan.first_part)[m] >= high[:, 1].max()
