"""Vision figures: pictures, and beneath each what a vision encoder says that its cells show."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib import pyplot as plt

from safevla.report import style

_PALE = 0.55  # of white, over a picture beneath its class map
_LIKELY = 0.5


@style.defaults()
def class_maps(pictures: np.ndarray, chances: np.ndarray, names: Sequence[str]) -> plt.Figure:
    """Pictures (N, H, W, 3) uint8 above their class maps, chances (N, K, gh, gw) of the K classes that are named.

    A cell has the colour of the likeliest class if that is likelier than not; a class's name stands where it is likeliest.
    """
    n, height, width, _ = pictures.shape
    figure, axes = plt.subplots(2, n, figsize=(2.6 * n, 5.2 * height / width + 0.2), squeeze=False, layout="constrained")
    colours = colormaps["tab20"](np.linspace(0.0, 1.0, len(names)))
    outline = [patheffects.withStroke(linewidth=2.0, foreground="white")]
    whole = (-0.5, width - 0.5, height - 0.5, -0.5)
    for (above, below), picture, chance in zip(axes.T, pictures, chances, strict=True):
        above.imshow(picture)
        below.imshow(picture)
        likeliest = chance.argmax(0)  # (gh, gw)
        cells = colours[likeliest]
        cells[..., 3] = np.where(chance.max(0) > _LIKELY, 0.7, 0.0)
        below.imshow(np.ones((1, 1, 4)) * (1, 1, 1, _PALE), extent=whole)
        below.imshow(cells, extent=whole, interpolation="nearest")
        for k in np.unique(likeliest[chance.max(0) > _LIKELY]):
            where = np.where(likeliest == k, chance[k], 0.0)
            row, column = np.unravel_index(where.argmax(), where.shape)
            x, y = (column + 0.5) * width / where.shape[1], (row + 0.5) * height / where.shape[0]
            below.text(x, y, names[k], ha="center", va="center", fontsize=7, path_effects=outline)
        for ax in (above, below):
            ax.set_axis_off()
    return figure
