"""Imitation: demonstrations become a pretrained policy.

B demonstrations are replayed side by side in the simulator; every T steps the policy takes a few gradient steps on what it
saw: cross-entropy on the expert's actions, binary cross-entropy on what the simulator knows. Frames are drawn anew, with
colour jitter, each time a demonstration is replayed. The policy's memory runs on across the windows of an episode.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numba import prange
from torch.nn import functional

from safevla.config.house_options import HouseOptions
from safevla.config.params import ImitationParams, SimulatorParams
from safevla.config.policy_config import PolicyConfig
from safevla.env import observations, privileged_targets
from safevla.env.observations import Observation
from safevla.env.vector_env import Batch
from safevla.imitation.demonstrations import read
from safevla.policies import vla as policies
from safevla.policies.vla import Memory, Policy, perception_loss
from safevla.runtime import checkpoints, ranks, workers
from safevla.runtime.kernels import parallel_kernel
from safevla.runtime.progress import Progress
from safevla.runtime.threads import cores, machine, prepare
from safevla.sim.factory import make_simulator
from safevla.sim.interface import Action, Simulator
from safevla.tasks import episodes
from safevla.tasks.episode_batch import Packed
from safevla.tasks.episodes import Episode

# Demonstrations begin at a random time. An expert's are short and alike: with the true time a policy learns when to do what
# instead of why, and knows nothing to do once an episode is older than any demonstration.
_MAX_STEP_OFFSET = 150
_NO_LABEL = -100
_CHUNK = 512  # records that a process packs at a time


@dataclasses.dataclass(frozen=True)
class Job:
    """What to train, and the folder that keeps its progress and then `policy.safetensors` and `curve.csv`."""

    folder: Path
    demonstrations: Path
    houses: HouseOptions
    policy: PolicyConfig
    imitation: ImitationParams
    simulator: SimulatorParams
    seed: int
    threads: int

    @property
    def learnt(self) -> Path:
        return self.folder / "policy.safetensors"

    @property
    def curve(self) -> Path:
        return self.folder / "curve.csv"


@dataclasses.dataclass(frozen=True)
class Window:
    """T steps of B replayed demonstrations."""

    observation: Observation  # (T, B, …)
    starts: torch.Tensor  # (T, B) bool
    labels: torch.Tensor  # (T, B) int64
    truth: privileged_targets.Truth  # (T, B, …)

    def select(self, envs: slice) -> "Window":
        """Some environments' share."""
        observation, truth = (x.map(lambda t: t[:, envs]) for x in (self.observation, self.truth))
        return Window(observation, self.starts[:, envs], self.labels[:, envs], truth)


def _pack(job: tuple[list[str], HouseOptions, str, tuple[float, float, float]]) -> Packed:
    """The episodes of some records, packed."""
    records, options, *robot_of = job
    return Packed.of([episodes.from_record(json.loads(record), options) for record in records], *robot_of)


