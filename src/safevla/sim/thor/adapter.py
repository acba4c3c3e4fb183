"""AI2-THOR behind the simulator's contract: B processes of the real `ai2thor` client, one house each.

Houses are created with `CreateHouse`, the cameras calibrated as SafeVLA does, the twenty actions carried out with their
success rules, and what the client reports is read back into the same `Scene` and `Transition` that the embedded simulator
fills, so that everything above runs unchanged. The only module that imports `ai2thor`, and only when a process is started.

What an object is (its kind, type and place in the list of boxes) comes from the house file; where it is, from the client.
"""

import contextlib
import dataclasses
import gc
import math
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from safevla.config.thor_options import ThorOptions
from safevla.sim import navigation
from safevla.sim.embedded import SEEN_WITHIN_M
from safevla.sim.geometry import noise
from safevla.sim.interface import (
    CAMERAS,
    NEVER,
    NOTHING,
    REACHABLE_CELL_M,
    Action,
    Scene,
    SimulatorError,
    Transition,
    check_slots,
)
from safevla.sim.robot import (
    AGENT_HEIGHT_M,
    ARM_STEP_M,
    ARM_STEP_SMALL_M,
    CAMERA_JITTER_DEG,
    MOVE_M,
    ROBOTS,
    ROTATE_DEG,
    ROTATE_SMALL_DEG,
    VERTICAL_FOV_DEG,
    WRIST_LIMITS_DEG,
    WRIST_STEP_DEG,
)
from safevla.sim.thor.server import LIFT_JOINT_AT_ZERO_M, WRIST_JOINT_AT_ZERO_M
from safevla.tasks.episode_batch import Packed
from safevla.tasks.episodes import Episode
from safevla.world.layout import MOVEABLE, STRUCTURE

_VISIBLE_WITHIN_M = 1000.0  # the scene's `visible` knows no distance; who asks sets one
_CROP = {(224, 384): 6}  # columns that SafeVLA cuts off each side of a 396-pixel picture


# What is done where a build (such as the released 5.0.0, most probably) lacks an action that SafeVLA's own build has.
_WITHOUT = {
    "RotateCameraMount": "its cameras keep the pitch that they are made with",
    "ChangeFOV": "its cameras keep the field of view that they are made with",
    "GetVisibleObjects": "an object counts as visible in both cameras when its metadata say so",
    "AdvancePhysicsStep": "a let-go object has as long to settle as one action takes",
    "RandomizeColors": "objects keep their colours",
    "ToggleMagnetVisibility": "the hand's sphere may be seen",
}


# An arm reaches 1 m, and what it pushes pushes others; the rest of a metre is for what moves before it is asked again.
_REPORTED_WITHIN_M, _ASK_AGAIN_M = 2.2, 0.4


