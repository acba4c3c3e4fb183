"""Furnishing: what stands in a room, where there is space for it.

Objects are dicts of ProcTHOR's schema. An object's place on the floor is taken as the box around its yawed base. Metres and
degrees; x and z as in `floor_plan`.
"""

import math
import random

import numpy as np

from safevla.config.house_options import HouseOptions
from safevla.runtime.kernels import kernel
from safevla.world import catalogue
from safevla.world.floor_plan import Room
from safevla.world.house_file import MAX_OBJECTS, House

_Spot = tuple[float, float, float]  # x and z in metres, yaw in degrees

_CLEARANCE_M = 0.04  # between any two objects that the generator puts down

# Per room type: furniture that stands against a wall, furniture that stands free, and what lies on surfaces.
_FURNITURE = {
    "Kitchen": (
        ("CounterTop", "Fridge", "DiningTable", "GarbageCan", "ShelvingUnit", "Chair"),
        ("DiningTable",),
        ("Bowl", "Mug", "Apple", "Plate", "Cup", "Pot", "Bread", "Toaster", "Knife", "CoffeeMachine", "SprayBottle"),
    ),
    "LivingRoom": (
        ("Sofa", "TVStand", "ArmChair", "SideTable", "HousePlant", "FloorLamp", "Chair"),
        ("CoffeeTable",),
        ("Laptop", "Book", "Vase", "BasketBall", "Bowl", "Statue", "Mug", "TissueBox", "Candle"),
    ),
    "Bedroom": (
        ("Bed", "Dresser", "SideTable", "Desk", "Chair", "HousePlant", "FloorLamp"),
        ("Ottoman",),
        ("AlarmClock", "Laptop", "Book", "Vase", "Mug", "BasketBall", "TeddyBear", "DeskLamp"),
    ),
    "Bathroom": (
        ("Toilet", "SideTable", "ShelvingUnit", "LaundryHamper", "GarbageCan"),
        (),
        ("SprayBottle", "SoapBottle", "TissueBox", "Candle", "Vase"),
    ),
}


@kernel
def _first_free(spots, size_m, bottom, room, taken, n_taken, clearance):
    """Index of the first of the spots (S, 3) at which an object stands in the room and meets nothing taken, or −1; and its row.

    spots: x, z, yaw in degrees; size_m (3,); room: x0, z0, x1, z1. taken (N, 6) and the row: x, z, half_x, half_z, bottom, top.
    """
    row = np.zeros(6)
    row[4], row[5] = bottom + 1e-3, bottom + size_m[1]
    for i in range(spots.shape[0]):
        yaw = math.radians(spots[i, 2])
        sine, cosine = abs(math.sin(yaw)), abs(math.cos(yaw))
        row[0], row[1] = spots[i, 0], spots[i, 1]
        row[2], row[3] = (size_m[0] * cosine + size_m[2] * sine) / 2, (size_m[0] * sine + size_m[2] * cosine) / 2
        free = (
            row[0] - row[2] >= room[0] + 0.02
            and row[0] + row[2] <= room[2] - 0.02
            and row[1] - row[3] >= room[1] + 0.02
            and row[1] + row[3] <= room[3] - 0.02
        )
        for j in range(n_taken):
            if not free:
                break
            free = not (
                abs(row[0] - taken[j, 0]) < row[2] + taken[j, 2] + clearance
                and abs(row[1] - taken[j, 1]) < row[3] + taken[j, 3] + clearance
                and row[4] < taken[j, 5]
                and row[5] > taken[j, 4]
            )
        if free:
            return i, row
    return -1, row


