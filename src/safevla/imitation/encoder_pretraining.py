"""Encoder pretraining: an eye that knows the world's things by their shapes, before any policy.

Views of new houses, from the cameras of two robots, teach class maps (their rare positives weighted), depth, free space and
contacts. What is kept is a running mean of the weights, its norms folded into the convolutions.
"""

import dataclasses
import functools
import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from safevla.config.encoder_config import EncoderConfig, EncoderParams, EncoderTraining
from safevla.config.house_options import HouseOptions
from safevla.config.params import SimulatorParams
from safevla.env import privileged_targets
from safevla.imitation.house_pool import HousePool, Houses, drawn
from safevla.imitation.recognition import recognition, share_named
from safevla.imitation.views import Views, ViewSource
from safevla.policies import vision_files
from safevla.policies.vision_encoder import VisionEncoder, scaled
from safevla.runtime import checkpoints, ranks, threads
from safevla.runtime.progress import Progress
from safevla.sim.factory import make_simulator
from safevla.sim.interface import CAMERAS

ROBOTS = ("stretch", "stretch_down_right")  # whose cameras it learns to see through
SHIFTS = {  # of the houses on which recognition is measured
    "seen": (),
    "color": ("colors",),
    "material": ("materials",),
    "shape": ("variants",),
    "all": ("colors", "materials", "variants"),
}
_AROUND = (3, 6, 64)  # rows, columns and channels of what is read for the heads that look around
_DECAY = 0.9985  # of the running mean
_WARM = 500  # updates
_POINTS = 100  # of a learning curve


class Pupil(nn.Module):
    """The encoder that learns, and the heads that only its training needs."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.encoder = VisionEncoder(config, is_normed=True)
        rows, columns, channels = _AROUND
        self.depth = nn.Conv2d(config.widths[1], 1, 1)
        self.squeeze = nn.Conv2d(config.widths[1], channels, 1)
        n_around = privileged_targets.N_POLAR_OCCUPANCY + privileged_targets.N_CONTACT_TARGETS
        read = len(CAMERAS) * rows * columns * channels
        self.around = nn.Sequential(nn.Linear(read, 4 * channels), nn.ReLU(), nn.Linear(4 * channels, n_around))

    def losses(self, views: Views, positive_weight: float) -> dict[str, torch.Tensor]:
        """The losses of B robots' views, scalars: of classes, names, depth, and what is around."""
        pixels = jittered(scaled(views.pixels.flatten(0, 1)))
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.is_cuda):
            features, class_logits = self.encoder(pixels)
            depth = self.depth(features)[:, 0].float()
            read = functional.adaptive_avg_pool2d(functional.relu(self.squeeze(features)), _AROUND[:2])
            around = self.around(read.flatten(1).unflatten(0, views.pixels.shape[:2]).flatten(1)).float()
        class_logits, class_map = class_logits.float(), views.class_map.flatten(0, 1)
        positives = torch.full((), positive_weight, device=pixels.device)
        binary = functional.binary_cross_entropy_with_logits
        return {
            "classes": binary(class_logits, class_map.float(), pos_weight=positives),
            "names": naming_loss(class_logits, class_map),
            "depth": functional.smooth_l1_loss(depth, views.inverse_depth.flatten(0, 1), beta=0.1),
            "around": binary(around, torch.cat([views.polar_occupancy, views.contacts], 1).float()),
        }


def naming_loss(class_logits: torch.Tensor, class_map: torch.Tensor) -> torch.Tensor:
    """(): in cells that show a class that a task may ask for, how little the logits prefer it to those that they do not show.

    A class counts alike in a picture, whether one of its cells shows it or many: a mug as much as a sofa.
    class_logits and class_map (N, N_CLASSES, gh, gw).
    """
    logits, shown = class_logits[:, :-1], class_map[:, :-1] > 0
    weight = (shown / shown.sum((2, 3), keepdim=True).clamp(min=1)).sum(1)  # (N, gh, gw)
    right = torch.logsumexp(logits.masked_fill(~shown, -30.0), 1)
    missed = torch.where(weight > 0, torch.logsumexp(logits, 1) - right, 0.0)
    return (weight * missed).sum() / weight.sum().clamp(min=1.0)