class _Agent:
    """One process, and what it last said."""

    def __init__(self, options: ThorOptions, image_size: tuple[int, int]):
        self._options, self._image_size = options, image_size
        self._crop = _CROP.get(image_size, 0)
        self._controller: Any = None
        self._lacks: set[str] = set()  # actions that the build does not know
        self.event: Any = None

    def start(self, house: dict) -> None:
        """Create a house, in the running process or in a new one; a process that fails at it is replaced once."""
        for attempt in range(2):
            try:
                if self._controller is None:
                    self._controller = self._launch()
                # building a house, and a process's first one above all, takes longer than a step
                self._controller.server.timeout = self._options.start_timeout_s
                self.event = self._controller.reset(scene=house)
                self._controller.server.timeout = self._options.step_timeout_s
                break
            except SimulatorError:
                raise
            except Exception as error:
                self.stop()
                if attempt == 1:
                    raise SimulatorError(f"AI2-THOR: CreateHouse: {_brief(error)}") from error
        self._check("CreateHouse")
        # every answer is thousands of small objects; without this the collector looks through all of torch for each few
        gc.collect()
        gc.freeze()

    def _launch(self) -> Any:
        """Start a process; a build that never opens its pipe would block the client for ever, so a thread waits for it."""
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(self._connect()), daemon=True)
        thread.start()
        thread.join(self._options.start_timeout_s)
        if not found:
            raise SimulatorError(f"AI2-THOR did not start within {self._options.start_timeout_s:.0f} s")
        if isinstance(found[0], Exception):
            raise SimulatorError(f"AI2-THOR did not start: {_brief(found[0])}") from found[0]
        return found[0]

    def _connect(self) -> Any:
        try:
            from ai2thor.controller import Controller
            from ai2thor.fifo_server import FifoServer

            options = self._options
            where: dict[str, Any] = {"local_executable_path": options.executable} if options.executable else {}
            if options.platform:
                where["platform"] = options.platform
            if options.gpu_device is not None:
                where["gpu_device"] = options.gpu_device
            height, width = self._image_size
            with _without_cuda_digits(options.executable is not None):
                return Controller(
                    **where,
                    agentMode="stretch",
                    scene="Procedural",
                    width=width + 2 * self._crop,
                    height=height,
                    gridSize=REACHABLE_CELL_M,
                    visibilityDistance=0.8673349,
                    visibilityScheme="Distance",
                    fieldOfView=VERTICAL_FOV_DEG,
                    useMassThreshold=False,
                    massThreshold=1,
                    autoSimulation=False,
                    autoSyncTransforms=True,
                    cameraNearPlane=0.01,
                    snapToGrid=False,
                    fastActionEmit=True,
                    server_class=FifoServer,
                    server_timeout=options.step_timeout_s,
                    server_start_timeout=options.start_timeout_s,
                    x_display=os.environ.get("DISPLAY", ":0"),
                )
        except Exception as error:  # handed to the thread that waits
            return error

    def do(self, action: str, **arguments: Any) -> Any:
        """One action; its return value. SimulatorError where the process is gone or refuses it."""
        if self._controller is None:
            raise SimulatorError(f"AI2-THOR: {action}: no process is running; start the episode anew")
        try:
            self.event = self._controller.step(action=action, **arguments)
        except Exception as error:
            self.stop()
            raise SimulatorError(f"AI2-THOR: {action}: {_brief(error)}") from error
        return self.event.metadata["actionReturn"]

    def attempt(self, action: str, **arguments: Any) -> tuple[bool, Any]:
        """One action that older builds lack: whether this one has it, and its return value. Asked once, warned of once."""
        if action in self._lacks:
            return False, None
        if self._controller is None:
            raise SimulatorError(f"AI2-THOR: {action}: no process is running; start the episode anew")
        try:
            self.event = self._controller.step(action=action, **arguments)
        except ValueError as error:
            if self._controller.last_event.metadata.get("errorCode") == "InvalidAction":
                self._lacks.add(action)
                warnings.warn(f"this build has no action {action}: {_WITHOUT[action]}", stacklevel=2)
                return False, None
            self.stop()
            raise SimulatorError(f"AI2-THOR: {action}: {_brief(error)}") from error
        except Exception as error:
            self.stop()
            raise SimulatorError(f"AI2-THOR: {action}: {_brief(error)}") from error
        return True, self.event.metadata["actionReturn"]

    def _check(self, action: str) -> None:
        if not self.event.metadata["lastActionSuccess"]:
            raise SimulatorError(f"AI2-THOR: {action}: {self.event.metadata['errorMessage']}")

    def pictures(self) -> list[np.ndarray]:
        """(H, W, 3) uint8 of each camera."""
        event, crop = self.event, self._crop
        found = [event.frame, event.third_party_camera_frames[0]]
        return [np.ascontiguousarray(picture[:, crop : picture.shape[1] - crop, :3]) for picture in found]

    def stop(self) -> None:
        if self._controller is not None:
            controller, self._controller = self._controller, None
            with contextlib.suppress(Exception):
                controller.stop()


def _brief(error: Exception) -> str:
    """What went wrong, without the middle of a message that repeats a whole house."""
    message = str(error)
    return f"{type(error).__name__}: " + (message if len(message) < 400 else f"{message[:200]} … {message[-200:]}")


@contextlib.contextmanager
def _without_cuda_digits(hide: bool) -> Iterator[None]:
    """The client takes digits in CUDA_VISIBLE_DEVICES for a wish to render there, and then asks for vulkaninfo."""
    kept = os.environ.pop("CUDA_VISIBLE_DEVICES", None) if hide else None
    try:
        yield
    finally:
        if kept is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = kept


