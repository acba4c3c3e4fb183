"""Contact sheet: every type of object as the cameras see it, two instances side by side, with its name below.

    python -c "from safevla.report import contact_sheet; contact_sheet.save_all()"

writes the pictures that the documentation shows. An instance stands on the floor, or hangs on the wall, a few metres before the
robot's camera, which turns and zooms until both fill the picture.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from safevla.config import profiles
from safevla.report import style
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import CAMERAS, SceneStart
from safevla.sim.robot import NAVIGATION
from safevla.world import catalogue
from safevla.world.asset_database import AssetSizes
from safevla.world.house_file import SCHEMA, House, point
from safevla.world.layout import compile_house

IMAGE_SIZE = (224, 384)  # (height, width) in pixels
_TARGETS = {"types": tuple(catalogue.TARGET_NOUNS), "columns": 5, "tile": (168, 288), "seed": 1}
PICTURES = {"types": {"tile": (112, 192)}, "targets": _TARGETS, "targets_unseen": {**_TARGETS, "looks": "unseen"}}
_CEILING_M = 3.0
_MARGIN = 1.12  # how much wider and higher a picture is than what it shows
_BEHIND_M = 1.2  # from the middle of what stands on the floor to the wall behind it
_TURN_DEG = (28.0, -32.0)  # of the instances on the left and on the right, away from the camera
_HANGS_M = 1.5  # the middle of what hangs on a wall
_PLASTER_M = 0.021  # the thickness of walls, which house files do not know
_WALL, _FLOOR = {"r": 0.93, "g": 0.91, "b": 0.87}, {"r": 0.80, "g": 0.70, "b": 0.57}


def posed(type_name: str, seed: int = 0, image_size: tuple[int, int] = IMAGE_SIZE, looks: str = "seen") -> EmbeddedSimulator:
    """A simulator whose first camera looks at two instances of a type. looks: "seen" in training, or "unseen"."""
    house, sizes, boxes = _house(type_name, seed, looks)
    start = SceneStart(id=type_name, house=house, start=(0.0, 0.0, 0.0), seed=seed)
    object.__setattr__(start, "layout", compile_house(house, sizes))  # fills the cached property
    simulator = EmbeddedSimulator(1, image_size, camera_jitter_deg=(0.0, 0.0, 0.0))
    simulator.reset([start])
    simulator.state.camera[0, 0] = _aimed(boxes, image_size)
    simulator.observe(np.zeros(1, np.int64))
    return simulator


def picture(type_name: str, seed: int = 0, image_size: tuple[int, int] = IMAGE_SIZE, looks: str = "seen") -> np.ndarray:
    """Two instances of a type beside each other, (H, W, 3) uint8."""
    return posed(type_name, seed, image_size, looks).render()[CAMERAS[0]][0].numpy()


@style.defaults()
def sheet(
    types: Sequence[str] = catalogue.TYPE_NAMES, columns: int = 10, tile: tuple[int, int] = IMAGE_SIZE, seed: int = 0,
    looks: str = "seen",
) -> np.ndarray:  # fmt: skip
    """Types in rows, each drawn at 224x384, shown `tile` (height, width) pixels large with its name: (H, W, 3) uint8."""
    rows = -(-len(types) // columns)
    height, width = tile
    dpi = 100
    figure = Figure(figsize=(columns * width / dpi, rows * height / dpi), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    for number, name in enumerate(types):
        row, column = divmod(number, columns)
        ax = figure.add_axes((column / columns, 1 - (row + 1) / rows, 1 / columns, 1 / rows))
        ax.imshow(picture(name, seed, looks=looks), aspect="auto", interpolation="antialiased")
        ax.set_axis_off()
        outline = [patheffects.withStroke(linewidth=2.5, foreground="black", alpha=0.6)]
        words = {"color": "white", "fontsize": 5 + height / 40, "path_effects": outline, "clip_on": True}
        ax.text(0.03, 0.04, name, transform=ax.transAxes, **words)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_all(folder: Path | None = None) -> list[Path]:
    """Write the documentation's PICTURES, the last of them in looks that training never draws."""
    folder = folder or profiles.root() / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in PICTURES.items():
        Image.fromarray(sheet(**settings)).save(folder / f"{name}.jpg", quality=80, optimize=True)
    return [folder / f"{name}.jpg" for name in PICTURES]


