"""Vision figures: a class is named where it is likeliest, and cells of no likely class stay bare."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from safevla.report import vision_figures


def test_a_class_is_named_once_where_it_is_likeliest():
    pictures = np.zeros((2, 24, 42, 3), np.uint8)
    chances = np.full((2, 3, 3, 6), 0.1)
    chances[0, 1, 2, 4], chances[0, 1, 2, 5], chances[0, 2, 0, 0] = 0.9, 0.8, 0.6
    figure = vision_figures.class_maps(pictures, chances, ["Apple", "Bed", "Chair"])
    (bed, chair), nothing = (column.texts for column in figure.axes[2:])
    assert (bed.get_text(), bed.get_position()) == ("Bed", (4.5 * 7, 2.5 * 8))
    assert (chair.get_text(), chair.get_position()) == ("Chair", (0.5 * 7, 0.5 * 8)) and not list(nothing)
    cells = figure.axes[2].images[-1].get_array()
    assert (cells[..., 3] > 0).tolist() == [[True] + [False] * 5, [False] * 6, [False] * 4 + [True] * 2]
    assert (cells[2, 4] == cells[2, 5]).all() and (cells[2, 4] != cells[0, 0]).any()
