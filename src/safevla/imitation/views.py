"""Views: what both cameras of robots show that stand anywhere in new houses, and what the simulator knows of it.

Half of the robots begin near an object that a task may ask for, turned so that a camera may show it. Then they act at random for
a while, so arms move, things are pushed and toppled, and taken. Houses are made by worker processes and kept in a pool, whose
oldest give way to new ones.
"""

import itertools
import multiprocessing
import queue
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.sim import robot
from safevla.sim.actions import Action
from safevla.sim.interface import CAMERAS, NOTHING, REACHABLE_CELL_M, Scene, SceneStart, Simulator
from safevla.sim.state import ARRAYS, blank, mounts, starting_arrays
from safevla.tasks.sampling import SPLIT_SEEDS
from safevla.world import generation, looks

_CHUNK = 32  # houses that a process packs at a time
_WAITING = 4  # chunks that may wait
_CANDIDATES = 16  # places among which the one whose distance suits is chosen
_NEAR_M = (0.6, 2.8)  # of the object that a robot begins near
_ASIDE_DEG = 38.0  # at most, from a camera's axis to that object
_NEAREST_M = 0.2  # depths below count as this
_MOTIONS = [action for action in Action if action not in (Action.DONE, Action.SUB_DONE)]


class Views(NamedTuple):
    """B robots' views, cameras in the order of CAMERAS."""

    pixels: torch.Tensor  # (B, C, H, W, 3) uint8
    class_map: torch.Tensor  # (B, C, N_CLASSES, gh, gw) uint8
    inverse_depth: torch.Tensor  # (B, C, gh, gw) 1/m, means of cells
    polar_occupancy: torch.Tensor  # (B, N_POLAR_OCCUPANCY) uint8
    contacts: torch.Tensor  # (B, N_CONTACT_TARGETS) uint8


