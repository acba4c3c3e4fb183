"""Unity: what AI2-THOR's build does and answers, done and answered by the embedded simulator."""

import gc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from safevla.sim.actions import Action
from safevla.sim.thor.metadata import WRIST_JOINT_AT_ZERO_M, describe_arm, describe_object, scene_bounds
from safevla.sim.thor.wire import DEPTH, IMAGE, THIRD_PARTY_IMAGE, Json, Picture

if TYPE_CHECKING:
    import numpy as np

# what Unity accepts with every action
_ALWAYS = {
    "action", "sequenceId", "agentId", "renderImage", "renderObjectImage", "renderClassImage", "renderNormalsImage",
    "renderInstanceSegmentation",
}  # fmt: skip
_INITIALIZE = {
    "agentMode", "gridSize", "visibilityDistance", "visibilityScheme", "fieldOfView", "useMassThreshold", "massThreshold",
    "autoSimulation", "autoSyncTransforms", "renderDepthImage", "cameraNearPlane", "cameraFarPlane", "snapToGrid",
    "fastActionEmit", "renderSemanticSegmentation", "rotateStepDegrees", "makeAgentsVisible", "continuousMode",
    "agentCount", "snapGrid", "width", "height",
}  # fmt: skip
# the embedded simulator's actions by the degrees that Unity turns, and for the arm's motions, large and small
_TURNS = {
    30.0: Action.ROTATE_RIGHT, -30.0: Action.ROTATE_LEFT, 6.0: Action.ROTATE_RIGHT_SMALL, -6.0: Action.ROTATE_LEFT_SMALL
}  # fmt: skip
_ARM_UP, _ARM_DOWN = (Action.MOVE_ARM_UP, Action.MOVE_ARM_UP_SMALL), (Action.MOVE_ARM_DOWN, Action.MOVE_ARM_DOWN_SMALL)
_ARM_OUT, _ARM_IN = (Action.MOVE_ARM_OUT, Action.MOVE_ARM_OUT_SMALL), (Action.MOVE_ARM_IN, Action.MOVE_ARM_IN_SMALL)


