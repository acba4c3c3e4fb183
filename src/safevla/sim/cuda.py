"""The embedded simulator on a GPU: the same physics, rules and geometry, compiled for CUDA, behind the same contract.

One thread moves one house; `sim.cuda_render` draws. Nothing leaves the GPU; tensors that `scene` and `render` give are the
simulator's own memory. After the first steps a step's kernels are recorded, and started as one graph.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numba
import numpy as np
import torch

from safevla.runtime import kernels
from safevla.sim import cuda_render, robot
from safevla.sim.actions import Action
from safevla.sim.contact import MAX_CHAIN
from safevla.sim.interface import CAMERAS, NOTHING, Scene, SceneStart, SimulatorError, Transition, check_slots
from safevla.sim.state import ARRAYS, SimState, blank, mounts, scene, starting_arrays
from safevla.sim.step import note_seen, pixels_needed, step_row

cuda = kernels.cuda()
_WARP = 32  # threads
_SEEN_THREADS = 64


class CudaSimulator:
    """Implements `sim.interface.Simulator` on a GPU; options as `EmbeddedSimulator`'s, and the device that holds its tensors."""

    takes_arrays = True

    def __init__(
        self,
        n_envs: int,
        image_size: tuple[int, int] = (36, 64),
        robot_name: str = "stretch",
        actuation_noise: float = 0.0,
        camera_jitter_deg: tuple[float, float, float] = robot.CAMERA_JITTER_DEG,
        device: torch.device | str = "cuda",
    ):
        if not 0.0 <= actuation_noise < 1.0:
            raise SimulatorError(f"actuation_noise is {actuation_noise}, expected a share from 0 to 1")
        self.n_envs, self.image_size, self.device = n_envs, tuple(image_size), torch.device(device)
        self.robot_name, self.camera_jitter_deg = robot_name, camera_jitter_deg
        self._actuation_noise = actuation_noise
        self._mount = torch.from_numpy(mounts(robot_name)).to(self.device)
        state = SimState(n_envs, mounts(robot_name), camera_jitter_deg)
        self._arrays = {name: torch.from_numpy(getattr(state, name)).to(self.device) for name in ARRAYS}
        b, c, (h, w) = n_envs, len(CAMERAS), self.image_size
        self._rgb = torch.zeros(b, c, h, w, 3, dtype=torch.uint8, device=self.device)
        # filled once somebody has asked for them
        self._depth = torch.zeros(0, c, h, w, device=self.device)
        self._ids = torch.zeros(0, c, h, w, dtype=torch.int32, device=self.device)
        self._needed = pixels_needed(self.image_size)
        self._everybody = torch.arange(n_envs, device=self.device)
        self._actions = torch.zeros(n_envs, dtype=torch.int64, device=self.device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_warm = False  # every kernel of a step has been compiled
        self._bind()

    @property
    def _capacity(self) -> int:
        return self._arrays["pose"].shape[1]

    # the contract ------------------------------------------------------------------------------------------

    def reset(self, starts: Sequence[SceneStart]) -> Scene:
        return self.reset_some(range(self.n_envs), starts)

    def reset_some(self, slots: Sequence[int], starts: Sequence[SceneStart]) -> Scene:
        slots = list(slots)
        check_slots(slots, starts)
        if not slots:
            return self.scene()
        packed = starting_arrays(starts, self.robot_name, self.camera_jitter_deg)
        arrays = {name: array.to(self.device) for name, array in packed.items()}
        return self.reset_arrays(torch.tensor(slots, device=self.device), arrays, torch.arange(len(slots), device=self.device))

    def reset_arrays(self, slots: torch.Tensor, arrays: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Scene:
        if arrays["pose"].shape[1] > cuda_render.MAX_BOXES:
            raise SimulatorError(f"a house of over {cuda_render.MAX_BOXES} boxes: the GPU's simulator cannot count their pixels")
        for name in ARRAYS:
            new = arrays[name]
            if any(more > have for more, have in zip(new.shape[1:], self._arrays[name].shape[1:], strict=True)):
                self._grow(arrays)
                break
        for name in ARRAYS:
            mine, new = self._arrays[name], arrays[name].index_select(0, rows)
            if mine.shape[1:] == new.shape[1:]:
                mine.index_copy_(0, slots, new)
                continue
            whole = blank(name, (len(slots), *mine.shape[1:]), self.device)
            whole[tuple(slice(0, size) for size in new.shape)] = new
            mine.index_copy_(0, slots, whole)
        self._observe(slots)
        return self.scene()

    def _grow(self, arrays: Mapping[str, torch.Tensor]) -> None:
        """Make room for the largest of these houses."""
        for name in ARRAYS:
            old = self._arrays[name]
            size = tuple(max(pair) for pair in zip(old.shape[1:], arrays[name].shape[1:], strict=True))
            if size == old.shape[1:]:
                continue
            self._arrays[name] = blank(name, (self.n_envs, *size), self.device)
            self._arrays[name][tuple(slice(0, n) for n in old.shape)] = old
        self._bind()

    def _bind(self) -> None:
        """Make the scratch memory anew, and Numba's views of all that lasts, after an array was replaced."""
        b, c, m = self.n_envs, len(CAMERAS), self._capacity
        n_parts = self._arrays["parts"].shape[1]
        self._near = torch.zeros(b, m, dtype=torch.int64, device=self.device)
        self._shown = cuda_render.shown_arrays(b, c, m, n_parts, self.device)
        view = kernels.cuda_view  # making one takes longer than launching a kernel
        self._views = {name: view(array) for name, array in self._arrays.items()}
        self._shown_views = [view(array) for array in self._shown]
        self._pictures = [view(array) for array in (self._rgb, self._depth, self._ids)]
        self._fixed = {"mount": view(self._mount), "near": view(self._near), "actions": view(self._actions)}
        self._graph = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle holds: not the views of this simulator's memory, and no recording of kernels that use it."""
        bound = ("_views", "_shown_views", "_pictures", "_fixed", "_graph", "_transition")
        return {name: value for name, value in vars(self).items() if name not in bound}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bind()

    def step(self, actions: torch.Tensor) -> Transition:
        if actions.shape != (self.n_envs,):
            raise SimulatorError(f"actions have shape {tuple(actions.shape)}, expected ({self.n_envs},)")
        self._actions.copy_(actions)
        if self._graph is not None:
            self._graph.replay()
        elif not self._is_warm or self.device.type == "cpu":
            self._transition, self._is_warm = self._carry_out(), True
        else:  # the same kernels with the same arguments at every step: recorded once, and started as one
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._transition = self._carry_out()
            self._graph.replay()
        return self._transition

    def _carry_out(self) -> Transition:
        """Carry out `self._actions`."""
        before = self.scene(copy=True)
        v = self._views
        kernels.run_on_cuda(
            _step_all, self.n_envs, _WARP, self._fixed["actions"], v["robot_state"], v["held"], v["grip"], v["pose"], v["half"],
            v["mobility"], v["n_boxes"], v["support"], v["step"], v["seed"], np.float64(self._actuation_noise), v["blocker"],
            v["changed"], self._fixed["near"],
        )  # fmt: skip
        self._observe(self._everybody)
        changed, blocker = self._arrays["changed"], self._arrays["blocker"]
        succeeded = (changed & (blocker == NOTHING)) | (self._actions >= Action.DONE)
        return Transition(before, self._actions.clone(), self.scene(), blocker.clone(), succeeded)

    def aborted(self) -> list[int]:
        return []

    def render(self) -> dict[str, torch.Tensor]:
        return {name: self._rgb[:, c] for c, name in enumerate(CAMERAS)}

    def close(self) -> None:
        pass  # it holds nothing but memory

    # ------------------------------------------------------------------------------------------------------

    def render_depth(self) -> dict[str, torch.Tensor]:
        """Metres along each pixel's optical axis, {camera: (B, H, W) float32}; infinite in the sky."""
        if len(self._depth) == 0:
            self._depth = torch.zeros(self.n_envs, *self._depth.shape[1:], device=self.device)
            self._bind()
            self._draw(self._everybody)
        return {name: self._depth[:, c] for c, name in enumerate(CAMERAS)}

    def render_ids(self) -> dict[str, torch.Tensor]:
        """Box slot per pixel, {camera: (B, H, W) int32}; NOTHING where there is none."""
        if len(self._ids) == 0:
            self._ids = torch.zeros(self.n_envs, *self._ids.shape[1:], dtype=torch.int32, device=self.device)
            self._bind()
            self._draw(self._everybody)
        return {name: self._ids[:, c] for c, name in enumerate(CAMERAS)}

    def scene(self, copy: bool = False) -> Scene:
        """The current scene; its tensors share the simulator's memory, unless a copy of what steps change is asked for."""
        return scene(self._arrays.__getitem__, copy)

    def _observe(self, slots: torch.Tensor) -> None:
        """Draw both cameras of the given environments, and note what they show."""
        self._draw(slots)
        v = self._views
        kernels.run_on_cuda(
            _note_seen, len(slots), _SEEN_THREADS, slots, v["robot_state"], v["pose"], v["n_boxes"], v["pixels"], v["visible"],
            v["seen"], self._needed,
        )  # fmt: skip

    def _draw(self, slots: torch.Tensor) -> None:
        self._arrays["pixels"].index_fill_(0, slots, 0)
        cuda_render.draw(
            kernels.cuda_view(slots), self._fixed["mount"], self._views, self.image_size, self._shown_views, self._pictures
        )


@cuda.jit
def _step_all(
    actions, robot_state, held, grip, pose, half, mobility, n_boxes, support, step, seed, actuation_noise, blocker, changed, near
):  # fmt: skip
    """`step_row` for every environment.

    A warp for each, of which one thread works: 32 environments in a warp would wait for one another wherever their houses
    differ, and there are warps enough.
    """
    e = cuda.blockIdx.x
    if cuda.threadIdx.x == 0:
        chain = cuda.local.array(MAX_CHAIN, numba.int64)
        old = cuda.local.array(6, numba.float32)
        new = cuda.local.array(6, numba.float32)
        step_row(
            e, actions, robot_state, held, grip, pose, half, mobility, n_boxes, support, step, seed, actuation_noise,
            blocker, changed, (near[e], chain, old, new),
        )  # fmt: skip


@cuda.jit
def _note_seen(slots, robot_state, pose, n_boxes, pixels, visible, seen, needed):
    """Enter what the pictures of the environments `slots` show into visible (B, C, M) and seen (B, M), a block for each."""
    e = slots[cuda.blockIdx.x]
    m = cuda.threadIdx.x
    while m < n_boxes[e]:
        note_seen(m, robot_state[e], pose[e], pixels[e], visible[e], seen[e], needed)
        m += cuda.blockDim.x
