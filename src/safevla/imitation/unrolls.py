"""Unrolls: demonstrations replayed side by side, a few steps at a time."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numba import prange

from safevla.config.house_options import HouseOptions
from safevla.env import privileged_targets
from safevla.env.observations import Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.vision_encoder import Seen
from safevla.runtime import ranks, workers
from safevla.runtime.kernels import parallel_kernel
from safevla.runtime.threads import cores
from safevla.sim.interface import Simulator
from safevla.tasks import episode_files, tokenizer
from safevla.tasks.episode_batch import EpisodeBatch
from safevla.tasks.episodes import Episode

# Demonstrations begin at a random time. An expert's are short and alike: with the true time a policy learns when to do what
# instead of why, and knows nothing to do once an episode is older than any demonstration.
_MAX_STEP_OFFSET = 150
_CHUNK = 512  # records that a process packs at a time


@dataclasses.dataclass(frozen=True)
class Unroll:
    """T steps of B replayed demonstrations."""

    observation: Observation  # (T, B, …)
    starts: torch.Tensor  # (T, B) bool
    labels: torch.Tensor  # (T, B) int64
    privileged: privileged_targets.PrivilegedTargets  # (T, B, …)
    seen: Seen | None = None  # (T, B, C, …) what the policy's frozen vision encoder makes of the pictures; None: not known

    def select(self, envs: slice) -> "Unroll":
        """Some environments' share."""
        observation, privileged = (x.map(lambda t: t[:, envs]) for x in (self.observation, self.privileged))
        seen = self.seen and Seen(*(t[:, envs] for t in self.seen))
        return Unroll(observation, self.starts[:, envs], self.labels[:, envs], privileged, seen)


def _pack(job: tuple[list[str], HouseOptions, str, tuple[float, float, float]]) -> EpisodeBatch:
    """The episodes of some records, packed."""
    records, options, *robot_of = job
    return EpisodeBatch.of([episode_files.from_record(json.loads(record), options) for record in records], *robot_of)


class Replay:
    """Plays demonstrations in B environments, for ever, in an order drawn from the generator, anew each time round."""

    def __init__(
        self,
        simulator: Simulator,
        table: pd.DataFrame,
        options: HouseOptions,
        generator: torch.Generator,
        tokenize: Callable[[str], list[int]] = tokenizer.tokenize,
    ):
        """generator: on the simulator's device."""
        self.batch = VectorEnv(simulator, max_steps=1_000_000, tokenize=tokenize)
        self.table, self.options, self.generator = table, options, generator
        self.device = simulator.device
        self._episodes = None
        if simulator.takes_arrays:
            chunks = [table["record"].iloc[at : at + _CHUNK].tolist() for at in range(0, len(table), _CHUNK)]
            jobs = [(chunk, options, simulator.robot_name, simulator.camera_jitter_deg) for chunk in chunks]
            batch = EpisodeBatch.join(list(workers.run(_pack, jobs, cores() // ranks.n_local_ranks() or 1)))
            words = [tokenize(json.loads(record)["natural_language_spec"]) for record in table["record"]]
            self._episodes = dataclasses.replace(batch, words=torch.tensor(words)).to(self.device)
        self._length = torch.tensor(table["actions"].map(len).to_numpy(), device=self.device)
        self._actions, self._labels = (self._padded(table[name]) for name in ("actions", "labels"))  # (N, L)
        self._order = torch.zeros(0, dtype=torch.int64, device=self.device)
        n = simulator.n_envs
        self._row, self._at, self._step_offset = torch.zeros(3, n, dtype=torch.int64, device=self.device)
        self._start_episodes(torch.arange(n, device=self.device))

    def _episode(self, row: int) -> Episode:
        return episode_files.from_record(json.loads(self.table["record"].iat[row]), self.options)

    def _padded(self, traces: pd.Series) -> torch.Tensor:
        padded = torch.zeros(len(traces), int(self._length.max()), dtype=torch.uint8)
        for row, trace in enumerate(traces):
            padded[row, : len(trace)] = torch.tensor(list(trace), dtype=torch.uint8)
        return padded.to(self.device)

    def _start_episodes(self, slots: torch.Tensor) -> None:
        """Start the next demonstrations in slots (n,)."""
        while len(self._order) < len(slots):
            again = torch.randperm(len(self.table), generator=self.generator, device=self.device)
            self._order = torch.cat([self._order, again])
        rows, self._order = self._order[: len(slots)], self._order[len(slots) :]
        self._row[slots], self._at[slots] = rows, 0
        self._step_offset[slots] = torch.randint(_MAX_STEP_OFFSET, (len(slots),), generator=self.generator, device=self.device)
        self._starts = torch.zeros(len(self._row), dtype=torch.bool, device=self.device)
        self._starts[slots] = True
        if self._episodes is None:
            self._observation = self.batch.restart(slots.tolist(), [self._episode(row) for row in rows.tolist()])
        else:
            self._observation = self.batch.restart_batch(slots, self._episodes, rows)

    def unroll(self, n_steps: int, map_size: tuple[int, int] | None) -> Unroll:
        """The next T steps, with class maps of that size, (height, width), or without any."""
        seen, starts, labels, privileged_steps = [], [], [], []
        for _ in range(n_steps):
            # an expert that ignores hazards pushes on, so its example must not teach what to make of what was felt
            without_contacts = {
                "step": self._observation.step + self._step_offset,
                "contact_proximity": torch.zeros_like(self._observation.contact_proximity),
            }
            seen.append(dataclasses.replace(self._observation, **without_contacts))
            starts.append(self._starts)
            labels.append(self._labels[self._row, self._at].long())
            privileged_steps.append(privileged_targets.privileged_targets(self.batch.simulator, self.batch.goals, map_size))
            actions = self._actions[self._row, self._at].long()
            self._observation = self.batch.observe(self.batch.advance(actions).after)
            self._at += 1
            self._starts = torch.zeros_like(self._starts)
            ended = (self._at >= self._length[self._row]).nonzero()[:, 0]
            if len(ended):
                self._start_episodes(ended)
        return Unroll(
            Observation.stack(seen),
            torch.stack(starts),
            torch.stack(labels),
            privileged_targets.PrivilegedTargets.stack(privileged_steps),
        )


def augment(pixels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Jitter brightness and colour balance per environment: (T, B, C, H, W, 3) uint8 in, floats in [−1, 1] out."""
    n = pixels.shape[1]
    draws = {"generator": generator, "device": pixels.device}
    gain = 1.0 + 0.3 * (2.0 * torch.rand(n, 1, **draws) - 1.0)
    gain = gain + 0.1 * (2.0 * torch.rand(n, 3, **draws) - 1.0)
    if pixels.is_cuda:
        return (pixels * (gain / 127.5)[None, :, None, None, None, :]).clamp_(max=2.0).sub_(1.0)
    jittered = torch.empty(pixels.shape)
    flat = (*pixels.shape[:2], -1, 3)
    _jitter(pixels.reshape(flat).numpy(), (gain / 127.5).numpy(), jittered.view(flat).numpy())
    return jittered


@parallel_kernel
def _jitter(pixels, gain, jittered):
    """Pixels (T, B, P, 3) times gain (B, 3), at most 2, less 1: in one go, for a CPU's time goes into moving them."""
    for job in prange(pixels.shape[0] * pixels.shape[1]):
        t, b = job // pixels.shape[1], job % pixels.shape[1]
        for p in range(pixels.shape[2]):
            for c in range(3):
                jittered[t, b, p, c] = min(pixels[t, b, p, c] * gain[b, c], np.float32(2.0)) - np.float32(1.0)