def _house(type_name: str, seed: int, looks: str) -> tuple[House, AssetSizes, list[tuple[np.ndarray, np.ndarray]]]:
    """A room with two instances of a type → (the house, its assets' sizes, each instance's middle and half extents)."""
    row, rng = catalogue.TYPES[type_name], random.Random(f"{seed}|{type_name}")
    assets = [(asset.id, asset.size_m) for asset in catalogue.assets_of(type_name)]
    assets = rng.sample(assets, 2) if len(assets) > 1 else (assets or [(f"{type_name}_1", row.size_m)]) * 2
    turns = (0.0, 0.0) if row.on_wall else _TURN_DEG
    reach = [_reach(size, turn) for (_, size), turn in zip(assets, turns, strict=True)]
    gap = 0.12 * sum(half[0] for half in reach)
    away = max(2.4, 2.2 * sum(half[0] for half in reach), 1.8 * max(half[1] for half in reach))
    wall = away + max(_BEHIND_M, reach[0][2] + 0.1, reach[1][2] + 0.1)
    objects, boxes = [], []
    for number, ((asset, size), turn, half) in enumerate(zip(assets, turns, reach, strict=True)):
        x = (half[0] + gap / 2) * (1 if number else -1)
        y, z = size[1] / 2, away
        if row.on_wall:
            y, z = max(_HANGS_M, size[1] / 2), wall - _PLASTER_M - size[2] / 2
        position, rotation = point(x, y, z), {"x": 0, "y": (180.0 + turn) % 360.0, "z": 0}
        objects.append({
            "id": f"{type_name}|{seed}|{number}", "assetId": asset, "position": position, "rotation": rotation, "children": [],
        })  # fmt: skip
        boxes.append((np.array([x, y, z]), half))
    sizes = {asset: (type_name, size) for asset, size in assets}
    return _room(4.0 + sum(half[0] for half in reach), wall, objects, seed, looks), sizes, boxes


def _reach(size_m: tuple[float, float, float], turn_deg: float) -> np.ndarray:
    """Half extents along the axes of a box that is turned about its upright axis."""
    sine, cosine = abs(math.sin(math.radians(turn_deg))), math.cos(math.radians(turn_deg))
    return np.array([size_m[0] * cosine + size_m[2] * sine, size_m[1], size_m[0] * sine + size_m[2] * cosine]) / 2


def _room(half_width: float, wall: float, objects: list[House], seed: int, looks: str) -> House:
    """A house of one room, from 2 m behind the robot to the wall before it."""
    corners = [(-half_width, -2.0), (-half_width, wall), (half_width, wall), (half_width, -2.0)]
    walls = []
    for (x0, z0), (x1, z1) in zip(corners, corners[1:] + corners[:1], strict=True):
        polygon = [point(x0, 0, z0), point(x1, 0, z1), point(x0, _CEILING_M, z0), point(x1, _CEILING_M, z1)]
        material = {"name": "PureWhite", "color": _WALL}
        walls.append({"id": f"wall|{x0}|{z0}", "roomId": "room|0", "polygon": polygon, "material": material})
    floor = [point(x, 0, z) for x, z in corners]
    lights = [
        {"id": "sun", "type": "directional", "position": point(0, 3, 0), "intensity": 0.6, "rgb": {"r": 1.0, "g": 1.0, "b": 1.0}},
        {"id": "lamp", "type": "point", "position": point(0.4, _CEILING_M - 0.2, max(wall - 2.6, 1.0)), "intensity": 1.1,
         "rgb": {"r": 1.0, "g": 0.93, "b": 0.85}},
    ]  # fmt: skip
    boards = {"name": "LightWood", "color": _FLOOR}
    return {
        "rooms": [{"id": "room|0", "roomType": "LivingRoom", "floorPolygon": floor, "floorMaterial": boards}],
        "walls": walls, "doors": [], "windows": [], "objects": objects,
        "proceduralParameters": {"ceilingMaterial": {"name": "White"}, "lights": lights},
        "metadata": {
            "schema": SCHEMA, "looks": {"seed": seed, "colors": looks, "materials": looks, "variants": looks},
        },
    }  # fmt: skip


def _aimed(boxes: list[tuple[np.ndarray, np.ndarray]], image_size: tuple[int, int]) -> tuple[float, float, float]:
    """(pitch, vertical field of view, yaw) in degrees, as `SimState.camera` holds them, so that all boxes fill the picture."""
    signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
    corners = np.concatenate([middle + signs * half for middle, half in boxes])
    corners = corners - (NAVIGATION.right_m, NAVIGATION.up_m, NAVIGATION.forward_m)
    right = np.arctan2(corners[:, 0], corners[:, 2])
    yaw = (right.min() + right.max()) / 2
    x = corners[:, 0] * math.cos(yaw) - corners[:, 2] * math.sin(yaw)
    ahead = corners[:, 0] * math.sin(yaw) + corners[:, 2] * math.cos(yaw)
    down = np.arctan2(-corners[:, 1], ahead)
    pitch = (down.min() + down.max()) / 2
    depth = ahead * math.cos(pitch) - corners[:, 1] * math.sin(pitch)
    up = corners[:, 1] * math.cos(pitch) + ahead * math.sin(pitch)
    aspect = image_size[1] / image_size[0]
    tangent = max(np.abs(up / depth).max(), np.abs(x / depth).max() / aspect) * _MARGIN
    return math.degrees(pitch), 2 * math.degrees(math.atan(tangent)), math.degrees(yaw)