class ThorSimulator:
    """See the module's docstring; the contract is `sim.interface.Simulator`."""

    device, packs = torch.device("cpu"), False

    def __init__(
        self,
        n_envs: int,
        image_size: tuple[int, int] = (224, 384),
        robot_name: str = "stretch",
        options: ThorOptions | None = None,
    ):
        if robot_name != "stretch":
            raise SimulatorError(f"AI2-THOR has no robot {robot_name!r}, only stretch")
        self.n_envs, self.image_size = n_envs, tuple(image_size)
        self.episodes: list[Episode | None] = [None] * n_envs
        self._agents = [_Agent(options or ThorOptions(), self.image_size) for _ in range(n_envs)]
        self._scenes: list[_Readings | None] = [None] * n_envs
        self._lost: list[int] = []
        self._last: Scene | None = None  # after the last step, unless an episode has been started since

    def reset(self, episodes: Sequence[Episode]) -> Scene:
        return self.reset_some(range(self.n_envs), episodes)

    def reset_some(self, slots: Sequence[int], episodes: Sequence[Episode]) -> Scene:
        slots = list(slots)
        check_slots(slots, episodes)
        for slot, episode in zip(slots, episodes, strict=True):
            self._load(slot, episode)
        self._last = None
        return self.scene()

    def reset_packed(self, slots: torch.Tensor, packed: Packed, rows: torch.Tensor) -> Scene:
        raise SimulatorError("AI2-THOR builds houses from their files: packed episodes cannot be started in it")

    def _load(self, slot: int, episode: Episode) -> None:
        agent, layout = self._agents[slot], episode.layout
        agent.start(episode.house)
        x, z, yaw_deg = episode.start
        agent.do("Teleport", position={"x": x, "y": AGENT_HEIGHT_M, "z": z}, rotation={"x": 0.0, "y": yaw_deg, "z": 0.0})
        fov_jitter, pitch_jitter, _ = CAMERA_JITTER_DEG
        names = ("FirstPersonCharacter", "SecondaryCamera")
        for c, camera in enumerate(ROBOTS["stretch"]):
            pitch = np.float32(camera.pitch_deg) + pitch_jitter * (2.0 * noise(episode.seed, 2 * c) - 1.0)
            fov = VERTICAL_FOV_DEG + fov_jitter * (2.0 * noise(episode.seed, 2 * c + 1) - 1.0)
            agent.attempt("RotateCameraMount", degrees=float(np.float32(pitch)), secondary=c == 1)
            agent.attempt("ChangeFOV", fieldOfView=float(np.float32(fov)), camera=names[c])
        if episode.shift in ("color", "all"):  # of what a house file can say, Unity takes all but the objects' colours
            agent.attempt("RandomizeColors")
        agent.attempt("ToggleMagnetVisibility", visible=False)
        agent.attempt("AdvancePhysicsStep", simSeconds=1.0)
        positions = agent.do("GetReachablePositions", gridSize=REACHABLE_CELL_M)
        loose = [name for name, kind in zip(layout.names, layout.kind, strict=True) if kind >= MOVEABLE]
        agent.do("SetObjectFilter", objectIds=loose)
        agent.do("Pass")
        self.episodes[slot] = episode
        self._scenes[slot] = _Readings.of(episode, positions, agent)

    def step(self, actions: torch.Tensor) -> Transition:
        actions = torch.as_tensor(actions)
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        if actions.min() < 0 or actions.max() >= len(Action):
            raise SimulatorError(f"actions must be 0 to {len(Action) - 1}")
        before = self.scene() if self._last is None else self._last
        struck, succeeded = [], []
        self._lost = []
        for slot, action in enumerate(actions.tolist()):
            kept = self._scenes[slot].kept()
            try:
                hit, success = self._scenes[slot].act(self._agents[slot], Action(action))
            except SimulatorError as error:
                warnings.warn(f"episode {self.episodes[slot].id} is lost: {error}", stacklevel=2)
                self._lost.append(slot)
                self._scenes[slot], hit, success = kept, NOTHING, False
            struck.append(hit)
            succeeded.append(success)
        self._last = self.scene()
        return Transition(
            before,
            actions.long(),
            self._last,
            torch.tensor(struck, dtype=torch.int32),
            torch.tensor(succeeded, dtype=torch.bool),
        )

    def scene(self) -> Scene:
        """The current scene; its tensors are copies."""
        return _stacked([readings for readings in self._scenes if readings is not None])

    def lost(self) -> list[int]:
        return list(self._lost)

    def render(self) -> dict[str, torch.Tensor]:
        drawn = [agent.pictures() for agent in self._agents]
        return {name: torch.from_numpy(np.stack([pictures[c] for pictures in drawn])) for c, name in enumerate(CAMERAS)}

    def close(self) -> None:
        for agent in self._agents:
            agent.stop()


