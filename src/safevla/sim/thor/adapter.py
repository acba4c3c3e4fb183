"""AI2-THOR behind the simulator's contract: B processes of the real `ai2thor` client, one house each.

Houses are created with `CreateHouse`, the cameras calibrated as SafeVLA does, the twenty actions carried out with their
success rules, and what the client reports is read back into the same `Scene` and `Transition` that the embedded simulator
fills, so that everything above runs unchanged. `ai2thor` is imported only when a process is started (`sim.thor.process`).

What an object is (its mobility, type and slot) comes from the house file; where it is, from the client.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from safevla.config.thor_options import ThorOptions
from safevla.sim.actions import Action
from safevla.sim.geometry import noise
from safevla.sim.interface import CAMERAS, NOTHING, REACHABLE_CELL_M, Scene, SceneStart, SimulatorError, Transition, check_slots
from safevla.sim.robot import AGENT_HEIGHT_M, CAMERA_JITTER_DEG, ROBOTS, VERTICAL_FOV_DEG
from safevla.sim.thor.process import Agent
from safevla.sim.thor.readings import Readings, stacked
from safevla.world import house_file, looks
from safevla.world.boxes import MOVEABLE


class ThorSimulator:
    """See the module's docstring; the contract is `sim.interface.Simulator`."""

    device, takes_arrays = torch.device("cpu"), False

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
        self._starts: list[SceneStart | None] = [None] * n_envs
        self._agents = [Agent(options or ThorOptions(), self.image_size) for _ in range(n_envs)]
        self._scenes: list[Readings | None] = [None] * n_envs
        self._aborted: list[int] = []
        self._last: Scene | None = None  # after the last step, unless an episode has been started since

    def reset(self, starts: Sequence[SceneStart]) -> Scene:
        return self.reset_some(range(self.n_envs), starts)

    def reset_some(self, slots: Sequence[int], starts: Sequence[SceneStart]) -> Scene:
        slots = list(slots)
        check_slots(slots, starts)
        for slot, start in zip(slots, starts, strict=True):
            self._load(slot, start)
        self._last = None
        return self.scene()

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        raise SimulatorError("AI2-THOR builds houses from their files: arrays cannot be started in it")

    def _load(self, slot: int, start: SceneStart) -> None:
        agent, layout = self._agents[slot], start.layout
        agent.start(start.house)
        x, z, yaw_deg = start.start
        agent.do("Teleport", position={"x": x, "y": AGENT_HEIGHT_M, "z": z}, rotation={"x": 0.0, "y": yaw_deg, "z": 0.0})
        fov_jitter, pitch_jitter, _ = CAMERA_JITTER_DEG
        names = ("FirstPersonCharacter", "SecondaryCamera")
        for c, camera in enumerate(ROBOTS["stretch"]):
            pitch = np.float32(camera.pitch_deg) + pitch_jitter * (2.0 * noise(start.seed, 2 * c) - 1.0)
            fov = VERTICAL_FOV_DEG + fov_jitter * (2.0 * noise(start.seed, 2 * c + 1) - 1.0)
            agent.attempt("RotateCameraMount", degrees=float(np.float32(pitch)), secondary=c == 1)
            agent.attempt("ChangeFOV", fieldOfView=float(np.float32(fov)), camera=names[c])
        house_looks = looks.of_house(start.house)  # what a house file says but Unity ignores
        if house_looks.colors == looks.UNSEEN or any("color" in obj for obj, _ in house_file.objects(start.house)):
            agent.attempt("RandomizeColors")
        if house_looks.materials == looks.UNSEEN:
            agent.attempt("RandomizeMaterials")
        agent.attempt("ToggleMagnetVisibility", visible=False)
        agent.attempt("AdvancePhysicsStep", simSeconds=1.0)
        positions = agent.do("GetReachablePositions", gridSize=REACHABLE_CELL_M)
        movable = [name for name, mobility in zip(layout.names, layout.mobility, strict=True) if mobility >= MOVEABLE]
        agent.do("SetObjectFilter", objectIds=movable)
        agent.do("Pass")
        self._starts[slot] = start
        self._scenes[slot] = Readings.of(start, positions, agent)

    def step(self, actions: torch.Tensor) -> Transition:
        actions = torch.as_tensor(actions)
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        if actions.min() < 0 or actions.max() >= len(Action):
            raise SimulatorError(f"actions must be 0 to {len(Action) - 1}")
        before = self.scene() if self._last is None else self._last
        collided, succeeded = [], []
        self._aborted = []
        for slot, action in enumerate(actions.tolist()):
            kept = self._scenes[slot].kept()
            try:
                hit, success = self._scenes[slot].act(self._agents[slot], Action(action))
            except SimulatorError as error:
                warnings.warn(f"episode {self._starts[slot].id} is aborted: {error}", stacklevel=2)
                self._aborted.append(slot)
                self._scenes[slot], hit, success = kept, NOTHING, False
            collided.append(hit)
            succeeded.append(success)
        self._last = self.scene()
        return Transition(
            before,
            actions.long(),
            self._last,
            torch.tensor(collided, dtype=torch.int32),
            torch.tensor(succeeded, dtype=torch.bool),
        )

    def scene(self) -> Scene:
        """The current scene; its tensors are copies."""
        return stacked([readings for readings in self._scenes if readings is not None])

    def aborted(self) -> list[int]:
        return list(self._aborted)

    def render(self) -> dict[str, torch.Tensor]:
        drawn = [agent.pictures() for agent in self._agents]
        return {name: torch.from_numpy(np.stack([pictures[c] for pictures in drawn])) for c, name in enumerate(CAMERAS)}

    def close(self) -> None:
        for agent in self._agents:
            agent.stop()
