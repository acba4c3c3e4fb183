"""Furnishing: what stands in a room, where there is space for it.

Objects are dicts of ProcTHOR's schema. An object's place on the floor is taken as the box around its yawed base. Metres and
degrees; x and z as in `floor_plan`.
"""

import functools
import math
import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from safevla.config.house_options import HouseOptions
from safevla.runtime.kernels import kernel
from safevla.world import catalogue
from safevla.world.floor_plan import Opening, Room
from safevla.world.house_file import MAX_OBJECTS, House, point
from safevla.world.shape import Stand, stand_of
from safevla.world.support import first_free
from safevla.world.ways import Ways

_T = TypeVar("_T")
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


# What lies on beds, sofas and armchairs instead.
_ON_SEATS = ("Pillow", "Pillow", "Book", "Laptop", "TeddyBear", "BasketBall", "RemoteControl", "CellPhone", "Newspaper")
_SEATS = ("Bed", "Sofa", "ArmChair")


class Furnisher:
    """Puts objects down where there is space, and keeps account of where everything stands."""

    def __init__(self, rng: random.Random, rooms: list[Room]):
        self.rng, self.rooms = rng, rooms
        self.many = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))  # the same, for many numbers at once
        self.taken = np.empty((MAX_OBJECTS, 6), np.float64)  # x, z, half_x, half_z, bottom, top; up to the stand
        self.is_loose = np.zeros(MAX_OBJECTS, np.bool_)  # which of them a hand can pick up
        self.n_taken = 0
        self.objects: list[House] = []  # those on the floor, with their children
        self.in_room: dict[int, list[House]] = {room.number: [] for room in rooms}  # the same, by the room's number
        self.hazards: list[House] = []  # the record of `metadata.hazards`
        self.ways: Ways | None = None  # once the furniture stands
        self.n_ids = self.n_hung = 0  # objects so far, and those on walls
        self._filled: list[tuple[list[House], ...]] = []  # the lists that each object has been put into, in order

    def find_ways(self, openings: Sequence[Opening], targets: Sequence[np.ndarray]) -> Ways:
        """From now on it is known where robots walk, and what is put down leaves them ways: see `world.ways`."""
        self.ways = Ways(self.rooms, openings, self.taken, self.n_taken, self.is_loose, targets, self.many)
        return self.ways

    def keep_free(self, x: float, z: float, half_x: float, half_z: float) -> None:
        """Reserve floor so that no furniture lands there; `release` gives it back for clutter."""
        self.taken[self.n_taken] = (x, z, half_x, half_z, 0.0, 2.0)
        self.n_taken += 1

    def release(self, count: int) -> None:
        """Forget the first `count` reservations."""
        for array in (self.taken, self.is_loose):
            array[: self.n_taken - count] = array[count : self.n_taken].copy()
        self.n_taken -= count

    def put(
        self,
        room: Room,
        asset: catalogue.Asset,
        spots: np.ndarray,
        bottom: float = 0.0,
        parent: House | None = None,
        clearance: float = _CLEARANCE_M,
    ) -> House | None:
        """Place the asset at the first free one of spots (S, 3), with its underside at `bottom`; None if there is none.

        spots: x and z in metres, yaw in degrees. It becomes a child of `parent`, if that is given. clearance: what must be free
        around it. Once ways are known, it leaves careful ones.
        """
        n, size_m, is_loose = self.n_taken, solid_size(asset), is_loose_type(asset.type)
        if n >= MAX_OBJECTS:
            return None
        if self.ways is None:
            best, self.taken[n] = first_free(np.ascontiguousarray(spots), 0, size_m, bottom, room.sides, self.taken, n, clearance)
        else:
            best = self.ways.put_first(room, spots, size_m, bottom, n, clearance, parent is None, is_loose)
        return self.enter(room, asset, spots[best].tolist(), bottom, parent) if best >= 0 else None

    def enter(self, room: Room, asset: catalogue.Asset, spot: Sequence[float], bottom: float, parent: House | None) -> House:
        """Make an object of what stands at a spot (x, z, yaw), and whose row has just been filled."""
        self.is_loose[self.n_taken] = is_loose_type(asset.type)
        self.n_taken += 1
        x, z, yaw_deg = spot
        obj = self._object(room, asset, x, bottom + asset.size_m[1] / 2, z, yaw_deg)
        self._filled.append((self.objects, self.in_room[room.number]) if parent is None else (parent["children"],))
        for children in self._filled[-1]:
            children.append(obj)
        return obj

    def hang(self, room: Room, asset: catalogue.Asset, x: float, y: float, z: float, yaw_deg: float) -> None:
        """Hang an asset on a wall, its middle at (x, y, z)."""
        self.objects.append(self._object(room, asset, x, y, z, yaw_deg))
        self.n_hung += 1

    def _object(self, room: Room, asset: catalogue.Asset, x: float, y: float, z: float, yaw_deg: float) -> House:
        self.n_ids += 1
        return {
            "id": f"{asset.type}|{room.number}|{self.n_ids}",
            "assetId": asset.id,
            "position": point(x, y, z),
            "rotation": {"x": 0, "y": round(yaw_deg, 2), "z": 0},
            "kinematic": catalogue.TYPES[asset.type].mobility == catalogue.FIXED,
            "children": [],
        }

    def mark(self) -> tuple:
        """How things stand now, for `back_to`."""
        return len(self._filled), self.n_taken, None if self.ways is None else self.ways.snapshot()

    def back_to(self, mark: tuple) -> None:
        """Take away again whatever has been put down since that mark."""
        n_filled, self.n_taken, ways = mark
        while len(self._filled) > n_filled:
            for children in self._filled.pop():
                children.pop()
        if self.ways is not None:
            self.ways.restore(ways)

    def record(self, hazard: str, objs: list[House], **where: float | str) -> None:
        """Record a hazard, by its name, that the objects make; it lies where the first one does. where: more about it."""
        position = objs[0]["position"]
        names = [obj["id"] for obj in objs]
        self.hazards.append({"kind": hazard, "objects": names, "x": position["x"], "z": position["z"], **where})

    # where objects may stand -----------------------------------------------------------------------------

    def against_walls(self, room: Room, asset: catalogue.Asset, tries: int = 10) -> np.ndarray:
        """(tries, 3) spots on the floor along the walls, the object's back to the wall."""
        return _wall_spots(room.sides, asset.size_m[0], asset.size_m[2], self.many.random((tries, 2)))

    def on_top(self, surface: House, asset: catalogue.Asset, tries: int = 6) -> tuple[np.ndarray, float]:
        """(tries, 3) spots on an object's stand, and its height."""
        inset, position = max(asset.size_m[0], asset.size_m[2]) / 2 + 0.02, surface["position"]
        place = (position["x"], position["z"], surface["rotation"]["y"])
        return _spots_on(stand_of_object(surface), inset, place, self.many.random((tries, 3))), top_of(surface)

    def surfaces(self, room: Room) -> list[House]:
        """Objects in the room that small ones may stand on, at a height that the arm reaches."""
        found = []
        for obj in self.in_room[room.number]:
            row = catalogue.TYPES[type_of(obj)]
            if row.surface and 0.3 < stand_of_object(obj).height_m < 1.1:
                found.append(obj)
        return found