class Refused(Exception):
    """An action that Unity would answer with an error code."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class World:
    """One agent in one house, and what can be asked of it."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.scene_name = "Procedural"
        self.object_filter: list[str] | None = None
        self.visibility_m = 1.5
        self.simulator: Any = None
        self.names: tuple[str, ...] = ()
        self.n_structure = 0
        self._objects_by_id: dict[str, Json] = {}
        self._house: Json | None = None
        self._described: dict[int, tuple[Any, Json]] = {}  # an object's last description, and what it followed from
        self._collision = ""
        self._depth = False
        self._seed = 0

    # ------------------------------------------------------------------------------------------------ actions

    def perform(self, message: Json) -> Any:
        """Carry out one action and give its return value; Refused where Unity would refuse it."""
        name = message.get("action", "")
        if name not in ACTIONS:
            raise Refused("InvalidAction", f"{name} is not a valid action")
        function, allowed, required = ACTIONS[name]
        arguments = {key: value for key, value in message.items() if key not in _ALWAYS}
        for key in arguments:
            if key not in allowed:
                raise Refused("InvalidArgument", f"{name} has no argument {key}")
        for key in required:
            if key not in arguments:
                raise Refused("MissingArguments", f"{name} needs the argument {key}")
        self._collision = ""
        return function(self, **arguments)

    def initialize(self, **options: Any) -> Json:
        if options.get("agentMode", "stretch") != "stretch":
            raise Refused("InvalidArgument", f"agentMode {options['agentMode']} is not served, only stretch")
        self.visibility_m = float(options.get("visibilityDistance", 1.5))
        self._depth = bool(options.get("renderDepthImage", False))
        return {"cameraNearPlane": options.get("cameraNearPlane", 0.1), "cameraFarPlane": options.get("cameraFarPlane", 20.0)}

    def change_resolution(self, x: int, y: int) -> None:
        self.width, self.height = int(x), int(y)
        if self._house is not None:
            self._build(self._house, self._start())

    def create_house(self, house: Json) -> None:
        from safevla.world import house_file

        if (house.get("metadata") or {}).get("schema") != house_file.SCHEMA:
            raise Refused(
                "ActionFailed", f"house schema {(house.get('metadata') or {}).get('schema')} is not {house_file.SCHEMA}"
            )
        pose = house["metadata"].get("agentPoses", {}).get("stretch") or house["metadata"].get("agent") or {}
        position, rotation = pose.get("position", {}), pose.get("rotation", {})
        self._house = house
        self._build(house, (position.get("x", 0.0), position.get("z", 0.0), rotation.get("y", 0.0)))

    def _build(self, house: Json, start: tuple[float, float, float]) -> None:
        import numpy as np

        from safevla.sim.embedded import EmbeddedSimulator
        from safevla.sim.interface import SceneStart
        from safevla.world import house_file

        begin = SceneStart(id="thor", house=house, start=start, seed=self._seed)
        self.simulator = EmbeddedSimulator(1, (self.height, self.width))
        self.simulator.reset([begin])
        # the first step of a process may have to compile what it runs; better here, where a client waits longer
        self.simulator.step(np.full(1, Action.DONE))
        self.simulator.reset([begin])
        self.names = begin.layout.names
        self.n_structure = begin.layout.n_structure
        self._described = {}
        self._objects_by_id = {obj["id"]: obj for obj, _ in house_file.objects(house)}
        self._redraw()
        gc.collect()
        gc.freeze()  # what is here stays; looking through it again and again takes longer than a step

    def _redraw(self) -> None:
        import numpy as np

        self.simulator.observe(np.zeros(1, np.int64))

    def _start(self) -> tuple[float, float, float]:
        x, z, yaw = self._state()[:3]
        return x, z, yaw

    def _state(self) -> list[float]:
        if self.simulator is None:
            raise Refused("ActionFailed", "no house has been created")
        return [float(v) for v in self.simulator.state.robot_state[0]]

    def _do(self, action: Action) -> None:
        """One of the twenty actions of the embedded simulator; Refused where it meets what does not give way."""
        import torch

        self._state()
        transition = self.simulator.step(torch.tensor([action]))
        hit = int(transition.collided_with[0])
        if hit >= 0:
            what = "static structure in scene" if hit < self.n_structure else "static/kinematic sim object"
            self._collision = f"Collided with {what}: '{self.names[hit]}', could not reach target."
            raise Refused("ActionFailed", self._collision)

    def teleport(self, position: Json | None = None, rotation: Any = None, forceAction: bool = False) -> None:
        from safevla.sim.motion import YAW, X, Z

        state = self.simulator.state.robot_state[0]
        if position is not None:
            state[X], state[Z] = position["x"], position["z"]
        if rotation is not None:
            yaw = rotation["y"] if isinstance(rotation, dict) else rotation
            state[YAW] = (yaw + 180.0) % 360.0 - 180.0
        self._redraw()

    def move(self, ahead: float, **_: Any) -> None:
        if abs(abs(ahead) - 0.2) > 1e-6:
            raise Refused("InvalidArgument", f"ahead is {ahead}; moves of 0.2 m are served")
        self._do(Action.MOVE_AHEAD if ahead > 0 else Action.MOVE_BACK)

    def rotate(self, degrees: float, **_: Any) -> None:
        if float(degrees) not in _TURNS:
            raise Refused("InvalidArgument", f"degrees is {degrees}; turns of 30 and 6 degrees are served")
        self._do(_TURNS[float(degrees)])

    def move_arm(self, position: Json, **_: Any) -> None:
        _, _, _, lift, extension, _ = self._state()
        up, out = position["y"] - lift, position["z"] - WRIST_JOINT_AT_ZERO_M - extension
        is_small = max(abs(up), abs(out)) < 0.021
        if abs(up) >= abs(out):
            large, small = _ARM_UP if up > 0 else _ARM_DOWN
        else:
            large, small = _ARM_OUT if out > 0 else _ARM_IN
        self._do(small if is_small else large)

    def rotate_wrist(self, yaw: float = 0.0, **_: Any) -> None:
        self._do(Action.WRIST_OPEN if yaw < 0 else Action.WRIST_CLOSE)

    def pick_up(self, **_: Any) -> None:
        self._do(Action.PICKUP)
        if int(self.simulator.state.held[0]) < 0:
            raise Refused("ActionFailed", "No object is within the magnet sphere")

    def release(self) -> None:
        self._do(Action.DROPOFF)

    def visible_objects(self, maxDistance: float = 1.5, thirdPartyCameraIndex: int | None = None) -> list[str]:
        import numpy as np

        state, objs = self.simulator.state, slice(self.n_structure, len(self.names))
        pose, robot = state.pose[0, objs], state.robot_state[0]
        away = np.hypot(pose[:, 0] - robot[0], pose[:, 2] - robot[1])
        seen = state.visible[0, 0 if thirdPartyCameraIndex is None else 1, objs] & (away <= maxDistance)
        return [self.names[self.n_structure + m] for m in seen.nonzero()[0].tolist()]

    def reachable_positions(self, gridSize: float = 0.15, **_: Any) -> list[Json]:
        from safevla.sim.interface import REACHABLE_CELL_M
        from safevla.sim.robot import AGENT_HEIGHT_M

        if abs(gridSize - REACHABLE_CELL_M) > 1e-6:
            raise Refused("InvalidArgument", f"gridSize is {gridSize}; {REACHABLE_CELL_M} is served")
        scene = self.simulator.scene()
        origin_x, origin_z = (float(v) for v in scene.reachable_origin[0])
        nodes = scene.reachable[0].nonzero().tolist()
        return [{"x": origin_x + ix * gridSize, "y": AGENT_HEIGHT_M, "z": origin_z + iz * gridSize} for iz, ix in nodes]

    def filter_objects(self, objectIds: list[str]) -> None:
        self.object_filter = list(objectIds)

    def unfilter_objects(self) -> None:
        self.object_filter = None

    def object_metadata(self, objectIds: list[str]) -> list[Json]:
        unknown = [name for name in objectIds if name not in self.names]
        if unknown:
            raise Refused("ObjectNotFound", f"no object {unknown[0]}")
        return self.objects(objectIds)

    def camera_mount(self, degrees: float, secondary: bool = False) -> None:
        self.simulator.state.camera[0, int(secondary), 0] = degrees
        self._redraw()

    def field_of_view(self, fieldOfView: float, camera: str = "FirstPersonCharacter") -> None:
        cameras = {"FirstPersonCharacter": 0, "SecondaryCamera": 1}
        if camera not in cameras:
            raise Refused("InvalidArgument", f"camera {camera} is none of {', '.join(cameras)}")
        self.simulator.state.camera[0, cameras[camera], 1] = fieldOfView
        self._redraw()

    def nothing(self, **_: Any) -> None:
        pass

    def set_seed(self, seed: int) -> None:
        self._seed = int(seed)

    # ----------------------------------------------------------------------------------------------- metadata

    def objects(self, only: list[str] | None = None) -> list[Json]:
        """Objects as Unity describes them, with its 42 keys; those of a filter, or all."""
        if self.simulator is None:
            return []
        wanted = range(self.n_structure, len(self.names))
        if only is not None:
            chosen = set(only)
            wanted = [m for m in wanted if self.names[m] in chosen]
        state = self.simulator.state
        n, held = len(self.names), int(state.held[0])
        poses, halves, supports = state.pose[0, :n].tolist(), state.half[0, :n].tolist(), state.support[0, :n].tolist()
        above: dict[int, list[str]] = {}
        for m, support in enumerate(supports):
            if support >= 0 and m != held:
                above.setdefault(support, []).append(self.names[m])
        x, z = (float(v) for v in state.robot_state[0, :2])
        seen = state.visible[0, 0].tolist()
        found = []
        for m in wanted:
            parent = self.names[supports[m]] if 0 <= supports[m] < n and m != held else None
            # most objects lie where they lay: their description is kept, for it takes longer to make than to compare
            about = (poses[m], halves[m], parent, above.get(m), m == held)
            kept = self._described.get(m)
            if kept is None or kept[0] != about:
                name = self.names[m]
                asset_id = self._objects_by_id.get(name, {}).get("assetId", "")
                what = (name, int(state.mobility[0, m]), int(state.type_index[0, m]), asset_id)
                kept = self._described[m] = (about, describe_object(*what, *about))
            obj = kept[1]
            obj["distance"] = math.hypot(poses[m][0] - x, poses[m][2] - z)
            obj["visible"] = seen[m] and obj["distance"] <= self.visibility_m
            found.append(obj)
        return found

    def metadata(self, message: Json, result: Any, error: Refused | None) -> Json:
        """The whole metadata of the agent after an action."""
        from safevla.sim.robot import AGENT_HEIGHT_M

        built = self.simulator is not None
        x, z, yaw, lift, extension, wrist = self._state() if built else [0.0] * 6
        held = int(self.simulator.state.held[0]) if built else -1
        cameras = self.simulator.state.camera[0].tolist() if built else [[30.0, 59.0], [50.0, 59.0]]
        agent = {
            "objects": self.objects(self.object_filter),
            "isSceneAtRest": True,
            "agent": {
                "name": "agent",
                "position": {"x": x, "y": AGENT_HEIGHT_M, "z": z},
                "rotation": {"x": 0.0, "y": yaw % 360.0, "z": 0.0},
                "cameraHorizon": float(cameras[0][0]),
                "isStanding": True,
                "inHighFrictionArea": False,
            },
            "arm": describe_arm(lift, extension, wrist, self.names[held] if held >= 0 else None),
            "heldObjectPose": None,
            "fov": float(cameras[0][1]),
            "thirdPartyCameras": [
                {"thirdPartyCameraId": 0, "position": {"x": x, "y": 1.4, "z": z}, "fieldOfView": float(cameras[1][1]),
                 "rotation": {"x": float(cameras[1][0]), "y": (yaw + 90.0) % 360.0, "z": 0.0}}
            ] if built else [],
            "collided": bool(self._collision),
            "collidedObjects": [],
            "inventoryObjects": [],
            "sceneName": self.scene_name,
            "lastAction": message.get("action", ""),
            "lastActionSuccess": error is None,
            "errorCode": "" if error is None else error.code,
            "errorMessage": "" if error is None else str(error),
            "screenWidth": self.width,
            "screenHeight": self.height,
            "agentId": 0,
            "depthFormat": "Meters",
            "colors": [],
            "currentTime": 0.0,
            "sceneBounds": self._bounds() if built else None,
            "actionReturn": result,
        }  # fmt: skip
        return {"agents": [agent], "thirdPartyCameras": [], "activeAgentId": 0, "sequenceId": message.get("sequenceId", 0)}

    def _bounds(self) -> Json:
        state = self.simulator.state
        return scene_bounds(state.pose[0, : self.n_structure], state.half[0, : self.n_structure])

    def pictures(self) -> list[Picture]:
        """Raw RGB of both cameras, bottom row first, and depth where it was asked for."""
        import numpy as np

        if self.simulator is None:
            return [(IMAGE, bytes(3 * self.width * self.height))]
        drawn = self.simulator.render()
        found = [
            (IMAGE, _raw(drawn["navigation"][0].numpy())),
            (THIRD_PARTY_IMAGE, _raw(drawn["manipulation"][0].numpy())),
        ]
        if self._depth:
            found.append((DEPTH, _raw(self.simulator.render_depth()["navigation"][0].numpy().astype(np.float32))))
        return found


