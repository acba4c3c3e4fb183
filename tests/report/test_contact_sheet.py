"""Contact sheet: both instances of every type fill their picture, and the documentation's pictures are small files."""

import numpy as np
import pytest
from PIL import Image

from safevla.report import contact_sheet
from safevla.sim.interface import CAMERAS
from safevla.world import catalogue
from tests.conftest import ROOT


@pytest.mark.parametrize("type_name", catalogue.TYPE_NAMES)
def test_both_instances_are_seen_whole_and_large(type_name):
    ids = contact_sheet.posed(type_name, image_size=(56, 96)).render_ids()[CAMERAS[0]][0].numpy()
    shown, counts = np.unique(ids, return_counts=True)
    objects = shown[-2:]  # the structure comes first
    assert counts[-2:].min() >= 4
    rows, columns = np.nonzero(np.isin(ids, objects))
    assert rows.min() > 0 and rows.max() < 55 and columns.min() > 0 and columns.max() < 95
    assert np.ptp(rows) > 28 or np.ptp(columns) > 48


def test_a_picture_follows_from_its_arguments():
    first = contact_sheet.picture("Mug", image_size=(56, 96))
    assert first.shape == (56, 96, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(contact_sheet.picture("Mug", image_size=(56, 96)), first)
    for other in ({"seed": 1}, {"looks": "unseen"}):
        assert (contact_sheet.picture("Mug", image_size=(56, 96), **other) != first).any()


def test_a_sheet_has_a_tile_for_each_type():
    drawn = contact_sheet.sheet(("Mug", "Sofa", "Bed"), columns=2, tile=(28, 48))
    assert drawn.shape == (56, 96, 3) and (drawn[28:, 48:] == 255).all()  # the fourth is empty
    assert all(tile.std() > 5 for tile in (drawn[:28, :48], drawn[:28, 48:], drawn[28:, :48]))


def test_the_documentations_pictures_are_there_and_small():
    for name in contact_sheet.PICTURES:
        path = ROOT / "docs" / "pictures" / f"{name}.jpg"
        assert path.stat().st_size < 400_000
        with Image.open(path) as picture:
            assert picture.width > 1000
