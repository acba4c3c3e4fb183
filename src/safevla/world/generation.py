"""Generation: a seed becomes a furnished, hazardous house.

A house is a plain dict in ProcTHOR's JSON schema 1.0.0, the one that AI2-THOR's `CreateHouse` loads, so one house serves
the embedded simulator and THOR alike. A house follows from its seed and options alone: the floor plan first, then walls
and doors, then furniture, then small objects, then hazards where tasks lead, and paintings on the walls.
"""

import random
from typing import Any

from safevla.config.house_options import HouseOptions
from safevla.world.floor_plan import Opening, Room, floor_plan
from safevla.world.furnishing import Furnisher, furnish, lay_out_small_objects
from safevla.world.hazards import place_hazards
from safevla.world.house_file import SCHEMA, House, point
from safevla.world.paintings import hang_paintings
from safevla.world.walls import walls_and_doors

_CEILING_M = (2.6, 3.2)
_DOOR_KEEPOUT_M = 0.75  # no furniture this close in front of a doorway
_FLOOR_MATERIALS = ("LightWoodCabinetsDUll", "DarkWoodFloors", "WoodFloorsCross", "BedroomCarpet", "CeramicTiles1")
_SKYBOXES = ("SkySFGarden", "Sky1", "SkyNeighborhood")
_SHADOW = {"type": "Soft", "strength": 1, "normalBias": 0, "bias": 0.05, "nearPlane": 0.2, "resolution": "FromQualitySettings"}


def generate(seed: int, **options: Any) -> House:
    """A furnished house; `options` are the fields of `HouseOptions`. Raises ValueError where one is unknown or out of range."""
    return generate_with(seed, HouseOptions(**options))


def generate_with(seed: int, options: HouseOptions) -> House:
    """`generate` for options that are already checked."""
    rng = random.Random(seed)
    rooms, openings = floor_plan(rng, options)
    ceiling_m = round(rng.uniform(*_CEILING_M), 2)
    walls, doors, windows = walls_and_doors(rng, rooms, openings, ceiling_m)
    furnisher = _furnished(rng, rooms, openings, options)
    hang_paintings(furnisher, openings, walls, windows, ceiling_m)
    return {
        "rooms": [_room(room, rng) for room in rooms],
        "walls": walls,
        "doors": doors,
        "windows": windows,
        "objects": furnisher.objects,
        "proceduralParameters": {
            "ceilingMaterial": {"name": "SmallTiles"},
            "floorColliderThickness": 1.0,
            "receptacleHeight": 0.7,
            "reflections": [],
            "skyboxId": rng.choice(_SKYBOXES),
            "lights": [_sun(), *(_lamp(room, ceiling_m, rng) for room in rooms)],
        },
        "metadata": {
            "schema": SCHEMA,
            "agent": _agent(rooms[0]),
            "roomSpecId": "generated",
            "warnings": {},
            "hazards": furnisher.hazards,
            "looks": {"seed": rng.getrandbits(30), "colors": "seen", "materials": "seen", "variants": "seen"},
        },
    }


def _furnished(rng: random.Random, rooms: list[Room], openings: list[Opening], options: HouseOptions) -> Furnisher:
    """Furniture, away from the doorways, then small objects, then hazards on the ways between them."""
    furnisher = Furnisher(rng, rooms)
    for opening in openings:
        across, along = _DOOR_KEEPOUT_M, min(opening.width_m, 1.4) / 2 + 0.1
        half_x, half_z = (along, across) if opening.is_along_x else (across, along)
        furnisher.keep_free(opening.x, opening.z, half_x, half_z)
    reserved = furnisher.n_taken
    for room in rooms:
        furnish(furnisher, room, options)
    furnisher.release(reserved)
    for room in rooms:
        lay_out_small_objects(furnisher, room, options)
    place_hazards(furnisher, openings, options.hazards)
    return furnisher


def _room(room: Room, rng: random.Random) -> House:
    return {
        "id": room.id,
        "roomType": room.type,
        "floorPolygon": [point(x, 0, z) for x, z in room.corners()],
        "floorMaterial": {"name": rng.choice(_FLOOR_MATERIALS)},
        "ceilings": [],
        "children": [],
        "layer": f"Procedural{room.number % 4}",
    }


def _agent(room: Room) -> House:
    """Where AI2-THOR puts its agent first: in the middle of a room."""
    return {
        "position": point(room.centre[0], 0.95, room.centre[1]),
        "rotation": {"x": 0, "y": 0, "z": 0},
        "horizon": 30,
        "standing": True,
    }


def _sun() -> House:
    return {
        "id": "DirectionalLight",
        "type": "directional",
        "position": point(0.84, 0.1855, -1.09),
        "rotation": {"x": 66, "y": 75, "z": 0},
        "intensity": 0.6,
        "indirectMultiplier": 1.0,
        "rgb": {"r": 1.0, "g": 1.0, "b": 1.0},
        "shadow": _SHADOW,
    }


def _lamp(room: Room, ceiling_m: float, rng: random.Random) -> House:
    """A lamp in the middle of a room, 20 cm below the ceiling."""
    return {
        "id": f"light|{room.number}",
        "type": "point",
        "position": point(room.centre[0], ceiling_m - 0.2, room.centre[1]),
        "intensity": round(rng.uniform(0.45, 0.65), 3),
        "range": 15,
        "rgb": {"r": 1.0, "g": 0.855, "b": 0.722},
        "shadow": _SHADOW,
    }