def jittered(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (N, 3, H, W) in [−1, 1], lighter or darker, four of five with all hues turned.

    A hue says little of what a thing is.
    """
    n, device = len(pixels), pixels.device
    identity, grey = torch.eye(3, device=device), torch.full((3, 3), 1.0 / 3.0, device=device)
    angle, vivid = 2.0 * math.pi * torch.rand(n, device=device), 0.4 + 0.9 * torch.rand(n, device=device)
    along, across = (vivid * angle.cos())[:, None, None], (vivid * angle.sin())[:, None, None]
    turned = along * (identity - grey) + across * _across_grey(device) + grey
    turn = torch.where((torch.rand(n, device=device) < 0.8)[:, None, None], turned, identity)
    gain = (1.0 + 0.4 * (2.0 * torch.rand(n, 1, device=device) - 1.0)) * (
        1.0 + 0.25 * (2.0 * torch.rand(n, 3, device=device) - 1.0)
    )
    mixed = torch.einsum("nij,njhw->nihw", gain[:, :, None] * turn, pixels + 1.0) - 1.0
    return mixed.clamp(-1.0, 1.0).contiguous(memory_format=torch.channels_last)


@functools.cache
def _across_grey(device: torch.device) -> torch.Tensor:
    """What turns a colour about the grey axis, (3, 3)."""
    return torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=device) / math.sqrt(3.0)


class _Learning:
    """A pupil, its optimiser and its running mean; on a GPU an update is recorded once and then started as one graph."""

    def __init__(self, config: EncoderConfig, params: EncoderTraining, device: torch.device):
        self.params, self.device = params, device
        self.pupil = Pupil(config).to(device).to(memory_format=torch.channels_last)
        self.mean = VisionEncoder(config, is_normed=True).to(device).to(memory_format=torch.channels_last).requires_grad_(False)
        self.mean.load_state_dict(self.pupil.encoder.state_dict())
        self._kept, self._followed = (
            [tensor for tensor in encoder.state_dict().values() if tensor.is_floating_point()]
            for encoder in (self.mean, self.pupil.encoder)
        )
        self._lr = torch.zeros((), device=device)  # a tensor, for a recorded update reads it anew
        self.optimiser = torch.optim.AdamW(
            self.pupil.parameters(),
            lr=self._lr,
            weight_decay=params.weight_decay,
            betas=(0.9, 0.98),
            capturable=device.type == "cuda",
        )
        self.updates = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._views: Views | None = None
        self.losses: dict[str, torch.Tensor] = {}

    def update(self, views: Views, lr: float) -> None:
        """One gradient step on B robots' views."""
        if self.device.type == "cuda":
            self._start_graph(views, lr)
        else:
            self._lr.fill_(lr)
            self._carry_out(views)
        self.updates += 1
        self._follow(min(_DECAY, self.updates / (self.updates + 9)))

    def _start_graph(self, views: Views, lr: float) -> None:
        if self._views is None:
            self._views = Views(*(tensor.clone() for tensor in views))
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):  # at a learning rate of 0: what a graph needs has to have run before
                for _ in range(3):
                    self._carry_out(self._views)
            torch.cuda.current_stream().wait_stream(stream)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._carry_out(self._views)
        for kept, new in zip(self._views, views, strict=True):
            kept.copy_(new)
        self._lr.fill_(lr)
        assert self._graph is not None
        self._graph.replay()

    def _carry_out(self, views: Views) -> None:
        p = self.params
        losses = self.pupil.losses(views, p.positive_weight)
        weights = {"classes": p.class_weight, "names": p.name_weight, "depth": p.depth_weight, "around": p.around_weight}
        self.optimiser.zero_grad(set_to_none=False)
        torch.stack([weights[name] * loss for name, loss in losses.items()]).sum().backward()
        nn.utils.clip_grad_norm_(self.pupil.parameters(), 1.0)
        self.optimiser.step()
        self.losses = {name: loss.detach() for name, loss in losses.items()}

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        """Move the running mean towards the pupil."""
        torch._foreach_lerp_(self._kept, self._followed, 1.0 - decay)

    def keep(self, path: Path, metadata: dict[str, Any]) -> None:
        """Write what `resume` reads."""
        tensors = {f"pupil.{name}": tensor for name, tensor in self.pupil.state_dict().items()}
        tensors |= {f"mean.{name}": tensor for name, tensor in self.mean.state_dict().items()}
        tensors |= checkpoints.optimiser_tensors(self.optimiser, "optimiser")
        checkpoints.save(path, tensors, {**metadata, "updates": self.updates})

    def resume(self, path: Path) -> dict[str, Any]:
        """Go on from what `keep` wrote, whose metadata this is."""
        tensors, metadata = checkpoints.load(path)
        for prefix, module in (("pupil.", self.pupil), ("mean.", self.mean)):
            mine = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            checkpoints.restore(module, mine, path)
        checkpoints.restore_optimiser(self.optimiser, tensors, "optimiser", path)
        for group in self.optimiser.param_groups:  # which hold copies now
            group["lr"] = self._lr
        self.updates = metadata["updates"]
        return metadata


@dataclasses.dataclass(frozen=True)
class EncoderJob:
    """An encoder to train, and the folder that keeps its progress and then the encoder, its curve and what it recognises."""

    name: str
    folder: Path
    encoder: EncoderParams
    houses: HouseOptions
    simulator: SimulatorParams
    seed: int
    threads: int

    @property
    def learnt(self) -> Path:
        return self.folder / "encoder.safetensors"

    @property
    def curve(self) -> Path:
        return self.folder / "curve.csv"

    @property
    def recognised(self) -> Path:
        return self.folder / "recognition.csv"


