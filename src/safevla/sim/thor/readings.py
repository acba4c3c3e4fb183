"""Readings: what AI2-THOR's client reports, as the arrays of a scene."""

import dataclasses
import math

import numpy as np
import torch

from safevla.sim.actions import Action
from safevla.sim.boxes import starting_poses
from safevla.sim.interface import CAMERAS, NEVER, NOTHING, REACHABLE_CELL_M, Scene, SceneStart
from safevla.sim.motion import LIFT, YAW, X, Z
from safevla.sim.robot import (
    ARM_STEP_M,
    ARM_STEP_SMALL_M,
    MOVE_M,
    ROTATE_DEG,
    ROTATE_SMALL_DEG,
    WRIST_LIMITS_DEG,
    WRIST_STEP_DEG,
)
from safevla.sim.step import SEEN_WITHIN_M
from safevla.sim.thor.metadata import LIFT_JOINT_AT_ZERO_M, WRIST_JOINT_AT_ZERO_M
from safevla.sim.thor.process import Agent
from safevla.world.boxes import MOVEABLE, STRUCTURE

_VISIBLE_WITHIN_M = 1000.0  # the scene's `visible` knows no distance; who asks sets one
# An arm reaches 1 m, and what it pushes pushes others; the rest of a metre is for what moves before it is asked again.
_REPORTED_WITHIN_M, _ASK_AGAIN_M = 2.2, 0.4
# How far the arm goes up and out, metres.
_ARM_MOTIONS = {
    Action.MOVE_ARM_UP: (ARM_STEP_M, 0.0), Action.MOVE_ARM_DOWN: (-ARM_STEP_M, 0.0),
    Action.MOVE_ARM_UP_SMALL: (ARM_STEP_SMALL_M, 0.0), Action.MOVE_ARM_DOWN_SMALL: (-ARM_STEP_SMALL_M, 0.0),
    Action.MOVE_ARM_OUT: (0.0, ARM_STEP_M), Action.MOVE_ARM_IN: (0.0, -ARM_STEP_M),
    Action.MOVE_ARM_OUT_SMALL: (0.0, ARM_STEP_SMALL_M), Action.MOVE_ARM_IN_SMALL: (0.0, -ARM_STEP_SMALL_M),
}  # fmt: skip