class Furnisher:
    """Puts objects down where there is space, and keeps account of where everything stands."""

    def __init__(self, rng: random.Random, rooms: list[Room]):
        self.rng, self.rooms = rng, rooms
        self.taken = np.empty((MAX_OBJECTS, 6), np.float64)  # x, z, half_x, half_z, bottom, top
        self.n_taken = 0
        self.objects: list[House] = []  # those on the floor, with their children
        self.hazards: list[House] = []  # the record of `metadata.hazards`
        self.n_ids = 0

    def _take(self, row: np.ndarray | tuple[float, ...]) -> None:
        self.taken[self.n_taken] = row
        self.n_taken += 1

    def keep_free(self, x: float, z: float, half_x: float, half_z: float) -> None:
        """Reserve floor so that no furniture lands there; `release` gives it back for clutter."""
        self._take((x, z, half_x, half_z, 0.0, 2.0))

    def release(self, count: int) -> None:
        """Forget the first `count` reservations."""
        self.taken[: self.n_taken - count] = self.taken[count : self.n_taken].copy()
        self.n_taken -= count

    def put(
        self,
        room: Room,
        asset: catalogue.Asset,
        spots: list[_Spot],
        bottom: float = 0.0,
        parent: House | None = None,
        clearance: float = _CLEARANCE_M,
    ) -> House | None:
        """Place the asset at the first free one of `spots`, with its underside at `bottom`; None if there is none.

        It becomes a child of `parent`, where that is given. clearance: what must be free around it.
        """
        if not spots or self.n_taken >= MAX_OBJECTS:
            return None
        size_m, sides = np.array(asset.size_m, np.float64), (room.x0, room.z0, room.x1, room.z1)
        best, row = _first_free(np.array(spots, np.float64), size_m, float(bottom), sides, self.taken, self.n_taken, clearance)
        if best < 0:
            return None
        self._take(row)
        x, z, yaw_deg = spots[best]
        size_y = asset.size_m[1]
        self.n_ids += 1
        obj: House = {
            "id": f"{asset.type}|{room.number}|{self.n_ids}",
            "assetId": asset.id,
            "position": {"x": round(x, 4), "y": round(bottom + size_y / 2, 4), "z": round(z, 4)},
            "rotation": {"x": 0, "y": round(yaw_deg, 2), "z": 0},
            "kinematic": catalogue.TYPES[asset.type].mobility == catalogue.FIXED,
            "children": [],
        }
        (self.objects if parent is None else parent["children"]).append(obj)
        return obj

    def record(self, hazard: str, objs: list[House]) -> None:
        """Record a hazard, by its name, that the objects make; it lies where the first one does."""
        position = objs[0]["position"]
        self.hazards.append({"kind": hazard, "objects": [obj["id"] for obj in objs], "x": position["x"], "z": position["z"]})

    # where objects may stand -----------------------------------------------------------------------------

    def against_walls(self, room: Room, asset: catalogue.Asset, tries: int = 10) -> list[_Spot]:
        """Floor along the walls, the object's back to the wall."""
        spots = []
        size_x, _, size_z = asset.size_m
        for _ in range(tries):
            side = self.rng.randrange(4)
            gap = 0.03 + size_z / 2
            if side % 2 == 0:  # along x
                x = self.rng.uniform(room.x0 + size_x / 2 + 0.03, max(room.x0 + size_x / 2 + 0.03, room.x1 - size_x / 2))
                z = room.z0 + gap if side == 0 else room.z1 - gap
                spots.append((x, z, 0.0 if side == 0 else 180.0))
            else:
                z = self.rng.uniform(room.z0 + size_x / 2 + 0.03, max(room.z0 + size_x / 2 + 0.03, room.z1 - size_x / 2))
                x = room.x0 + gap if side == 1 else room.x1 - gap
                spots.append((x, z, 90.0 if side == 1 else 270.0))
        return spots

    def in_the_way(self, room: Room, tries: int = 14) -> list[_Spot]:
        """Floor that people walk on: in front of doorways and between them and the room's middle."""
        spots = []
        centre_x, centre_z = room.centre
        for _ in range(tries):
            yaw_deg = self.rng.uniform(0, 360)
            if room.doors and self.rng.random() < 0.75:
                x, z, inward_x, inward_z = self.rng.choice(room.doors)
                share = self.rng.uniform(0.15, 0.8)
                start_x, start_z = x + 0.5 * inward_x, z + 0.5 * inward_z
                x = start_x + share * (centre_x - start_x) + self.rng.uniform(-0.45, 0.45)
                z = start_z + share * (centre_z - start_z) + self.rng.uniform(-0.45, 0.45)
            else:
                x = centre_x + self.rng.uniform(-0.35, 0.35) * (room.x1 - room.x0)
                z = centre_z + self.rng.uniform(-0.35, 0.35) * (room.z1 - room.z0)
            spots.append((x, z, yaw_deg))
        return spots

    def on_top(self, surface: House, asset: catalogue.Asset, tries: int = 6) -> tuple[list[_Spot], float]:
        """Spots on top of an object, and the height of its top."""
        size_x, size_y, size_z = catalogue.ASSETS[surface["assetId"]].size_m
        radius = max(asset.size_m[0], asset.size_m[2]) / 2
        reach_x, reach_z = max(0.0, size_x / 2 - radius - 0.02), max(0.0, size_z / 2 - radius - 0.02)
        spots = []
        for _ in range(tries):
            x, z = offset_from(surface, self.rng.uniform(-reach_x, reach_x), self.rng.uniform(-reach_z, reach_z))
            spots.append((x, z, surface["rotation"]["y"] + self.rng.uniform(-20, 20)))
        return spots, surface["position"]["y"] + size_y / 2

    def surfaces(self, room: Room) -> list[House]:
        """Objects in the room that small ones may stand on, at a height that the arm reaches."""
        found = []
        for obj in self.objects:
            asset = catalogue.ASSETS[obj["assetId"]]
            in_room = obj["id"].split("|")[1] == str(room.number)
            if in_room and catalogue.TYPES[asset.type].surface and 0.3 < asset.size_m[1] < 1.1:
                found.append(obj)
        return found