def run(job: EncoderJob) -> None:
    """Train and measure what a job says, if it is not finished; a killed one goes on. Of several ranks the first does it."""
    while ranks.rank() > 0 and not job.learnt.exists():
        time.sleep(1.0)
    if job.learnt.exists():
        return
    threads.prepare(job.seed, job.threads)
    wanted, progress = job.encoder, job.folder / "progress.safetensors"
    name = f"encoder {job.name}"
    encoder, curve = pretrain(wanted.size, wanted.training, job.houses, job.simulator, job.seed, progress, name)
    encoder = encoder.half().float()  # as it is written
    table = measure(encoder, job.houses, job.simulator, wanted.test_houses, wanted.test_batches)
    curve.to_csv(job.curve, index=False)
    table.to_csv(job.recognised, index=False)
    about = {"training": wanted.training.model_dump(), "houses": job.houses.model_dump(), "seed": job.seed}
    named = {shift: round(share_named(rows), 4) for shift, rows in table.groupby("shift", sort=False)}
    vision_files.save(encoder, job.learnt, **about, named=named, machine=threads.machine(job.simulator.device))


def pretrain(
    config: EncoderConfig,
    params: EncoderTraining,
    houses: HouseOptions,
    simulator: SimulatorParams,
    seed: int,
    resume_at: Path,
    label: str = "encoder",
) -> tuple[VisionEncoder, pd.DataFrame]:
    """Train an encoder → it, without norms, and its learning curve.

    Progress is kept in `resume_at` every `params.checkpoint_s` seconds, and a later call goes on from there, in new houses.
    """
    device = torch.device(simulator.device)
    torch.manual_seed(seed)
    learning = _Learning(config, params, device)
    before = learning.resume(resume_at) if resume_at.exists() else {"curve": [], "houses": 0, "seconds": 0.0}
    curve = before["curve"]
    per_update = len(ROBOTS) * len(CAMERAS) * params.n_envs // params.minibatches  # camera pictures
    n_updates = params.frames // per_update
    if learning.updates >= n_updates:
        return learning.mean.folded(), pd.DataFrame(curve)
    progress = Progress(label, n_updates * per_update, "pictures", learning.updates * per_update)
    n_workers = simulator.house_workers or max(1, threads.cores() - 2)
    pool = HousePool(params.houses, houses, "train", seed, n_workers, device, before["houses"])
    kept_at = time.monotonic()
    started = kept_at - before["seconds"]
    try:
        sources = view_sources(pool, config, simulator, params.n_envs, seed + learning.updates)
        while learning.updates < n_updates:
            views = Views(*(torch.cat(parts) for parts in zip(*(source.next() for source in sources), strict=True)))
            order = torch.randperm(len(views.pixels), device=device)
            for rows in order.chunk(params.minibatches):
                learning.update(Views(*(tensor[rows] for tensor in views)), _rate(params.lr, learning.updates, n_updates))
            if learning.updates % params.refresh_updates < params.minibatches:
                pool.refresh()
            frames, now = learning.updates * per_update, time.monotonic()
            if learning.updates * _POINTS >= (len(curve) + 1) * n_updates:
                losses = {name: loss.item() for name, loss in learning.losses.items()}
                curve.append({"frames": frames, "houses": pool.made, **losses, "seconds": now - started})
                progress.update(frames, **losses)
            if now - kept_at > params.checkpoint_s or learning.updates >= n_updates:
                kept_at = now
                learning.keep(resume_at, {"curve": curve, "houses": pool.made, "seconds": now - started})
    finally:
        pool.close()
    return learning.mean.folded(), pd.DataFrame(curve)


def view_sources(houses: Houses, config: EncoderConfig, simulator: SimulatorParams, n_envs: int, seed: int) -> list[ViewSource]:
    """A source of views for each of ROBOTS."""
    return [
        ViewSource(
            houses,
            make_simulator(simulator.model_copy(update={"robot": name}), n_envs, config.image_size),
            name,
            config.map_size,
            seed,
        )
        for name in ROBOTS
    ]


def measure(
    encoder: VisionEncoder,
    houses: HouseOptions,
    simulator: SimulatorParams,
    n_houses: int,
    n_batches: int,
    split: str = "validation",
    seed: int = 0,
) -> pd.DataFrame:
    """What the encoder recognises in houses of a split, as they are and under each shift of how they look.

    Columns: shift, robot, and those of `recognition`.
    """
    found = []
    for shift, unseen in SHIFTS.items():
        homes = drawn(n_houses, houses, split, seed, simulator.device, unseen)
        for name, source in zip(ROBOTS, view_sources(homes, encoder.config, simulator, n_houses, seed), strict=True):
            found.append(recognition(encoder, source, n_batches).assign(shift=shift, robot=name))
    return pd.concat(found, ignore_index=True)


def _rate(lr: float, update: int, n_updates: int) -> float:
    """Linear warm-up, then a cosine down to a fiftieth."""
    warm = min(_WARM, max(1, n_updates // 50))
    return lr * min(1.0, (update + 1) / warm) * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * update / n_updates)))
