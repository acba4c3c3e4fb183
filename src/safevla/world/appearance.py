"""Appearance: colours and patterns of surfaces and objects, lights and sky."""

import colorsys
import zlib

import numpy as np

from safevla.world import catalogue, house_file

_Colour = tuple[int, int, int]  # red, green, blue, 0 to 255
_Look = tuple[_Colour, int]  # colour, and pattern as below
PLAIN, STRIPE, CHECKER, BOARDS, TILES = range(5)  # `Layout.pattern`; the last two are the wider textures of floors


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def _json_colour(colour: dict | None) -> _Colour | None:
    if not colour:
        return None
    return tuple(int(round(255 * min(1.0, max(0.0, colour[c])))) for c in "rgb")


def tint(material: dict, base: int) -> _Colour:
    """The material's own colour, or a pale one of brightness about `base` that follows from its name."""
    given = _json_colour(material.get("color"))
    if given:
        return given
    name = material["name"]
    hue = (_hash(name) % 360) / 360
    saturation = 0.06 + 0.18 * (_hash(name + "s") % 100) / 100
    value = base / 255 * (0.8 + 0.2 * (_hash(name + "v") % 100) / 100)
    return tuple(int(255 * c) for c in colorsys.hsv_to_rgb(hue, saturation, value))


def _is_tiled(material: dict) -> bool:
    return any(word in material["name"].lower() for word in ("tile", "checker", "brick"))


def wall_look(material: dict) -> _Look:
    """A wall's colour and pattern."""
    return tint(material, base=215), CHECKER if _is_tiled(material) else PLAIN


def floor_look(material: dict) -> _Look:
    """A floor's colour, a little browner than its material's, and pattern."""
    red, green, blue = tint(material, base=165)
    return (red, int(green * 0.93), int(blue * 0.82)), TILES if _is_tiled(material) else BOARDS


def object_look(obj: house_file.House, row: catalogue.ObjectType | None) -> _Look:
    """An object's colour and pattern: its own, or its type's, of which assets differ a little."""
    colour = _json_colour(obj.get("color"))
    pattern = catalogue.PATTERNS.index(obj.get("pattern") or (row.pattern if row else "plain"))
    if colour is None:
        base = row.colour if row else (128, 128, 128)
        shade = 0.85 + 0.3 * (_hash(obj["assetId"]) % 100) / 100
        colour = tuple(min(255, int(c * shade)) for c in base)
    return colour, pattern


def lights(given: list[dict]) -> np.ndarray:
    """A house file's lights as (L, 7) float32: x, y, z, intensity, red, green, blue; y < 0 marks the directional light."""
    rows = []
    for light in given:
        rgb = light.get("rgb") or {"r": 1, "g": 1, "b": 1}
        p = light["position"]
        y = -1.0 if light["type"] == "directional" else max(0.0, p["y"])
        rows.append((p["x"], y, p["z"], light["intensity"], rgb["r"], rgb["g"], rgb["b"]))
    return np.asarray(rows, np.float32).reshape(-1, 7)


def sky(parameters: dict) -> _Colour:
    """The sky's colour: the one that the procedural parameters give, or a pale blue."""
    given = _json_colour(parameters.get("skyboxColor")) if isinstance(parameters.get("skyboxColor"), dict) else None
    return given or (150, 190, 235)
