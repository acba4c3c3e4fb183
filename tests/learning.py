"""What tests of learning share: a tiny policy, made-up observations and rows, parameters, methods, a short rollout."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex

from safevla.config import params, profiles
from safevla.config.house_options import HouseOptions
from safevla.config.policy_config import PolicyConfig
from safevla.env.contact_memory import N_CONTACT_PROXIMITY
from safevla.env.observations import ARM_STATES, Observation
from safevla.env.vector_env import VectorEnv
from safevla.policies.vla import Policy
from safevla.safe_rl.collector import Collector
from safevla.safe_rl.episode_source import IteratorSource
from safevla.safe_rl.method import Method, make_method
from safevla.safe_rl.rollout import EndedEpisode
from safevla.sim.actions import N_ACTIONS
from safevla.sim.embedded import EmbeddedSimulator
from safevla.tasks import sampling
from safevla.tasks.goals import PAPER_TASKS
from safevla.tasks.step_costs import PAPER_COSTS
from safevla.tasks.tokenizer import MAX_WORDS

TINY = PolicyConfig(image_size=(18, 32), channels=(4, 8), dim=16, heads=2, decoder_layers=2, context=8)


def tiny_policy(**changes) -> Policy:
    """A policy of TINY's size with some of it changed, the same weights every time."""
    torch.manual_seed(0)
    return Policy(TINY.model_copy(update=changes))


def made_up_observation(n_steps: int, n_envs: int, seed: int = 0) -> Observation:
    g = torch.Generator().manual_seed(seed)
    shape = (n_steps, n_envs)
    return Observation(
        pixels=torch.randint(0, 256, (*shape, 2, *TINY.image_size, 3), generator=g).to(torch.uint8),
        words=torch.randint(0, 10, (*shape, MAX_WORDS), generator=g),
        previous_action=torch.randint(0, 21, shape, generator=g),
        arm=torch.rand(*shape, ARM_STATES, generator=g),
        object_in_hand=torch.rand(shape, generator=g) < 0.5,
        step=torch.randint(0, 50, shape, generator=g),
        failed_actions=torch.rand(*shape, N_ACTIONS, generator=g) < 0.1,
        contact_proximity=torch.rand(*shape, N_CONTACT_PROXIMITY, generator=g),
    )


def ppo_params(**changes) -> params.PPOParams:
    return profiles.load("smoke").finetune.train.model_copy(update=changes)


def a_method(name: str, own: Mapping = {}, task: str = "Fetch", costs: Sequence[str] = PAPER_COSTS, **changes) -> Method:
    """A method on a task; own: its own parameters; changes: of the shared ones."""
    return make_method(name, ppo_params(**changes), own, task, costs)


def a_collector(
    n_envs: int,
    max_steps: int,
    frozen_encoder: bool = False,
    tasks: Sequence[str] = PAPER_TASKS,
    rooms=(1, 2),
    filter_action=None,
) -> Collector:
    """A collector in fresh houses, at the beginning."""
    batch = VectorEnv(EmbeddedSimulator(n_envs, TINY.image_size), max_steps)
    source = IteratorSource(sampling.stream(tasks, "train", HouseOptions(rooms=rooms)))
    return Collector(batch, source, torch.Generator().manual_seed(0), frozen_encoder, filter_action)


@pytest.fixture(scope="module")
def rollout_and_policy():
    """Sixteen steps of six environments, in which episodes end, and who played them."""
    model = tiny_policy()
    collector = a_collector(6, 9)
    collector.collect(model, 5)
    rollout, ended = collector.collect(model, 16)
    return rollout, ended, model


def made_up_rows(n: int = 40, costs: Sequence[str] = PAPER_COSTS) -> pd.DataFrame:
    """Rows of n evaluated episodes by three methods, PPO the most dangerous."""
    rng = np.random.default_rng(0)
    lines = []
    for method, level in (("imitation", 4.0), ("ppo", 6.0), ("ppo_lagrangian", 2.0)):
        for i in range(n):
            parts = rng.poisson(level / len(costs), len(costs)).astype(float)
            lines.append(
                {"profile": "t", "method": method, "task": "ObjectNav", "seed": 0, "split": "test", "shift": "none",
                 "episode_id": f"e{i}", "success": bool(rng.random() < 0.6), "steps": int(rng.integers(10, 60)), "spl": 0.5, "sel": 0.5,
                 "cost": parts.sum(), **{f"cost_{name}": part for name, part in zip(costs, parts, strict=True)},
                 "unsafe_steps": 1, "collisions": 1, "moves": int(rng.integers(3, 12)), "path_m": float(rng.uniform(0.5, 5.0)),
                 "timed_out": bool(rng.random() < 0.1), "max_displacement_m": float(rng.exponential(0.2))}
            )  # fmt: skip
    return pd.DataFrame(lines)


def made_up_costs(like: torch.Tensor) -> torch.Tensor:
    """Costs, 0 or 1, one in five of them charged, in the shape of others."""
    return (torch.rand(like.shape, generator=torch.Generator().manual_seed(3)) < 0.2).float()


def slow_gae(signal, value, next_value, final_value, terminated, truncated, gamma, lam):
    """Sum of discounted residuals, each advantage (T, B) on its own."""
    n_steps, n_envs = signal.shape
    out = np.zeros((n_steps, n_envs))
    for e in range(n_envs):
        for t in range(n_steps):
            weight = 1.0
            for k in range(t, n_steps):
                if truncated[k, e]:
                    after = final_value[k, e]
                elif terminated[k, e]:
                    after = 0.0
                else:
                    after = value[k + 1, e] if k + 1 < n_steps else next_value[e]
                out[t, e] += weight * (signal[k, e] + gamma * after - value[k, e])
                if terminated[k, e] or truncated[k, e]:
                    break
                weight *= gamma * lam
    return out


def rows_that_save(saving: float) -> pd.DataFrame:
    """Sixty episodes of two tasks, the constrained policy cheaper by a share and the careful expert free."""
    rng = np.random.default_rng(0)
    lines = []
    for task, scale in (("ObjectNav", 5.0), ("Fetch", 30.0)):
        for i in range(30):
            cost = float(rng.exponential(scale)) + 1.0
            factors = {"expert": 1.0, "expert_careful": 0.0, "ppo": 1.0, "ppo_lagrangian": 1.0 - saving}
            for method, factor in factors.items():
                for shift in ("none", "color"):
                    lines.append(
                        {"method": method, "task": task, "seed": 0, "shift": shift, "episode_id": f"{task}{i}{shift}",
                         "success": i % 2 == 0, "cost": cost * factor}
                    )  # fmt: skip
    return pd.DataFrame(lines)


def curves_that_end_at(cost: float) -> pd.DataFrame:
    """A training curve of the constrained policy, by its cost."""
    return pd.DataFrame({"task": ["ObjectNav"] * 2, "method": "ppo_lagrangian", "seed": 0, "cost": [9.0, cost]})


def ended_episodes(*costs: float) -> list[EndedEpisode]:
    """Episodes that ended in a rollout, by their costs."""
    return [EndedEpisode(success=True, cost=cost, steps=9, moves=5, wrong_done=False) for cost in costs]


def legend_of(figure) -> dict[str, str]:
    """The labels of a figure's legend, with their colours."""
    found = {}
    for legend in figure.legends:
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
            colour = handle.get_color() if hasattr(handle, "get_color") else handle.get_facecolor()
            if not isinstance(colour, str) and np.size(colour) == 0:  # an outline
                colour = handle.get_edgecolor()
            found[text.get_text()] = to_hex(colour if isinstance(colour, str) else np.atleast_2d(colour)[0])
    return found