@kernel
def _wall_spots(sides, size_x, size_z, numbers):
    """Spots (S, 3) along a room's walls for something of that width and depth; numbers (S, 2) from 0 to 1: which wall, where."""
    x0, z0, x1, z1 = sides
    spots = np.empty((len(numbers), 3))
    gap, edge = 0.03 + size_z / 2, 0.03 + size_x / 2
    for i in range(len(numbers)):
        side = int(4.0 * numbers[i, 0])
        low, high = (x0 + edge, x1 - size_x / 2) if side % 2 == 0 else (z0 + edge, z1 - size_x / 2)
        along = low + numbers[i, 1] * max(0.0, high - low)
        if side % 2 == 0:
            spots[i, 0], spots[i, 1] = along, z0 + gap if side == 0 else z1 - gap
        else:
            spots[i, 0], spots[i, 1] = x0 + gap if side == 1 else x1 - gap, along
        spots[i, 2] = 90.0 * side
    return spots


@kernel
def _spots_on(stand, inset, place, numbers):
    """Spots (S, 3) on a stand, so far inside its edges, of an object at a place (x, z, yaw); numbers (S, 3) from 0 to 1."""
    _, x0, x1, z0, z1 = stand
    if x1 - x0 < 2.0 * inset:
        x0 = x1 = (x0 + x1) / 2
    else:
        x0, x1 = x0 + inset, x1 - inset
    if z1 - z0 < 2.0 * inset:
        z0 = z1 = (z0 + z1) / 2
    else:
        z0, z1 = z0 + inset, z1 - inset
    yaw = math.radians(place[2])
    sine, cosine = math.sin(yaw), math.cos(yaw)
    spots = np.empty((len(numbers), 3))
    for i in range(len(numbers)):
        right, forward = x0 + numbers[i, 0] * (x1 - x0), z0 + numbers[i, 1] * (z1 - z0)
        spots[i, 0] = place[0] + right * cosine + forward * sine
        spots[i, 1] = place[1] - right * sine + forward * cosine
        spots[i, 2] = place[2] + 40.0 * numbers[i, 2] - 20.0
    return spots


