"""Process: one AI2-THOR process, started, asked and stopped."""

import contextlib
import gc
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from safevla.config.thor_options import ThorOptions
from safevla.sim.interface import REACHABLE_CELL_M, SimulatorError
from safevla.sim.robot import VERTICAL_FOV_DEG

_CROP = {(224, 384): 6}  # columns that SafeVLA cuts off each side of a 396-pixel picture
# What is done where a build (such as the released 5.0.0, most probably) lacks an action that SafeVLA's own build has.
_WITHOUT = {
    "RotateCameraMount": "its cameras keep the pitch that they are made with",
    "ChangeFOV": "its cameras keep the field of view that they are made with",
    "GetVisibleObjects": "an object counts as visible in both cameras when its metadata say so",
    "AdvancePhysicsStep": "a let-go object has as long to settle as one action takes",
    "RandomizeColors": "objects keep their colours",
    "RandomizeMaterials": "objects, walls and floors keep their materials",
    "ToggleMagnetVisibility": "the hand's sphere may be seen",
}


class Agent:
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