def _raw(picture: "np.ndarray") -> bytes:
    """A picture's bytes, bottom row first."""
    import numpy as np

    flipped = picture[::-1]
    if picture.ndim == 2:
        return flipped.tobytes()
    whole = np.empty(picture.shape, picture.dtype)
    for channel in range(picture.shape[2]):  # each at once: pixel by pixel takes five times as long
        whole[:, :, channel] = flipped[:, :, channel]
    return whole.tobytes()


_NONE: tuple[str, ...] = ()
_MOTION = {"returnToStart", "speed"}
# action → how it is carried out, the arguments that it may have, those that it must have
ACTIONS: dict[str, tuple[Callable[..., Any], set[str], tuple[str, ...]]] = {
    "Initialize": (World.initialize, _INITIALIZE, _NONE),
    "Reset": (World.nothing, {"sceneName"}, _NONE),
    "GetScenesInBuild": (lambda world: ["Procedural"], set(), _NONE),
    "ChangeResolution": (World.change_resolution, {"x", "y"}, ("x", "y")),
    "CreateHouse": (World.create_house, {"house"}, ("house",)),
    "Pass": (World.nothing, set(), _NONE),
    "Done": (World.nothing, set(), _NONE),
    "Teleport": (World.teleport, {"position", "rotation", "forceAction"}, _NONE),
    "MoveAgent": (World.move, {"ahead", *_MOTION}, ("ahead",)),
    "RotateAgent": (World.rotate, {"degrees", *_MOTION}, ("degrees",)),
    "MoveArm": (World.move_arm, {"position", *_MOTION}, ("position",)),
    "RotateWristRelative": (World.rotate_wrist, {"yaw", *_MOTION}, ("yaw",)),
    "PickupObject": (World.pick_up, set(), _NONE),
    "ReleaseObject": (World.release, set(), _NONE),
    "AdvancePhysicsStep": (World.nothing, {"simSeconds"}, _NONE),
    "GetVisibleObjects": (World.visible_objects, {"maxDistance", "thirdPartyCameraIndex"}, _NONE),
    "GetReachablePositions": (World.reachable_positions, {"gridSize"}, _NONE),
    "SetObjectFilter": (World.filter_objects, {"objectIds"}, ("objectIds",)),
    "ResetObjectFilter": (World.unfilter_objects, set(), _NONE),
    "GetObjectMetadata": (World.object_metadata, {"objectIds"}, ("objectIds",)),
    "RotateCameraMount": (World.camera_mount, {"degrees", "secondary"}, ("degrees",)),
    "ChangeFOV": (World.field_of_view, {"fieldOfView", "camera"}, ("fieldOfView",)),
    "SetGripperOpenness": (World.nothing, {"openness"}, _NONE),
    "ToggleMagnetVisibility": (World.nothing, {"visible"}, _NONE),
    "RandomizeColors": (World.nothing, set(), _NONE),  # the embedded simulator takes looks from the house file
    "RandomizeMaterials": (World.nothing, set(), _NONE),
    "SetRandomSeed": (World.set_seed, {"seed"}, ("seed",)),
}
# questions, whose answer is sent without pictures where the client asked for fast answers
QUERIES = {"GetVisibleObjects", "GetReachablePositions", "GetObjectMetadata", "SetObjectFilter", "ResetObjectFilter"}