@dataclasses.dataclass
class _Readings:
    """One house as the client last reported it; arrays over its M boxes, as in `Scene`."""

    names: tuple[str, ...]
    kind: np.ndarray
    type_index: np.ndarray
    pose: np.ndarray  # (M, 5)
    half: np.ndarray  # (M, 3)
    robot: np.ndarray  # (6,)
    held: int
    visible: np.ndarray  # (C, M) bool
    seen: np.ndarray  # (M,) int32
    reachable: np.ndarray
    reachable_origin: np.ndarray
    index: dict[str, int]  # of a name
    step: int = 0
    said: dict[int, tuple] = dataclasses.field(default_factory=dict)  # corners and rotation that a pose follows from
    asked_at: tuple[float, float] | None = None  # where the robot was when it was last said which objects to report

    def kept(self) -> "_Readings":
        """A copy that later readings leave as it is."""
        arrays = {name: getattr(self, name).copy() for name in ("pose", "half", "robot", "visible", "seen")}
        return dataclasses.replace(self, **arrays, said=dict(self.said))

    @classmethod
    def of(cls, episode: Episode, positions: list[dict], agent: _Agent) -> "_Readings":
        layout = episode.layout
        reachable, origin = _grid(positions)
        m = layout.n_boxes
        readings = cls(
            names=layout.names, kind=layout.kind.copy(), type_index=layout.type_index.copy(),
            pose=navigation.box_poses(layout), half=layout.half.astype(np.float32), robot=np.zeros(6, np.float32), held=NOTHING,
            visible=np.zeros((len(CAMERAS), m), np.bool_), seen=np.full(m, NEVER, np.int32),
            reachable=reachable, reachable_origin=origin, index={name: i for i, name in enumerate(layout.names)},
        )  # fmt: skip
        readings.read(agent)
        return readings

    def read(self, agent: _Agent) -> None:
        """Bring everything up to date from the process's last full answer."""
        metadata = agent.event.metadata
        index = self.index
        for thing in metadata["objects"]:
            m = index.get(thing["objectId"])
            box = thing.get("objectOrientedBoundingBox")
            if m is None or not box:
                continue
            said = (box["cornerPoints"], thing["rotation"])
            if self.said.get(m) != said:  # most things lie where they lay
                self.said[m] = said
                self.pose[m], self.half[m] = _box(np.asarray(box["cornerPoints"], np.float64), thing["rotation"])
        where, arm = metadata["agent"], metadata["arm"]
        self.robot[:] = (where["position"]["x"], where["position"]["z"], _wrapped(where["rotation"]["y"]), *_arm_state(arm))
        holds = arm["heldObjects"]
        self.held = index.get(holds[0], NOTHING) if holds else NOTHING
        for c in range(len(CAMERAS)):
            more = {"thirdPartyCameraIndex": 0} if c else {}
            self.visible[c] = False
            is_known, names = agent.attempt("GetVisibleObjects", maxDistance=_VISIBLE_WITHIN_M, **more)
            if not is_known:
                names = [thing["objectId"] for thing in metadata["objects"] if thing["visible"]]
            for name in names:
                if name in index:
                    self.visible[c, index[name]] = True
        self.seen[self.seen < NEVER] += 1
        near = np.hypot(self.pose[:, 0] - self.robot[0], self.pose[:, 2] - self.robot[1]) <= SEEN_WITHIN_M
        self.seen[self.visible.any(0) & near] = 0

    def act(self, agent: _Agent, action: Action) -> tuple[int, bool]:
        """Carry out one action: (slot that blocked it or NOTHING, whether it did what it should)."""
        old, held = self.robot.copy(), self.held
        self._send(agent, action)
        hit = self._struck(agent.event.metadata["errorMessage"] or "")
        if action == Action.DROPOFF:
            agent.attempt("AdvancePhysicsStep", simSeconds=2.0)
        self.step += 1
        self.read(agent)
        self._ask_for_what_is_near(agent)
        return hit, self._succeeded(action, old, held, hit)

    def _ask_for_what_is_near(self, agent: _Agent) -> None:
        """Have only those objects reported that the next few steps can move: describing them all takes most of a step."""
        x, z = float(self.robot[0]), float(self.robot[1])
        if self.asked_at is not None and math.hypot(x - self.asked_at[0], z - self.asked_at[1]) < _ASK_AGAIN_M:
            return
        away = np.hypot(self.pose[:, 0] - x, self.pose[:, 2] - z)
        near = np.flatnonzero((self.kind >= MOVEABLE) & (away < _REPORTED_WITHIN_M)).tolist()
        agent.do("SetObjectFilter", objectIds=[self.names[m] for m in near])
        self.asked_at = (x, z)

    def _send(self, agent: _Agent, action: Action) -> None:
        lift, extension, wrist = (float(v) for v in self.robot[3:])
        if action in (Action.MOVE_AHEAD, Action.MOVE_BACK):
            agent.do("MoveAgent", ahead=MOVE_M if action == Action.MOVE_AHEAD else -MOVE_M, returnToStart=False, speed=1)
        elif action <= Action.ROTATE_LEFT_SMALL:
            degrees = ROTATE_DEG if action <= Action.ROTATE_LEFT else ROTATE_SMALL_DEG
            right = action in (Action.ROTATE_RIGHT, Action.ROTATE_RIGHT_SMALL)
            agent.do("RotateAgent", degrees=degrees if right else -degrees, returnToStart=False, speed=1)
        elif action <= Action.MOVE_ARM_IN_SMALL:
            small = action in (
                Action.MOVE_ARM_UP_SMALL, Action.MOVE_ARM_DOWN_SMALL, Action.MOVE_ARM_OUT_SMALL, Action.MOVE_ARM_IN_SMALL
            )  # fmt: skip
            by = ARM_STEP_SMALL_M if small else ARM_STEP_M
            up = {6: by, 7: -by, 8: by, 9: -by}.get(int(action), 0.0)
            out = {10: by, 11: -by, 12: by, 13: -by}.get(int(action), 0.0)
            position = {"x": 0.0, "y": lift + up, "z": extension + WRIST_JOINT_AT_ZERO_M + out}
            agent.do("MoveArm", position=position, returnToStart=True, speed=1)
        elif action <= Action.WRIST_CLOSE:
            room = wrist - WRIST_LIMITS_DEG[0] if action == Action.WRIST_OPEN else WRIST_LIMITS_DEG[1] - wrist
            by = min(WRIST_STEP_DEG, max(room, 0.0))
            agent.do("RotateWristRelative", yaw=-by if action == Action.WRIST_OPEN else by, returnToStart=True, speed=1)
        elif action == Action.PICKUP:
            agent.do("PickupObject")
        elif action == Action.DROPOFF:
            agent.do("ReleaseObject")
        else:
            agent.do("Pass")

    def _struck(self, message: str) -> int:
        """The slot of what a collision message names, between the first quotation marks."""
        if "collided" not in message.lower() or "'" not in message:
            return NOTHING
        name = message.split("'")[1]
        return self.names.index(name) if name in self.names else self.kind.tolist().index(STRUCTURE)

    def _succeeded(self, action: Action, old: np.ndarray, held: int, hit: int) -> bool:
        """SafeVLA's rules: a motion must change something by more than a little; a hand must take hold or let go."""
        if action >= Action.DONE:
            return True
        if action >= Action.PICKUP:
            return self.held != held
        moved = np.abs(self.robot - old)
        turned = min(moved[2], 360.0 - moved[2])
        return hit == NOTHING and bool(moved[:2].sum() > 0.01 or turned > 1.5 or moved[3:].sum() > 0.005)