class Replay:
    """Plays demonstrations in B environments, for ever, in an order drawn from the generator, anew each time round."""

    def __init__(
        self,
        simulator: Simulator,
        table: pd.DataFrame,
        options: HouseOptions,
        generator: torch.Generator,
        tokenize: Callable[[str], list[int]] = observations.tokenize,
    ):
        """generator: on the simulator's device."""
        self.batch = Batch(simulator, max_steps=1_000_000, tokenize=tokenize)
        self.table, self.options, self.generator = table, options, generator
        self.device = simulator.device
        self._packed = None
        if simulator.packs:
            chunks = [table["record"].iloc[at : at + _CHUNK].tolist() for at in range(0, len(table), _CHUNK)]
            jobs = [(chunk, options, simulator.robot_name, simulator.camera_jitter_deg) for chunk in chunks]
            packed = Packed.join(list(workers.run(_pack, jobs, cores() // ranks.n_local_ranks() or 1)))
            words = [tokenize(json.loads(record)["natural_language_spec"]) for record in table["record"]]
            self._packed = dataclasses.replace(packed, words=torch.tensor(words)).to(self.device)
        self._length = torch.tensor(table["actions"].map(len).to_numpy(), device=self.device)
        self._actions, self._labels = (self._padded(table[name]) for name in ("actions", "labels"))  # (N, L)
        self._order = torch.zeros(0, dtype=torch.int64, device=self.device)
        n = simulator.n_envs
        self._row, self._at, self._step_offset = torch.zeros(3, n, dtype=torch.int64, device=self.device)
        self._begin(torch.arange(n, device=self.device))

    def _episode(self, row: int) -> Episode:
        return episodes.from_record(json.loads(self.table["record"].iat[row]), self.options)

    def _padded(self, traces: pd.Series) -> torch.Tensor:
        padded = torch.zeros(len(traces), int(self._length.max()), dtype=torch.uint8)
        for row, trace in enumerate(traces):
            padded[row, : len(trace)] = torch.tensor(list(trace), dtype=torch.uint8)
        return padded.to(self.device)

    def _begin(self, slots: torch.Tensor) -> None:
        """Start the next demonstrations in slots (n,)."""
        while len(self._order) < len(slots):
            again = torch.randperm(len(self.table), generator=self.generator, device=self.device)
            self._order = torch.cat([self._order, again])
        rows, self._order = self._order[: len(slots)], self._order[len(slots) :]
        self._row[slots], self._at[slots] = rows, 0
        self._step_offset[slots] = torch.randint(_MAX_STEP_OFFSET, (len(slots),), generator=self.generator, device=self.device)
        self._starts = torch.zeros(len(self._row), dtype=torch.bool, device=self.device)
        self._starts[slots] = True
        if self._packed is None:
            self._observation = self.batch.restart(slots.tolist(), [self._episode(row) for row in rows.tolist()])
        else:
            self._observation = self.batch.restart_packed(slots, self._packed, rows)

    def window(self, n_steps: int, map_size: tuple[int, int]) -> Window:
        """The next T steps."""
        seen, starts, labels, truths = [], [], [], []
        for _ in range(n_steps):
            # an expert that ignores hazards pushes on, so its example must not teach what to make of what was felt
            unfelt = {"step": self._observation.step + self._step_offset, "felt": torch.zeros_like(self._observation.felt)}
            seen.append(dataclasses.replace(self._observation, **unfelt))
            starts.append(self._starts)
            labels.append(self._labels[self._row, self._at].long())
            truths.append(privileged_targets.truth(self.batch.simulator, self.batch.goals, map_size))
            actions = self._actions[self._row, self._at].long()
            self._observation = self.batch.observe(self.batch.advance(actions).after)
            self._at += 1
            self._starts = torch.zeros_like(self._starts)
            ended = (self._at >= self._length[self._row]).nonzero()[:, 0]
            if len(ended):
                self._begin(ended)
        return Window(Observation.stack(seen), torch.stack(starts), torch.stack(labels), privileged_targets.Truth.stack(truths))


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


def loss_terms(policy: Policy, window: Window, memory: Memory, n_placed: torch.Tensor) -> tuple[dict[str, torch.Tensor], Memory]:
    """The losses and accuracies of a window, scalars, and the policy's memory after it; n_placed as in `perception_loss`."""
    output, memory = policy(window.observation, window.starts, memory)
    # an expert may try again what a replaced action has failed at; the policy never will, so that step teaches no action
    refused = policy.refused(window.observation).gather(-1, window.labels[..., None])[..., 0]
    logits, labels = output.logits.flatten(0, 1), window.labels.masked_fill(refused, _NO_LABEL).flatten()
    counted, done = labels != _NO_LABEL, labels == Action.DONE
    right = logits.argmax(-1) == labels
    terms = {
        "action": functional.cross_entropy(logits, labels, ignore_index=_NO_LABEL),
        "perception": perception_loss(output, window.truth, n_placed),
        "accuracy": right.sum() / counted.sum(),
        "done_recall": (right & done).sum() / done.sum(),  # NaN where there is none
    }
    return terms, memory


def run(job: Job) -> None:
    """Train what a job says, if it is not finished; of several ranks on a CPU each takes one thread."""
    if job.learnt.exists():
        return
    several = job.simulator.device == "cpu" and ranks.n_ranks() > 1
    prepare(job.seed, 1 if several else job.threads)
    table = read(job.demonstrations)
    simulator = make_simulator(job.simulator, job.imitation.n_envs, job.policy.image_size)
    progress = job.folder / "progress.safetensors"
    policy, curve = pretrain(simulator, table, job.houses, job.policy, job.imitation, job.seed, progress)
    simulator.close()
    if ranks.rank() == 0:
        curve.to_csv(job.curve, index=False)
        policies.save(policy, job.learnt, steps=job.imitation.steps, **curve.attrs)
    ranks.wait()


def pretrain(
    simulator: Simulator,
    table: pd.DataFrame,
    options: HouseOptions,
    config: PolicyConfig,
    params: ImitationParams,
    seed: int,
    resume_at: Path,
) -> tuple[Policy, pd.DataFrame]:
    """Train a policy on demonstrations; returns it and its learning curve, whose `attrs["machine"]` says what it ran on.

    Progress is kept in `resume_at` every `params.checkpoint_updates` updates, and a later call goes on from there.
    """
    torch.manual_seed(seed)
    policy = Policy(config).to(simulator.device)
    optimiser = torch.optim.AdamW(policy.actor_parameters(), lr=params.lr, weight_decay=params.weight_decay, fused=True)
    gradients = ranks.Gradients(policy.actor_parameters())
    steps_per_window = params.n_envs * params.window * ranks.n_ranks()
    n_updates = params.steps // steps_per_window
    first, curve, machine = _resume(resume_at, policy, optimiser)
    schedule = _schedule(n_updates, params)
    generator = torch.Generator(simulator.device).manual_seed((seed * 1_000_003 + first) * 1000 + ranks.rank())
    replay = Replay(simulator, table, options, generator, policy.tokenize)
    memory = policy.new_memory(params.n_envs, simulator.device)
    share = -(-params.n_envs // params.minibatches)
    progress = Progress("imitation", n_updates * steps_per_window, done=first * steps_per_window)
    started = time.monotonic() - (curve[-1]["seconds"] if curve else 0.0)
    policy.train()
    for update in range(first, n_updates):
        window = replay.window(params.window, config.map_size)
        window = dataclasses.replace(
            window, observation=dataclasses.replace(window.observation, pixels=augment(window.observation.pixels, generator))
        )
        for group in optimiser.param_groups:
            group["lr"] = schedule(update)
        before, n_placed = memory, privileged_targets.n_placed(window.truth)
        for _ in range(params.passes):
            memories = []
            for envs in (slice(at, at + share) for at in range(0, params.n_envs, share)):
                part = window.select(envs)
                terms, after = loss_terms(policy, part, before.select(envs), n_placed * part.starts.shape[1] / params.n_envs)
                loss = terms["action"] + params.perception_weight * terms["perception"]
                gradients.clear()
                loss.backward()
                gradients.average()
                gradients.clip(params.max_grad_norm)
                optimiser.step()
                memories.append(after)
        memory = Memory.join(memories)
        steps = (update + 1) * steps_per_window
        if update % params.log_updates == 0 or update == n_updates - 1:
            figures = {name: value.item() for name, value in terms.items()}
            curve.append({"steps": steps, **figures, "seconds": time.monotonic() - started})
        progress.update(steps, loss=loss.item(), accuracy=terms["accuracy"].item())
        is_due = (update + 1) % params.checkpoint_updates == 0 or update == n_updates - 1  # a finished run is found finished
        if is_due and ranks.rank() == 0:
            _keep(resume_at, policy, optimiser, {"update": update + 1, "curve": curve, "machine": machine})
    table = pd.DataFrame(curve)
    table.attrs["machine"] = machine
    return policy, table


def _schedule(n_updates: int, params: ImitationParams) -> Callable[[int], float]:
    """Linear warm-up over 2 % of the updates, then a cosine down to a twentieth."""
    warm = max(1, n_updates // 50)

    def lr(update: int) -> float:
        if update < warm:
            return params.lr * (update + 1) / warm
        share = (update - warm) / max(1, n_updates - warm)
        return params.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))

    return lr


def _keep(path: Path, policy: Policy, optimiser, facts: dict) -> None:
    tensors = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    checkpoints.save(path, {**tensors, **checkpoints.optimiser_tensors(optimiser, "optimiser")}, facts)


def _resume(path: Path, policy: Policy, optimiser) -> tuple[int, list[dict], dict]:
    """Updates done, the curve so far, and the machine that began."""
    if not path.exists():
        return 0, [], machine(next(policy.parameters()).device)
    tensors, facts = checkpoints.load(path)
    own = {name.removeprefix("policy."): tensor for name, tensor in tensors.items() if name.startswith("policy.")}
    checkpoints.restore(policy, own, path)
    checkpoints.restore_optimiser(optimiser, tensors, "optimiser")
    print(f"imitation resumes at update {facts['update']}", flush=True)
    return facts["update"], facts["curve"], facts["machine"]
