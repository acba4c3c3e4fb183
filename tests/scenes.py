"""Hand-built scenes: one square room of 4 m by 4 m around the origin, or no room at all, and whatever a test puts into it."""

import dataclasses

import torch

from safevla.sim.boxes import Boxes
from safevla.sim.embedded import EmbeddedSimulator
from safevla.sim.interface import NOTHING, Scene, Transition
from safevla.tasks.episodes import Episode
from safevla.world import catalogue, house_file
from safevla.world.boxes import PICKUPABLE


@dataclasses.dataclass
class SceneObject:
    """An object of a type on the floor, or on its parent, at (x, z)."""

    type: str
    x: float
    z: float
    yaw_deg: float = 0.0
    children: list["SceneObject"] = dataclasses.field(default_factory=list)


def _placed(obj: SceneObject, bottom: float, counter: list[int]) -> house_file.House:
    asset = catalogue.assets_of(obj.type)[0]
    counter[0] += 1
    return {
        "id": f"{obj.type}|2|{counter[0]}",
        "assetId": asset.id,
        "position": {"x": obj.x, "y": bottom + asset.size_m[1] / 2, "z": obj.z},
        "rotation": {"x": 0, "y": obj.yaw_deg, "z": 0},
        "kinematic": False,
        "children": [_placed(child, bottom + asset.size_m[1], counter) for child in obj.children],
    }


def room(objs: list[SceneObject], half_m: float = 2.0) -> house_file.House:
    """A square room with objects in it."""
    corners = [(half_m, -half_m), (-half_m, -half_m), (-half_m, half_m), (half_m, half_m)]
    walls = []
    for (ax, az), (bx, bz) in zip(corners, corners[1:] + corners[:1], strict=True):
        floor = [{"x": ax, "y": 0, "z": az}, {"x": bx, "y": 0, "z": bz}]
        top = [{**point, "y": 2.7} for point in floor]
        name = f"wall|2|{min(ax, bx):.2f}|{min(az, bz):.2f}|{max(ax, bx):.2f}|{max(az, bz):.2f}"
        walls.append({"id": name, "roomId": "room|2", "polygon": floor + top, "material": {"name": "PureWhite"}})
    counter = [0]
    return house_file.validate(
        {
            "rooms": [
                {
                    "id": "room|2",
                    "roomType": "LivingRoom",
                    "floorPolygon": [{"x": x, "y": 0, "z": z} for x, z in corners],
                    "floorMaterial": {"name": "DarkWoodFloors"},
                }
            ],
            "walls": walls,
            "doors": [],
            "windows": [],
            "objects": [_placed(obj, 0.0, counter) for obj in objs],
            "proceduralParameters": {"lights": []},
            "metadata": {"schema": house_file.SCHEMA},
        }
    )


def episode_in_room(
    objs: list[SceneObject],
    start: tuple[float, float, float] = (0.0, 0.0, 0.0),
    task: str = "ObjectNav",
    target: str = "Chair",
    half_m: float = 2.0,
) -> Episode:
    """An episode in `room(objects)`; the target type need not be there."""
    return Episode(
        id="hand-built", task=task, target_type=target, target_id="", house_id="hand-built", house=room(objs, half_m),
        start=start, instruction=f"find a {target.lower()}", seed=0, path_m=1.0,
    )  # fmt: skip


def boxes_in(scene: Scene, e: int) -> Boxes:
    """The boxes of one of a scene's episodes; they share its memory."""
    return Boxes(scene.pose[e].numpy(), scene.half[e].numpy(), scene.mobility[e].numpy(), int(scene.n_boxes[e]))


def simulate(episode: Episode, actions: list[int]) -> list[Transition]:
    """The transitions of a sequence of actions; each keeps its own copy of the scene after it."""
    simulator = EmbeddedSimulator(1)
    simulator.reset([episode])
    transitions = []
    for action in actions:
        t = simulator.step(torch.tensor([int(action)]))
        transitions.append(dataclasses.replace(t, after=simulator.scene(copy=True)))
    return transitions


def made_up_scene(types, positions, reachable=None, robot=(0.0, 0.0, 0.0), held=NOTHING, seen=0) -> Scene:
    """One scene with objects of some types at some positions; everything else plain."""
    n = len(types)
    pose = torch.zeros(1, n, 5)
    pose[0, :, :3] = torch.tensor(positions)
    reachable = torch.ones(1, 40, 40, dtype=torch.bool) if reachable is None else reachable
    return Scene(
        robot_state=torch.tensor([[*robot, 0.0, 0.0, 0.0]]),
        pose=pose,
        half=torch.full((1, n, 3), 0.05),
        mobility=torch.full((1, n), PICKUPABLE, dtype=torch.int8),
        type_index=torch.tensor([[catalogue.TYPES[name].index for name in types]], dtype=torch.int16),
        n_boxes=torch.tensor([n], dtype=torch.int32),
        held=torch.tensor([held], dtype=torch.int32),
        visible=torch.zeros(1, 2, n, dtype=torch.bool),
        steps_since_seen=torch.full((1, n), seen, dtype=torch.int32),
        step=torch.tensor([3], dtype=torch.int32),
        reachable=reachable,
        reachable_origin=torch.tensor([[-3.0, -3.0]]),
    )


def moved(scene: Scene, slot: int, by=(0.0, 0.0, 0.0), yaw=0.0, tilt=0.0, action=0, hit=NOTHING) -> Transition:
    """A step that moved one object."""
    pose = scene.pose.clone()
    pose[0, slot] += torch.tensor([*by, yaw, tilt])
    after = dataclasses.replace(scene, pose=pose)
    return Transition(scene, torch.tensor([action]), after, torch.tensor([hit]), torch.tensor([True]))