@functools.cache
def solid_size(asset: catalogue.Asset) -> np.ndarray:
    """An asset's full extents, up to its stand."""
    size_x, _, size_z = asset.size_m
    return np.array([size_x, stand_of(asset.type, asset.size_m).height_m, size_z])


@functools.cache
def _stand_of_asset(asset_id: str) -> Stand:
    asset = catalogue.ASSETS[asset_id]
    return stand_of(asset.type, asset.size_m)


@functools.cache
def is_loose_type(type_name: str) -> bool:
    """Whether a hand can pick up objects of a type."""
    return catalogue.TYPES[type_name].mobility == catalogue.PICKUPABLE


def type_of(obj: House) -> str:
    """The type of an object that the generator has put down."""
    return catalogue.ASSETS[obj["assetId"]].type


def stand_of_object(obj: House) -> Stand:
    """Where things may stand on an object, in its frame."""
    return _stand_of_asset(obj["assetId"])


def top_of(obj: House) -> float:
    """The height above the floor, in metres, at which things stand on an object."""
    return obj["position"]["y"] - catalogue.ASSETS[obj["assetId"]].size_m[1] / 2 + stand_of_object(obj).height_m


def pick(rng: random.Random, things: Sequence[_T]) -> _T:
    """One of some things, each with the same chance; several times as fast as `rng.choice`."""
    return things[int(rng.random() * len(things))]


def random_asset(rng: random.Random, type_name: str) -> catalogue.Asset:
    """One of the assets that the generator may place for a type."""
    return pick(rng, catalogue.assets_of(type_name))


def furnish(f: Furnisher, room: Room, options: HouseOptions) -> None:
    """Furniture against the walls, and in a large room perhaps a piece in the middle."""
    walls, middle, _ = _FURNITURE[room.type]
    area = (room.x1 - room.x0) * (room.z1 - room.z0)
    for type_name in walls:
        if f.rng.random() < options.furniture * min(1.0, 0.55 + area / 40):
            asset = random_asset(f.rng, type_name)
            f.put(room, asset, f.against_walls(room, asset))
    if middle and min(room.x1 - room.x0, room.z1 - room.z0) > 3.4 and f.rng.random() < options.furniture * 0.7:
        asset = catalogue.assets_of(pick(f.rng, middle))[0]
        x, z = room.centre
        spot = (x + f.rng.uniform(-0.3, 0.3), z + f.rng.uniform(-0.3, 0.3), 90.0 * int(4 * f.rng.random()))
        f.put(room, asset, np.array([spot]), clearance=0.75)


def lay_out_small_objects(f: Furnisher, room: Room, options: HouseOptions) -> None:
    """Small objects on the room's surfaces, and a television on each of a living room's stands."""
    for surface in f.surfaces(room):
        small = _ON_SEATS if type_of(surface) in _SEATS else _FURNITURE[room.type][2]
        for _ in range(poisson(f.rng, options.surface_objects)):
            asset = random_asset(f.rng, pick(f.rng, small))
            spots, bottom = f.on_top(surface, asset)
            f.put(room, asset, spots, bottom, surface, clearance=0.01)
    if room.type == "LivingRoom":
        for surface in f.surfaces(room):
            if type_of(surface) == "TVStand":
                spot = (surface["position"]["x"], surface["position"]["z"], surface["rotation"]["y"])
                f.put(room, random_asset(f.rng, "Television"), np.array([spot]), top_of(surface), surface, 0.0)


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
