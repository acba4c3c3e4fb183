"""Exploring: houses as plain data for the maps and views of the notebooks that people open."""

from safevla.houses import House
from safevla.layout import STRUCTURE, compile_house


def boxes(house: House, target_id: str | None = None) -> list[dict]:
    """A house's boxes as `figures.house_map` draws them: places in metres, colours, what is structure and what is a target."""
    layout = compile_house(house)
    return [
        {
            "x": float(layout.centre[m, 0]),
            "z": float(layout.centre[m, 2]),
            "yaw_deg": float(layout.yaw_deg[m]),
            "half_x": float(layout.half[m, 0]),
            "half_z": float(layout.half[m, 2]),
            "bottom_m": float(layout.centre[m, 1] - layout.half[m, 1]),
            "top_m": float(layout.centre[m, 1] + layout.half[m, 1]),
            "colour": layout.colour[m].tolist(),
            "structure": bool(layout.kind[m] == STRUCTURE),
            "target": layout.names[m] == target_id,
        }
        for m in range(layout.n_boxes)
    ]
