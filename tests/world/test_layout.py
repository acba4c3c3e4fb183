"""Layout: what is not known gets a plain size and one warning."""

import numpy as np
import pytest

from safevla.world import catalogue, generation, layout


def test_unknown_asset_falls_back_with_one_warning():
    house = generation.generate(3)
    obj = house["objects"][0]
    obj["assetId"] = "Nobody_Knows_1"
    with pytest.warns(UserWarning, match="Nobody_Knows_1"):
        plan = layout.compile_house(house)
    type_name = obj["id"].split("|")[0]
    np.testing.assert_allclose(2 * plan.half[plan.index_of(obj["id"])], catalogue.TYPES[type_name].size_m, atol=1e-6)