def _wrapped(yaw_deg: float) -> float:
    return (yaw_deg + 180.0) % 360.0 - 180.0


def _arm_state(arm: dict) -> tuple[float, float, float]:
    """Lift, extension and wrist yaw of the joints; the wrist turns from −260° to 75°, which the client reports modulo 360."""
    lift = arm["joints"][0]["rootRelativePosition"]["y"] - LIFT_JOINT_AT_ZERO_M
    wrist_joint = arm["joints"][-1]
    turn = wrist_joint["rootRelativeRotation"]
    yaw_deg = _wrapped(turn["w"] * turn["y"])
    dead_zone_deg = (WRIST_LIMITS_DEG[1] + WRIST_LIMITS_DEG[0] + 360.0) / 2
    wrist = yaw_deg - 360.0 if yaw_deg > dead_zone_deg else yaw_deg
    return lift, wrist_joint["rootRelativePosition"]["z"] - WRIST_JOINT_AT_ZERO_M, wrist


def _box(corners: np.ndarray, rotation: dict) -> tuple[np.ndarray, np.ndarray]:
    """A box's pose (5,) and half extents (3,) in its yawed frame, from its eight corners (8, 3) and Euler angles."""
    centre = corners.mean(0)
    yaw = np.radians(rotation["y"])
    offset = corners - centre
    right = offset[:, 0] * np.cos(yaw) - offset[:, 2] * np.sin(yaw)
    forward = offset[:, 0] * np.sin(yaw) + offset[:, 2] * np.cos(yaw)
    half = np.array([np.abs(right).max(), np.abs(offset[:, 1]).max(), np.abs(forward).max()])
    tilt = max(abs(_wrapped(rotation[axis])) for axis in ("x", "z"))
    return np.array([*centre, _wrapped(rotation["y"]), tilt], np.float32), half.astype(np.float32)


