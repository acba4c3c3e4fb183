"""Lights: a house file's lamps and sun as an array, and the sky."""

import numpy as np

from safevla.world.palettes import Rgb, rgb


def lights(given: list[dict]) -> np.ndarray:
    """A house file's lights as (L, 7) float32: x, y, z, intensity, red, green, blue; y < 0 marks the directional light."""
    rows = []
    for light in given:
        colour = light.get("rgb") or {"r": 1, "g": 1, "b": 1}
        p = light["position"]
        y = -1.0 if light["type"] == "directional" else max(0.0, p["y"])
        rows.append((p["x"], y, p["z"], light["intensity"], colour["r"], colour["g"], colour["b"]))
    return np.asarray(rows, np.float32).reshape(-1, 7)


def sky(parameters: dict) -> Rgb:
    """The sky's colour: the one that the procedural parameters give, or a pale blue."""
    given = parameters.get("skyboxColor")
    return rgb(given) if isinstance(given, dict) else (150, 190, 235)
