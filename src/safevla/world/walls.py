"""Walls: a floor plan as ProcTHOR's wall polygons, doors and windows."""

import random

from safevla.world import catalogue, house_file
from safevla.world.floor_plan import Room
from safevla.world.house_file import House

_WALL_MATERIALS = ("BrownDrywall", "BrickSmallNew0073_4_S", "BrownMarbleFake", "bathroomTilesTan5", "KitchenTiles4")


def walls_and_doors(
    rng: random.Random, rooms: list[Room], openings: list, ceiling_m: float
) -> tuple[list[House], list[House], list[House]]:
    """Wall polygons in ProcTHOR's convention, doors with their holes, and a window in some outer walls."""
    walls, doors, windows = [], [], []
    materials = {room.number: rng.choice(_WALL_MATERIALS) for room in rooms}
    opening_of = {frozenset((o[0].number, o[1].number)): o for o in openings}

    def wall(room: Room, x0, z0, x1, z1, exterior=False, empty=False) -> House:
        low, high = (min(x0, x1), min(z0, z1)), (max(x0, x1), max(z0, z1))
        name = "exterior" if exterior else str(room.number)
        floor = [house_file.point(x0, 0, z0), house_file.point(x1, 0, z1)]
        top = [house_file.point(x0, ceiling_m, z0), house_file.point(x1, ceiling_m, z1)]
        row = {
            "id": f"wall|{name}|{low[0]:.2f}|{low[1]:.2f}|{high[0]:.2f}|{high[1]:.2f}",
            "roomId": "exterior" if exterior else room.id,
            "polygon": top + floor if exterior else floor + top,
            "material": {"name": materials[room.number]},
        }
        if empty:
            row["empty"] = True
        walls.append(row)
        return row

    for room in rooms:
        corners = room.corners()
        for (ax, az), (bx, bz) in zip(corners, corners[1:] + corners[:1], strict=True):
            length = abs(bx - ax) + abs(bz - az)
            ux, uz = (bx - ax) / length, (bz - az) / length
            spans = []  # (start, end, neighbour) along this side
            for other in rooms:
                line = room.shared_edge(other) if other is not room else None
                if line:
                    s = [(px - ax) * ux + (pz - az) * uz for px, pz in ((line[0], line[1]), (line[2], line[3]))]
                    off = [abs((px - ax) * uz) + abs((pz - az) * ux) for px, pz in ((line[0], line[1]), (line[2], line[3]))]
                    if max(off) < 1e-6:
                        spans.append((min(s), max(s), other))
            spans.sort(key=lambda span: span[0])
            position, pieces = 0.0, []
            for start, end, other in spans:
                if start - position > 1e-6:
                    pieces.append((position, start, None))
                pieces.append((start, end, other))
                position = end
            if length - position > 1e-6:
                pieces.append((position, length, None))
            for start, end, other in pieces:
                ends = (ax + ux * start, az + uz * start, ax + ux * end, az + uz * end)
                opening = opening_of.get(frozenset((room.number, other.number))) if other else None
                inner = wall(room, *ends, empty=bool(opening and opening[2] == "open"))
                if other is None:
                    outer = wall(room, *ends, exterior=True)
                    if end - start > 2.2 and rng.random() < 0.5:
                        middle = (end - start) / 2
                        windows.append(
                            {
                                "id": f"window|{room.number}|{len(windows)}",
                                "assetId": "Window_Hung_48x32",
                                "room0": room.id,
                                "room1": room.id,
                                "wall0": inner["id"],
                                "wall1": outer["id"],
                                "holePolygon": [
                                    house_file.point(middle - 0.61, 1.05, 0),
                                    house_file.point(middle + 0.61, 1.92, 0),
                                ],
                                "assetPosition": house_file.point(middle, 1.485, 0),
                            }
                        )
    by_room_line = {(row["roomId"], row["id"].split("|", 2)[2]): row for row in walls if row["roomId"] != "exterior"}
    for a, b, kind, x, z, _, width in openings:
        if kind == "open":
            continue
        x0, z0, x1, z1 = a.shared_edge(b)
        line = f"{min(x0, x1):.2f}|{min(z0, z1):.2f}|{max(x0, x1):.2f}|{max(z0, z1):.2f}"
        wall_a, wall_b = by_room_line[a.id, line], by_room_line[b.id, line]
        start = wall_a["polygon"][0]
        along = abs(x - start["x"]) + abs(z - start["z"])
        height = catalogue.ASSETS[kind].size_m[1]
        doors.append(
            {
                "id": f"door|{a.number}|{b.number}",
                "assetId": kind,
                "room0": a.id,
                "room1": b.id,
                "wall0": wall_a["id"],
                "wall1": wall_b["id"],
                "holePolygon": [house_file.point(along - width / 2, 0, 0), house_file.point(along + width / 2, height, 0)],
                "assetPosition": house_file.point(along, height / 2, 0),
                "openable": True,
                "openness": 1,
            }
        )
    return walls, doors, windows
