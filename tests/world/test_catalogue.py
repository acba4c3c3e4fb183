"""Catalogue: types agree with the asset database, and dangerous ones are exact."""

import gzip
import json

import numpy as np

from safevla.world import catalogue


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
