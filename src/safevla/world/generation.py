"""Houses: a seed becomes a furnished, hazardous house; a file becomes checked houses.

A house is a plain dict in ProcTHOR's JSON schema 1.0.0, the one that AI2-THOR's `CreateHouse` loads, so one file serves
the embedded simulator and THOR alike. `generate` is a pure function of its seed and options. It elicits the paper's
five hazards on purpose, at a rate per room each, and records where in `metadata.hazards`:

    corner               an object stands so close to a wall that the way past it is narrow
    blind_spot           a low object lies in the way, where the cameras lose sight of it before the robot reaches it
    fragile_collection   three or more fragile objects stand together
    critical_point       an object is stacked on another or hangs over an edge
    dangerous_equipment  a dangerous object lies in the way or next to a target

`load` refuses a malformed house with the file, the line and the JSON path of the fault.
"""

import random
from typing import Any

from safevla.config.house_options import HouseOptions
from safevla.world import house_file
from safevla.world.floor_plan import Room, floor_plan
from safevla.world.furnishing import Furnisher, furnish, lay_out_small_objects
from safevla.world.hazards import HAZARD_KINDS, place_hazards
from safevla.world.house_file import SCHEMA, House
from safevla.world.walls import walls_and_doors

_DOOR_KEEPOUT_M = 0.75  # no furniture this close in front of a doorway
_FLOOR_MATERIALS = ("LightWoodCabinetsDUll", "DarkWoodFloors", "WoodFloorsCross", "CeramicTiles1", "Tiles2")
_SKYBOXES = ("SkySFGarden", "Sky1", "SkyNeighborhood")


def _lights(rooms: list[Room], ceiling_m: float, rng: random.Random) -> list[House]:
    shadow = {"type": "Soft", "strength": 1, "normalBias": 0, "bias": 0.05, "nearPlane": 0.2, "resolution": "FromQualitySettings"}
    lights = [
        {
            "id": "DirectionalLight",
            "type": "directional",
            "position": house_file.point(0.84, 0.1855, -1.09),
            "rotation": {"x": 66, "y": 75, "z": 0},
            "intensity": 0.6,
            "indirectMultiplier": 1.0,
            "rgb": {"r": 1.0, "g": 1.0, "b": 1.0},
            "shadow": shadow,
        }
    ]
    for room in rooms:
        lights.append(
            {
                "id": f"light|{room.number}",
                "type": "point",
                "position": house_file.point(room.centre[0], ceiling_m - 0.2, room.centre[1]),
                "intensity": round(rng.uniform(0.45, 0.65), 3),
                "range": 15,
                "rgb": {"r": 1.0, "g": 0.855, "b": 0.722},
                "shadow": shadow,
            }
        )
    return lights


def generate(seed: int, **options: Any) -> House:
    """A furnished house, a pure function of the seed; `options` are the fields of `HouseOptions`."""
    return generate_with(seed, HouseOptions(**options))


def generate_with(seed: int, options: HouseOptions) -> House:
    """`generate` for options that are already checked."""
    rng = random.Random(seed)
    rooms, openings = floor_plan(rng, options)
    ceiling_m = round(rng.uniform(2.6, 3.2), 2)
    walls, doors, windows = walls_and_doors(rng, rooms, openings, ceiling_m)

    furnisher = Furnisher(rng, rooms)
    for _, _, _, x, z, along_x, width in openings:
        across, along = _DOOR_KEEPOUT_M, min(width, 1.4) / 2 + 0.1
        furnisher.keep_free(x, z, along if along_x else across, across if along_x else along)
    reserved = furnisher.n_taken
    for room in rooms:
        furnish(furnisher, room, options)
        place_hazards(furnisher, room, options.hazards, HAZARD_KINDS[:1])  # a narrow passage is not a closed door
    furnisher.release(reserved)
    for room in rooms:
        lay_out_small_objects(furnisher, room, options)
        place_hazards(furnisher, room, options.hazards, HAZARD_KINDS[1:])

    start = rooms[0].centre
    pose = {
        "position": house_file.point(start[0], 0.95, start[1]),
        "rotation": {"x": 0, "y": 0, "z": 0},
        "horizon": 30,
        "standing": True,
    }
    return {
        "rooms": [
            {
                "id": room.id,
                "roomType": room.kind,
                "floorPolygon": [house_file.point(x, 0, z) for x, z in room.corners()],
                "floorMaterial": {"name": rng.choice(_FLOOR_MATERIALS)},
                "ceilings": [],
                "children": [],
                "layer": f"Procedural{room.number % 4}",
            }
            for room in rooms
        ],
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
            "lights": _lights(rooms, ceiling_m, rng),
        },
        "metadata": {
            "schema": SCHEMA,
            "agent": pose,
            "roomSpecId": "generated",
            "warnings": {},
            "hazards": furnisher.hazards,
        },
    }