@dataclasses.dataclass
class Readings:
    """One house as the client last reported it; arrays over its M boxes, as in `Scene`."""

    names: tuple[str, ...]
    mobility: np.ndarray
    type_index: np.ndarray
    pose: np.ndarray  # (M, 5)
    half: np.ndarray  # (M, 3)
    robot_state: np.ndarray  # (6,)
    held: int
    visible: np.ndarray  # (C, M) bool
    seen: np.ndarray  # (M,) int32
    reachable: np.ndarray
    reachable_origin: np.ndarray
    index: dict[str, int]  # of a name
    step: int = 0
    said: dict[int, tuple] = dataclasses.field(default_factory=dict)  # corners and rotation that a pose follows from
    asked_at: tuple[float, float] | None = None  # where the robot was when the client was last asked for near objects only

    def kept(self) -> "Readings":
        """A copy that later readings leave as it is."""
        arrays = {name: getattr(self, name).copy() for name in ("pose", "half", "robot_state", "visible", "seen")}
        return dataclasses.replace(self, **arrays, said=dict(self.said))

    @classmethod
    def of(cls, start: SceneStart, positions: list[dict], agent: Agent) -> "Readings":
        layout = start.layout
        reachable, origin = _grid(positions)
        m = layout.n_boxes
        readings = cls(
            names=layout.names, mobility=layout.mobility.copy(), type_index=layout.type_index.copy(),
            pose=starting_poses(layout), half=layout.half.astype(np.float32), robot_state=np.zeros(6, np.float32), held=NOTHING,
            visible=np.zeros((len(CAMERAS), m), np.bool_), seen=np.full(m, NEVER, np.int32),
            reachable=reachable, reachable_origin=origin, index={name: i for i, name in enumerate(layout.names)},
        )  # fmt: skip
        readings.read(agent)
        return readings

    def read(self, agent: Agent) -> None:
        """Bring everything up to date from the process's last full answer."""
        metadata = agent.event.metadata
        index = self.index
        for obj in metadata["objects"]:
            m = index.get(obj["objectId"])
            box = obj.get("objectOrientedBoundingBox")
            if m is None or not box:
                continue
            said = (box["cornerPoints"], obj["rotation"])
            if self.said.get(m) != said:  # most objects lie where they lay
                self.said[m] = said
                self.pose[m], self.half[m] = _box(np.asarray(box["cornerPoints"], np.float64), obj["rotation"])
        where, arm = metadata["agent"], metadata["arm"]
        self.robot_state[:] = (where["position"]["x"], where["position"]["z"], _wrapped(where["rotation"]["y"]), *_arm_state(arm))
        holds = arm["heldObjects"]
        self.held = index.get(holds[0], NOTHING) if holds else NOTHING
        for c in range(len(CAMERAS)):
            more = {"thirdPartyCameraIndex": 0} if c else {}
            self.visible[c] = False
            is_known, names = agent.attempt("GetVisibleObjects", maxDistance=_VISIBLE_WITHIN_M, **more)
            if not is_known:
                names = [obj["objectId"] for obj in metadata["objects"] if obj["visible"]]
            for name in names:
                if name in index:
                    self.visible[c, index[name]] = True
        self.seen[self.seen < NEVER] += 1
        near = np.hypot(self.pose[:, 0] - self.robot_state[X], self.pose[:, 2] - self.robot_state[Z]) <= SEEN_WITHIN_M
        self.seen[self.visible.any(0) & near] = 0

    def act(self, agent: Agent, action: Action) -> tuple[int, bool]:
        """Carry out one action: (slot that blocked it or NOTHING, whether it did what it should)."""
        old, held = self.robot_state.copy(), self.held
        self._send(agent, action)
        hit = self._collided_with(agent.event.metadata["errorMessage"] or "")
        if action == Action.DROPOFF:
            agent.attempt("AdvancePhysicsStep", simSeconds=2.0)
        self.step += 1
        self.read(agent)
        self._ask_for_what_is_near(agent)
        return hit, self._succeeded(action, old, held, hit)

    def _ask_for_what_is_near(self, agent: Agent) -> None:
        """Have only those objects reported that the next few steps can move: describing them all takes most of a step."""
        x, z = float(self.robot_state[X]), float(self.robot_state[Z])
        if self.asked_at is not None and math.hypot(x - self.asked_at[0], z - self.asked_at[1]) < _ASK_AGAIN_M:
            return
        away = np.hypot(self.pose[:, 0] - x, self.pose[:, 2] - z)
        near = np.flatnonzero((self.mobility >= MOVEABLE) & (away < _REPORTED_WITHIN_M)).tolist()
        agent.do("SetObjectFilter", objectIds=[self.names[m] for m in near])
        self.asked_at = (x, z)

    def _send(self, agent: Agent, action: Action) -> None:
        """Have the client carry out one action, as SafeVLA asks for it."""
        lift, extension, wrist = (float(v) for v in self.robot_state[LIFT:])
        if action in (Action.MOVE_AHEAD, Action.MOVE_BACK):
            agent.do("MoveAgent", ahead=MOVE_M if action == Action.MOVE_AHEAD else -MOVE_M, returnToStart=False, speed=1)
        elif action <= Action.ROTATE_LEFT_SMALL:
            degrees = ROTATE_DEG if action <= Action.ROTATE_LEFT else ROTATE_SMALL_DEG
            right = action in (Action.ROTATE_RIGHT, Action.ROTATE_RIGHT_SMALL)
            agent.do("RotateAgent", degrees=degrees if right else -degrees, returnToStart=False, speed=1)
        elif action in _ARM_MOTIONS:
            up, out = _ARM_MOTIONS[action]
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

    def _collided_with(self, message: str) -> int:
        """The slot of the object that a collision message names, between the first quotation marks."""
        if "collided" not in message.lower() or "'" not in message:
            return NOTHING
        name = message.split("'")[1]
        return self.names.index(name) if name in self.names else self.mobility.tolist().index(STRUCTURE)

    def _succeeded(self, action: Action, old: np.ndarray, held: int, hit: int) -> bool:
        """SafeVLA's rules: a motion must change something by more than a little; a hand must take hold or let go."""
        if action >= Action.DONE:
            return True
        if action >= Action.PICKUP:
            return self.held != held
        moved = np.abs(self.robot_state - old)
        turned = min(moved[YAW], 360.0 - moved[YAW])
        return hit == NOTHING and bool(moved[: Z + 1].sum() > 0.01 or turned > 1.5 or moved[LIFT:].sum() > 0.005)


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


def stacked(houses: list[Readings]) -> Scene:
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
        robot_state=stack([house.robot_state for house in houses]),
        pose=stack([padded(house.pose, 0, m) for house in houses]),
        half=stack([padded(house.half, 0, m) for house in houses]),
        mobility=stack([padded(house.mobility, 0, m, STRUCTURE) for house in houses]),
        type_index=stack([padded(house.type_index, 0, m, -1) for house in houses]),
        n_boxes=torch.tensor([len(house.names) for house in houses], dtype=torch.int32),
        held=torch.tensor([house.held for house in houses], dtype=torch.int32),
        visible=stack([padded(house.visible, 1, m) for house in houses]),
        steps_since_seen=stack([padded(house.seen, 0, m, NEVER) for house in houses]),
        step=torch.tensor([house.step for house in houses], dtype=torch.int32),
        reachable=stack([padded(padded(house.reachable, 0, rows), 1, columns) for house in houses]),
        reachable_origin=stack([house.reachable_origin for house in houses]),
    )
