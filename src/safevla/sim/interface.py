"""The simulator's contract: actions in, transitions and pictures out, for B episodes at once.

Units and frame everywhere: metres, degrees, Unity's left-handed frame with y up and yaw clockwise from +z. Tensors are
batched over B episodes and, where they speak of objects, over M box slots, of which the first `n_boxes[b]` are used.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch

from safevla.world.house_file import House
from safevla.world.layout import Layout, compile_house

CAMERAS = ("navigation", "manipulation")

NOTHING = -1  # in `Scene.held` and `Transition.collided_with`
NEVER = 1_000_000  # in `Scene.steps_since_seen`
REACHABLE_CELL_M = 0.15  # spacing of `Scene.reachable`: 0.75 of a 0.20 m move


@dataclasses.dataclass(frozen=True, kw_only=True)
class SceneStart:
    """What a simulator needs to know of an episode: a house, where the robot begins in it, and the seed of all that varies."""

    id: str
    house: House = dataclasses.field(repr=False, compare=False)
    start: tuple[float, float, float]  # x, z in metres, yaw in degrees
    seed: int

    @functools.cached_property
    def layout(self) -> Layout:
        """The house's arrays."""
        return compile_house(self.house)


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is where. Tensors may share the simulator's memory: they hold until the next call of `step` or `reset`."""

    robot_state: torch.Tensor  # (B, 6) x, z, yaw, lift, extension, wrist yaw
    pose: torch.Tensor  # (B, M, 5) box centre x, y, z; yaw; tilt (0 upright, 90 toppled)
    half: torch.Tensor  # (B, M, 3) half extents in the box's frame
    mobility: torch.Tensor  # (B, M) int8: STRUCTURE, FIXED, MOVEABLE or PICKUPABLE, of `world.boxes`
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
    """One step of every episode: the only object that costs and rewards are computed from."""

    before: Scene
    action: torch.Tensor  # (B,) int64
    after: Scene
    collided_with: torch.Tensor  # (B,) int32 slot that blocked the motion, or NOTHING
    succeeded: torch.Tensor  # (B,) bool: no collision, and the robot's state changed


class Simulator(Protocol):
    """B episodes at once. A slot whose episode has ended is started anew with `reset_some`."""

    n_envs: int
    image_size: tuple[int, int]  # (height, width) in pixels
    robot_name: str  # one of `robot.ROBOTS`
    device: torch.device  # where its tensors are
    takes_arrays: bool  # whether `reset_arrays` works

    def reset(self, starts: Sequence[SceneStart]) -> Scene:
        """Start B episodes. Raises SimulatorError naming the house if one cannot be played."""
        ...

    def reset_some(self, slots: Sequence[int], starts: Sequence[SceneStart]) -> Scene:
        """Start new episodes in some slots and leave the others as they are."""
        ...

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        """Start episodes in slots (n,) int64 from rows (n,) int64 of the arrays that `sim.state.ARRAYS` names.

        All of these are on the simulator's device. Raises SimulatorError where `takes_arrays` is False.
        """
        ...

    def scene(self) -> Scene:
        """What is where now."""
        ...

    def step(self, actions: torch.Tensor) -> Transition:
        """Carry out one action (B,) in every episode."""
        ...

    def aborted(self) -> list[int]:
        """Slots whose episode was aborted in the last step, because what simulates it died; nothing has changed there since.

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


def check_slots(slots: Sequence[int], starts: Sequence[SceneStart]) -> None:
    """Raise SimulatorError unless there is one episode per slot."""
    if len(slots) != len(starts):
        raise SimulatorError(f"{len(slots)} slots but {len(starts)} episodes")
