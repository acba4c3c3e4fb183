"""The simulator's contract: actions in, transitions and pictures out, for B episodes at once.

Units and frame everywhere: metres, degrees, Unity's left-handed frame with y up and yaw clockwise from +z. Tensors are
batched over B episodes and, where they speak of things, over M box slots, of which the first `n_boxes[b]` are used.
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from safevla.tasks.episode_batch import Packed
    from safevla.tasks.episodes import Episode


class Action(enum.IntEnum):
    """The twenty discrete actions of the Stretch robot, in the order of the action space."""

    MOVE_AHEAD = 0
    MOVE_BACK = 1
    ROTATE_RIGHT = 2
    ROTATE_LEFT = 3
    ROTATE_RIGHT_SMALL = 4
    ROTATE_LEFT_SMALL = 5
    MOVE_ARM_UP = 6
    MOVE_ARM_DOWN = 7
    MOVE_ARM_UP_SMALL = 8
    MOVE_ARM_DOWN_SMALL = 9
    MOVE_ARM_OUT = 10
    MOVE_ARM_IN = 11
    MOVE_ARM_OUT_SMALL = 12
    MOVE_ARM_IN_SMALL = 13
    WRIST_OPEN = 14
    WRIST_CLOSE = 15
    PICKUP = 16
    DROPOFF = 17
    DONE = 18
    SUB_DONE = 19


# The short names that episode files and logs of the field use, in the order of `Action`.
ACTION_SHORT_NAMES = (
    "m", "b", "r", "l", "rs", "ls", "yp", "ym", "yps", "yms", "zp", "zm", "zps", "zms", "wp", "wm", "p", "d", "end",
    "sub_done",
)  # fmt: skip
N_ACTIONS = len(Action)
N_BASE_MOTIONS = 6  # the first actions: ahead, back, and four turns

CAMERAS = ("navigation", "manipulation")

NOTHING = -1  # in `Scene.held` and `Transition.collided_with`
NEVER = 1_000_000  # in `Scene.steps_since_seen`
REACHABLE_CELL_M = 0.15  # spacing of `Scene.reachable`: 0.75 of a 0.20 m move


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is where. Tensors may share the simulator's memory: they hold until the next call of `step` or `reset`."""

    robot: torch.Tensor  # (B, 6) x, z, yaw, lift, extension, wrist yaw
    pose: torch.Tensor  # (B, M, 5) box centre x, y, z; yaw; tilt (0 upright, 90 toppled)
    half: torch.Tensor  # (B, M, 3) half extents in the box's frame
    kind: torch.Tensor  # (B, M) int8: layout.STRUCTURE, FIXED, MOVEABLE, PICKUPABLE
    type_index: torch.Tensor  # (B, M) int16 into catalogue.TYPES, -1 for the structure
    n_boxes: torch.Tensor  # (B,) int32
    held: torch.Tensor  # (B,) int32 slot of the object in the hand, or NOTHING
    visible: torch.Tensor  # (B, C, M) bool: enough of the object's pixels are in camera c's picture
    steps_since_seen: torch.Tensor  # (B, M) int32 observations since a camera showed it within 4 m; 0 now, NEVER
    step: torch.Tensor  # (B,) int32 actions taken in this episode
    reachable: torch.Tensor  # (B, Z, X) bool: a robot's centre fits there, REACHABLE_CELL_M apart
    reachable_origin: torch.Tensor  # (B, 2) x and z of reachable[:, 0, 0]

    def select(self, rows: torch.Tensor) -> "Scene":
        """The scenes of some episodes, rows (n,) int64."""
        return Scene(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True)
class Transition:
    """One step of every episode: the only thing that costs and rewards are computed from."""

    before: Scene
    action: torch.Tensor  # (B,) int64
    after: Scene
    collided_with: torch.Tensor  # (B,) int32 slot that blocked the motion, or NOTHING
    succeeded: torch.Tensor  # (B,) bool: no collision, and the robot's state changed

    def select(self, rows: torch.Tensor) -> "Transition":
        """The transitions of some episodes, rows (n,) int64."""
        return Transition(
            self.before.select(rows), self.action[rows], self.after.select(rows),
            self.collided_with[rows], self.succeeded[rows],
        )  # fmt: skip


class Simulator(Protocol):
    """B episodes at once. A slot whose episode has ended is started anew with `reset_some`."""

    n_envs: int
    image_size: tuple[int, int]  # (height, width) in pixels
    device: torch.device  # where its tensors are
    packs: bool  # whether `reset_packed` works

    def reset(self, episodes: Sequence["Episode"]) -> Scene:
        """Start B episodes. Raises SimulatorError naming the house if one cannot be played."""
        ...

    def reset_some(self, slots: Sequence[int], episodes: Sequence["Episode"]) -> Scene:
        """Start new episodes in some slots and leave the others as they are."""
        ...

    def reset_packed(self, slots: torch.Tensor, packed: "Packed", rows: torch.Tensor) -> Scene:
        """Start packed episodes, rows (n,) int64, in slots (n,) int64, all on the simulator's device."""
        ...

    def scene(self) -> Scene:
        """What is where now."""
        ...

    def step(self, actions: torch.Tensor) -> Transition:
        """Carry out one action (B,) in every episode."""
        ...

    def lost(self) -> list[int]:
        """Slots whose episode was lost in the last step, because what simulates it died; nothing has changed there since.

        Such an episode cannot go on: its slot has to be started anew with `reset_some`.
        """
        ...

    def render(self) -> dict[str, torch.Tensor]:
        """The cameras' current pictures, {"navigation": (B, H, W, 3) uint8, "manipulation": …}."""
        ...

    def close(self) -> None:
        """Release what the simulator holds."""
        ...


class SimulatorError(RuntimeError):
    """The simulator could not do what was asked; the message names the episode and the reason."""


def check_slots(slots: Sequence[int], episodes: Sequence["Episode"]) -> None:
    """Raise SimulatorError unless there is one episode per slot."""
    if len(slots) != len(episodes):
        raise SimulatorError(f"{len(slots)} slots but {len(episodes)} episodes")