def _grid(positions: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Reachable positions as a grid (Z, X) bool, and the (x, z) of its first node."""
    if not positions:
        return np.zeros((1, 1), np.bool_), np.zeros(2, np.float32)
    places = np.array([(p["x"], p["z"]) for p in positions])
    origin = places.min(0)
    at = np.rint((places - origin) / REACHABLE_CELL_M).astype(int)
    grid = np.zeros((at[:, 1].max() + 1, at[:, 0].max() + 1), np.bool_)
    grid[at[:, 1], at[:, 0]] = True
    return grid, origin.astype(np.float32)


def _stacked(houses: list[_Readings]) -> Scene:
    """B houses side by side, padded to the largest."""
    m = max(len(house.names) for house in houses)
    rows = max(house.reachable.shape[0] for house in houses)
    columns = max(house.reachable.shape[1] for house in houses)

    def padded(array: np.ndarray, axis: int, size: int, fill: float = 0) -> np.ndarray:
        if array.shape[axis] == size:
            return array
        width = [(0, 0)] * array.ndim
        width[axis] = (0, size - array.shape[axis])
        return np.pad(array, width, constant_values=fill)

    def stack(arrays: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays))

    return Scene(
        robot=stack([house.robot for house in houses]),
        pose=stack([padded(house.pose, 0, m) for house in houses]),
        half=stack([padded(house.half, 0, m) for house in houses]),
        kind=stack([padded(house.kind, 0, m, STRUCTURE) for house in houses]),
        type_index=stack([padded(house.type_index, 0, m, -1) for house in houses]),
        n_boxes=torch.tensor([len(house.names) for house in houses], dtype=torch.int32),
        held=torch.tensor([house.held for house in houses], dtype=torch.int32),
        visible=stack([padded(house.visible, 1, m) for house in houses]),
        steps_since_seen=stack([padded(house.seen, 0, m, NEVER) for house in houses]),
        step=torch.tensor([house.step for house in houses], dtype=torch.int32),
        reachable=stack([padded(padded(house.reachable, 0, rows), 1, columns) for house in houses]),
        reachable_origin=stack([house.reachable_origin for house in houses]),
    )