def house_arrays(seeds: list[int], options: HouseOptions, unseen: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    """Houses of those seeds as rows of `sim.state.ARRAYS`; their looks of the kinds `unseen` are such as training never draws."""
    starts = []
    for seed in seeds:
        house = generation.generate_with(seed, options)
        starts.append(SceneStart(id=str(seed), house=looks.with_unseen(house, *unseen), start=(0.0, 0.0, 0.0), seed=seed))
    return starting_arrays(starts, "stretch", (0.0, 0.0, 0.0))


def _make(pipe: Any, options: HouseOptions, unseen: tuple[str, ...], first: int, stride: int) -> None:
    """A worker process: put packed houses into the pipe, for ever."""
    torch.set_num_threads(1)
    for start in itertools.count(first, stride * _CHUNK):
        arrays = house_arrays(list(range(start, start + stride * _CHUNK, stride)), options, unseen)
        pipe.put({name: array.numpy() for name, array in arrays.items()})


class HousePool:
    """The newest houses on a device, as rows of arrays."""

    def __init__(
        self, size: int, options: HouseOptions, split: str, seed: int, n_workers: int, device: torch.device, unseen: tuple[str, ...] = ()
    ):
        self.size, self.device = size, device
        context = multiprocessing.get_context("spawn")
        self._pipe = context.Queue(_WAITING * n_workers)
        first = SPLIT_SEEDS[split] + 1_000_000 * seed
        self._workers = [
            context.Process(target=_make, args=(self._pipe, options, unseen, first + i, n_workers), daemon=True)
            for i in range(n_workers)
        ]
        for worker in self._workers:
            worker.start()
        self.arrays: dict[str, torch.Tensor] = {}
        self.made = self._next = 0
        while self.made < size:
            self._put(self._pipe.get())

    def refresh(self) -> None:
        """Put those that have been made since in the oldest ones' place."""
        while True:
            try:
                self._put(self._pipe.get_nowait())
            except queue.Empty:
                return

    def _put(self, new: dict[str, Any]) -> None:
        rows = (self._next + torch.arange(len(new["pose"]), device=self.device)) % self.size
        self.made += len(rows)
        self._next = int(rows[-1] + 1) % self.size
        for name in ARRAYS:
            array = torch.from_numpy(new[name])
            shape = (self.size, *array.shape[1:])
            old = self.arrays.get(name)
            if old is None or any(more > have for more, have in zip(shape, old.shape, strict=True)):
                wide = shape if old is None else tuple(max(pair) for pair in zip(shape, old.shape, strict=True))
                self.arrays[name] = blank(name, wide, self.device)
                if old is not None:
                    self.arrays[name][tuple(slice(0, n) for n in old.shape)] = old
            whole = blank(name, (len(rows), *self.arrays[name].shape[1:]), "cpu")
            whole[tuple(slice(0, n) for n in array.shape)] = array
            self.arrays[name][rows] = whole.to(self.device)

    def close(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()
        self._pipe.close()


class ViewSource:
    """Views of one robot's cameras, a batch after another."""

    def __init__(self, pool: HousePool, simulator: Simulator, robot_name: str, grid: tuple[int, int], seed: int, steps: int = 8):
        """steps: random actions between a robot's new places."""
        self._pool, self._simulator, self._grid, self._steps = pool, simulator, grid, steps
        self._mount = torch.from_numpy(mounts(robot_name)).to(pool.device)
        self._generator = torch.Generator(pool.device).manual_seed(seed)
        self._turn = 0
        self._place(torch.arange(simulator.n_envs, device=pool.device))

    def _rand(self, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=self._generator, device=self._pool.device)

    def _place(self, slots: torch.Tensor) -> None:
        """Put the robots of some slots somewhere in some houses."""
        n, device = len(slots), self._pool.device
        rows = torch.randint(self._pool.size, (n,), generator=self._generator, device=device)
        arrays = {name: array[rows] for name, array in self._pool.arrays.items()}
        free = arrays["reachable"].flatten(1).float() + 1e-9
        cells = torch.multinomial(free, _CANDIDATES, replacement=True, generator=self._generator)  # (n, K)
        n_x = arrays["reachable"].shape[2]
        x = arrays["reachable_origin"][:, :1] + REACHABLE_CELL_M * (cells % n_x)
        z = arrays["reachable_origin"][:, 1:] + REACHABLE_CELL_M * (cells // n_x)
        wanted = (privileged_targets.class_of_type(device)[arrays["type_index"].long()] >= 0).float()
        has_any = wanted.sum(1) > 0
        target = torch.multinomial(wanted + 1e-9, 1, generator=self._generator)[:, 0]
        at = arrays["pose"][torch.arange(n, device=device), target]
        away = torch.hypot(x - at[:, :1], z - at[:, 2:3])
        low, high = _NEAR_M
        best = (away - (low + (high - low) * self._rand(n, 1))).abs().argmin(1)
        near = has_any & (self._rand(n) < 0.5)
        chosen = torch.where(near, best, 0)[:, None]
        x, z = x.gather(1, chosen)[:, 0], z.gather(1, chosen)[:, 0]
        camera = torch.randint(len(CAMERAS), (n,), generator=self._generator, device=device)
        bearing = torch.rad2deg(torch.atan2(at[:, 0] - x, at[:, 2] - z))
        toward = bearing - self._mount[camera, 3] + _ASIDE_DEG * (2.0 * self._rand(n) - 1.0)
        yaw = torch.where(near, toward, 360.0 * self._rand(n))
        state = arrays["robot_state"]
        state[:, 0], state[:, 1], state[:, 2] = x, z, (yaw + 180.0) % 360.0 - 180.0
        stretched = self._rand(n) < 0.3
        for column, limits, rest in (
            (3, (0.0, robot.LIFT_LIMITS_M[1]), robot.REST_LIFT_M),
            (4, (0.0, 0.5 * robot.EXTENSION_LIMITS_M[1]), robot.REST_EXTENSION_M),
            (5, (-180.0, robot.WRIST_LIMITS_DEG[1]), robot.REST_WRIST_DEG),
        ):
            drawn = limits[0] + (limits[1] - limits[0]) * self._rand(n)
            state[:, column] = torch.where(stretched, drawn, torch.full_like(drawn, rest))
        fov, pitch, yaw_jitter = robot.CAMERA_JITTER_DEG
        jitter = 2.0 * self._rand(n, len(CAMERAS), 3) - 1.0
        arrays["camera"][..., 0] = self._mount[:, 4] + pitch * jitter[..., 0]
        arrays["camera"][..., 1] = robot.VERTICAL_FOV_DEG + fov * jitter[..., 1]
        arrays["camera"][..., 2] = self._mount[:, 3] + yaw_jitter * jitter[..., 2]
        self._simulator.reset_arrays(slots, arrays, torch.arange(n, device=device))

    @property
    def device(self) -> torch.device:
        return self._pool.device

    def scene(self) -> Scene:
        """What is where now."""
        return self._simulator.scene()

    def ids(self) -> torch.Tensor:
        """Box slots per pixel, (B, C, H, W)."""
        ids = self._simulator.render_ids()
        return torch.stack([ids[name] for name in CAMERAS], 1)

    def next(self) -> Views:
        """New views of every robot."""
        n, device = self._simulator.n_envs, self._pool.device
        self._place(torch.arange(self._turn, n, self._steps, device=device))
        self._turn = (self._turn + 1) % self._steps
        actions = torch.tensor(_MOTIONS, device=device)
        self._simulator.step(actions[torch.randint(len(actions), (n,), generator=self._generator, device=device)])
        return self.views()

    def views(self) -> Views:
        """What the cameras show now."""
        scene = self._simulator.scene()
        ids, depth = self._simulator.render_ids(), self._simulator.render_depth()
        inverse = torch.stack([1.0 / depth[name].clamp(min=_NEAREST_M) for name in CAMERAS], 1)
        return Views(
            torch.stack([self._simulator.render()[name] for name in CAMERAS], 1),
            privileged_targets.class_map(ids, scene, self._grid),
            functional.adaptive_avg_pool2d(inverse, self._grid),
            privileged_targets.polar_occupancy(scene),
            privileged_targets.contact_targets(scene),
        )


class Named(NamedTuple):
    """Objects that a task may ask for, seen near by: what they are, and whether they were named right."""

    target_class: torch.Tensor  # (K,) int64
    is_right: torch.Tensor  # (K,) bool
    camera: torch.Tensor  # (K,) int64


def named(class_logits: torch.Tensor, ids: torch.Tensor, scene: Scene, within_m: float = 3.0) -> Named:
    """Which visible objects are named right: in the cell that shows most of one, its class is above all that the cell does not show.

    class_logits (B, C, N_CLASSES, gh, gw); ids (B, C, H, W).
    """
    b, c, n_classes, gh, gw = class_logits.shape
    n_boxes, device = scene.pose.shape[1], ids.device
    class_of = privileged_targets.class_of_type(device)[scene.type_index.long()]  # (B, M)
    height, width = ids.shape[2:]
    cell_y = torch.arange(height, device=device) * gh // height
    cell_x = torch.arange(width, device=device) * gw // width
    cell = (cell_y[:, None] * gw + cell_x).flatten()
    slot = ids.flatten(2).long()
    slot = torch.where(slot == NOTHING, n_boxes, slot)
    count = torch.zeros(b, c, (n_boxes + 1) * gh * gw, device=device)
    count.scatter_add_(2, slot * (gh * gw) + cell, torch.ones_like(slot, dtype=count.dtype))
    most = count.unflatten(2, (n_boxes + 1, gh * gw))[:, :, :n_boxes].argmax(3)  # (B, C, M)
    away = torch.hypot(scene.pose[..., 0] - scene.robot_state[:, :1], scene.pose[..., 2] - scene.robot_state[:, 1:2])
    counts = scene.visible & ((class_of >= 0) & (away <= within_m))[:, None]
    logits = class_logits[:, :, :-1].flatten(3)  # (B, C, 15, cells)
    shown = torch.zeros(b, c, n_classes - 1, gh * gw, dtype=torch.bool, device=device)
    env, camera, box = counts.nonzero(as_tuple=True)
    true, where = class_of[env, box], most[env, camera, box]
    classes_there = torch.cat([class_of, class_of.new_full((b, 1), -1)], 1)  # (B, M + 1)
    of_pixel = classes_there.gather(1, slot.flatten(1)).unflatten(1, (c, -1))
    is_class = of_pixel >= 0
    e, k, p = is_class.nonzero(as_tuple=True)
    shown[e, k, of_pixel[e, k, p], cell[p]] = True
    others = logits.masked_fill(shown, -torch.inf).amax(2)  # (B, C, cells)
    is_right = logits[env, camera, true, where] > others[env, camera, where]
    return Named(true, is_right, camera)