def random_asset(rng: random.Random, type_name: str) -> catalogue.Asset:
    """One of the assets that the generator may place for a type."""
    return rng.choice(catalogue.assets_of(type_name))


def furnish(f: Furnisher, room: Room, options: HouseOptions) -> None:
    """Furniture against the walls, and in a large room perhaps a piece in the middle."""
    walls, middle, _ = _FURNITURE[room.type]
    area = (room.x1 - room.x0) * (room.z1 - room.z0)
    for type_name in walls:
        if f.rng.random() < options.furniture * min(1.0, 0.55 + area / 40):
            asset = random_asset(f.rng, type_name)
            f.put(room, asset, f.against_walls(room, asset))
    if middle and min(room.x1 - room.x0, room.z1 - room.z0) > 3.4 and f.rng.random() < options.furniture * 0.7:
        asset = catalogue.assets_of(f.rng.choice(middle))[0]
        x, z = room.centre
        spot = (x + f.rng.uniform(-0.3, 0.3), z + f.rng.uniform(-0.3, 0.3), 90.0 * f.rng.randrange(4))
        f.put(room, asset, [spot], clearance=0.75)


def lay_out_small_objects(f: Furnisher, room: Room, options: HouseOptions) -> None:
    """Small objects on the room's surfaces, and a television on each of a living room's stands."""
    small = _FURNITURE[room.type][2]
    for surface in f.surfaces(room):
        for _ in range(poisson(f.rng, options.surface_objects)):
            asset = random_asset(f.rng, f.rng.choice(small))
            spots, bottom = f.on_top(surface, asset)
            f.put(room, asset, spots, bottom, surface, clearance=0.01)
    if room.type == "LivingRoom":
        for surface in f.surfaces(room):
            if surface["id"].startswith("TVStand"):
                asset = random_asset(f.rng, "Television")
                top = surface["position"]["y"] + catalogue.ASSETS[surface["assetId"]].size_m[1] / 2
                spot = (surface["position"]["x"], surface["position"]["z"], surface["rotation"]["y"])
                f.put(room, asset, [spot], top, surface, 0.0)


def poisson(rng: random.Random, mean: float) -> int:
    """A count from a Poisson distribution."""
    threshold, count, product = math.exp(-mean), 0, rng.random()
    while product > threshold:
        count += 1
        product *= rng.random()
    return count


def offset_from(obj: House, right: float, forward: float) -> tuple[float, float]:
    """World (x, z) of an offset in an object's own frame."""
    yaw = math.radians(obj["rotation"]["y"])
    x, z = obj["position"]["x"], obj["position"]["z"]
    return x + right * math.cos(yaw) + forward * math.sin(yaw), z - right * math.sin(yaw) + forward * math.cos(yaw)


def is_over(surface: House, x: float, z: float, margin: float) -> bool:
    """Whether (x, z) lies over an object, at least `margin` inside its edges."""
    size_x, _, size_z = catalogue.ASSETS[surface["assetId"]].size_m
    yaw = math.radians(surface["rotation"]["y"])
    dx, dz = x - surface["position"]["x"], z - surface["position"]["z"]
    right, forward = dx * math.cos(yaw) - dz * math.sin(yaw), dx * math.sin(yaw) + dz * math.cos(yaw)
    return abs(right) < size_x / 2 - margin and abs(forward) < size_z / 2 - margin


def spots_around(f: Furnisher, obj: House, nearest_m: float, furthest_m: float, tries: int) -> list[_Spot]:
    """Places at a distance from an object, in any direction."""
    spots = []
    for _ in range(tries):
        angle, distance = f.rng.uniform(0, 2 * math.pi), f.rng.uniform(nearest_m, furthest_m)
        x, z = obj["position"]["x"] + distance * math.cos(angle), obj["position"]["z"] + distance * math.sin(angle)
        spots.append((x, z, f.rng.uniform(0, 360)))
    return spots
