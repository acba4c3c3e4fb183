"""Imitation: demonstrations become a pretrained policy.

B demonstrations are replayed side by side in the simulator; every T steps the policy takes a few gradient steps on what it
saw: cross-entropy on the expert's actions, binary cross-entropy on what the simulator knows. Frames are drawn anew, with
colour jitter, each time a demonstration is replayed. The policy's cache runs on across the unrolls of an episode.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional

from safevla.config.house_options import HouseOptions
from safevla.config.params import ImitationParams, SimulatorParams
from safevla.config.policy_config import PolicyConfig
from safevla.env import privileged_targets
from safevla.imitation.demonstrations import read
from safevla.imitation.unrolls import Replay, Unroll, augment
from safevla.policies import policy_files
from safevla.policies.kv_cache import KVCache
from safevla.policies.perception_loss import perception_loss
from safevla.policies.vla import Policy
from safevla.runtime import checkpoints, ranks
from safevla.runtime.gradients import Gradients
from safevla.runtime.progress import Progress
from safevla.runtime.threads import machine, prepare
from safevla.sim.actions import Action
from safevla.sim.factory import make_simulator
from safevla.sim.interface import Simulator
from safevla.tasks.tokenizer import words_beyond

_NO_LABEL = -100


@dataclasses.dataclass(frozen=True)
class PretrainingJob:
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


def loss_terms(
    policy: Policy, unroll: Unroll, kv_cache: KVCache, n_positions: torch.Tensor
) -> tuple[dict[str, torch.Tensor], KVCache]:
    """The losses and accuracies of an unroll, scalars, and the policy's cache after it; n_positions as in `perception_loss`."""
    output, kv_cache = policy(unroll.observation, unroll.starts, kv_cache, seen=unroll.seen)
    # an expert may try again what a replaced action has failed at; the policy never will, so that step teaches no action
    action_mask = policy.action_mask(unroll.observation).gather(-1, unroll.labels[..., None])[..., 0]
    logits, labels = output.logits.flatten(0, 1), unroll.labels.masked_fill(action_mask, _NO_LABEL).flatten()
    counted, done = labels != _NO_LABEL, labels == Action.DONE
    right = logits.argmax(-1) == labels
    terms = {
        "action": functional.cross_entropy(logits, labels, ignore_index=_NO_LABEL),
        "perception": perception_loss(output, unroll.privileged, n_positions),
        "accuracy": right.sum() / counted.sum(),
        "done_recall": (right & done).sum() / done.sum(),  # NaN where there is none
    }
    return terms, kv_cache


def run(job: PretrainingJob) -> None:
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
        policy_files.save(policy, job.learnt, steps=job.imitation.steps, **curve.attrs)
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
    policy = Policy(_with_words(config, table)).to(simulator.device)
    optimiser = torch.optim.AdamW(policy.actor_parameters(), lr=params.lr, weight_decay=params.weight_decay, fused=True)
    gradients = Gradients(policy.actor_parameters())
    steps_per_unroll = params.n_envs * params.unroll_length * ranks.n_ranks()
    n_updates = params.steps // steps_per_unroll
    first, curve, machine = _resume(resume_at, policy, optimiser)
    schedule = _schedule(n_updates, params)
    generator = torch.Generator(simulator.device).manual_seed((seed * 1_000_003 + first) * 1000 + ranks.rank())
    replay = Replay(simulator, table, options, generator, policy.tokenize)
    kv_cache = policy.new_kv_cache(params.n_envs, simulator.device)
    progress = Progress("imitation", n_updates * steps_per_unroll, done=first * steps_per_unroll)
    started = time.monotonic() - (curve[-1]["seconds"] if curve else 0.0)
    policy.train()
    for update in range(first, n_updates):
        unroll = replay.unroll(params.unroll_length, policy.class_map_size)
        pixels = augment(unroll.observation.pixels, generator)
        unroll = dataclasses.replace(unroll, observation=dataclasses.replace(unroll.observation, pixels=pixels))
        for group in optimiser.param_groups:
            group["lr"] = schedule(update)
        terms, loss, kv_cache = _learn(policy, optimiser, gradients, unroll, kv_cache, params)
        steps = (update + 1) * steps_per_unroll
        if update % params.log_updates == 0 or update == n_updates - 1:
            figures = {name: value.item() for name, value in terms.items()}
            curve.append({"steps": steps, **figures, "seconds": time.monotonic() - started})
        progress.update(steps, loss=loss, accuracy=terms["accuracy"].item())
        is_due = (update + 1) % params.checkpoint_updates == 0 or update == n_updates - 1  # a finished run is found finished
        if is_due and ranks.rank() == 0:
            _keep(resume_at, policy, optimiser, {"update": update + 1, "curve": curve, "machine": machine})
    table = pd.DataFrame(curve)
    table.attrs["machine"] = machine
    return policy, table


def _learn(
    policy: Policy,
    optimiser: torch.optim.Optimizer,
    gradients: Gradients,
    unroll: Unroll,
    before: KVCache,
    params: ImitationParams,
) -> tuple[dict[str, torch.Tensor], float, KVCache]:
    """Some epochs of minibatches on an unroll: the last minibatch's terms, its loss, and the policy's cache after the unroll."""
    n_positions = privileged_targets.n_positions(unroll.privileged)
    share = -(-params.n_envs // params.minibatches)
    if params.epochs > 1:
        unroll = dataclasses.replace(unroll, seen=policy.see(unroll.observation.pixels))
    for _ in range(params.epochs):
        kv_caches = []
        for envs in (slice(at, at + share) for at in range(0, params.n_envs, share)):
            part = unroll.select(envs)
            terms, after = loss_terms(policy, part, before.select(envs), n_positions * part.starts.shape[1] / params.n_envs)
            loss = terms["action"] + params.perception_weight * terms["perception"]
            gradients.clear()
            loss.backward()
            gradients.average()
            gradients.clip(params.max_grad_norm)
            optimiser.step()
            kv_caches.append(after)
    return terms, loss.item(), KVCache.join(kv_caches)


def _with_words(config: PolicyConfig, table: pd.DataFrame) -> PolicyConfig:
    """The policy's size with a place for every word that the demonstrations use; those of the paper's tasks have theirs."""
    said = (json.loads(record)["natural_language_spec"] for record in table["record"])
    return config.model_copy(update={"words": words_beyond(said)}) if config.text is None else config


def _schedule(n_updates: int, params: ImitationParams) -> Callable[[int], float]:
    """Linear warm-up over 2 % of the updates, then a cosine down to a twentieth."""
    warm = max(1, n_updates // 50)

    def lr(update: int) -> float:
        if update < warm:
            return params.lr * (update + 1) / warm
        share = (update - warm) / max(1, n_updates - warm)
        return params.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))

    return lr


def _keep(path: Path, policy: Policy, optimiser, metadata: dict) -> None:
    tensors = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    checkpoints.save(path, {**tensors, **checkpoints.optimiser_tensors(optimiser, "optimiser")}, metadata)


def _resume(path: Path, policy: Policy, optimiser) -> tuple[int, list[dict], dict]:
    """Updates done, the curve so far, and the machine that began."""
    if not path.exists():
        return 0, [], machine(next(policy.parameters()).device)
    tensors, metadata = checkpoints.load(path)
    own = {name.removeprefix("policy."): tensor for name, tensor in tensors.items() if name.startswith("policy.")}
    checkpoints.restore(policy, own, path)
    checkpoints.restore_optimiser(optimiser, tensors, "optimiser", path)
    print(f"imitation resumes at update {metadata['update']}", flush=True)
    return metadata["update"], metadata["curve"], metadata["machine"]
