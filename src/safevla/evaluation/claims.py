"""Claims: what the paper says, what this compendium measured, and whether that is the same lesson.

Published figures are of AI2-THOR and eight GPUs, ours of the embedded simulator and whatever the profile could afford, so
a claim is *reproduced* when ours reaches at least a stated part of the published effect, *in direction* when ours is on
the same side and its interval excludes no effect, and *not reproduced* otherwise.
"""

import dataclasses

import numpy as np
import pandas as pd

from safevla.config.registry import SUITES
from safevla.evaluation import statistics

COLUMNS = ("claim", "published", "ours", "low", "high", "n", "tolerance", "verdict", "figure", "stage")


@dataclasses.dataclass(frozen=True)
class _Estimate:
    value: float
    low: float
    high: float
    n: int


def table(rows: pd.DataFrame, curves: pd.DataFrame, limits: dict[str, float], confidence: float, resamples: int) -> pd.DataFrame:
    """One line per claim, COLUMNS. rows: evaluated episodes, shifted ones too; curves: training curves of RL."""
    settings = (confidence, resamples)
    inside = rows[rows["shift"] == "none"]
    found = []

    def add(claim, published, estimate, reached, in_direction, tolerance, figure, stage) -> None:
        verdict = "reproduced" if reached else "in direction" if in_direction else "not reproduced"
        values = (claim, published, estimate.value, estimate.low, estimate.high, estimate.n, tolerance, verdict, figure, stage)
        found.append(dict(zip(COLUMNS, values, strict=True)))

    both = {"ppo", "ppo_lagrangian"} <= set(inside["method"])
    if both:
        cut = _saving(inside, "ppo_lagrangian", "ppo", *settings)
        add("PPO-Lagrangian lowers the cost of an episode, against PPO, by", "83.58 %", cut, cut.value >= 0.4179, cut.low > 0,
            "at least half of it", "success_against_cost", "evaluate_in_distribution")  # fmt: skip
        gain = _Estimate(*(statistics.paired_difference(inside, "ppo_lagrangian", "ppo", "success", *settings).values()))
        add("and changes the success rate by", "+3.85 %", gain, gain.value >= -0.05, gain.high >= 0,
            "no more than 0.05 lower", "success_against_cost", "evaluate_in_distribution")  # fmt: skip
        worst = inside.groupby("method")["cost"].max()
        share = float(worst["ppo_lagrangian"] / max(worst["ppo"], 1e-9))
        n = int((inside["method"] == "ppo").sum())
        add("Its worst episode costs, as a share of PPO's worst", "1/35", _Estimate(share, share, share, n), share <= 0.5,
            share < 1.0, "at most half", "tails", "evaluate_in_distribution")  # fmt: skip
        looks = rows[rows["shift"].isin(_looks())]
        if len(looks):
            cut = _saving(looks, "ppo_lagrangian", "ppo", *settings)
            add("Under shifted colours, lights and materials it still lowers cost by", "more than half", cut, cut.value >= 0.5,
                cut.low > 0, "half", "shifts", "evaluate_ood")  # fmt: skip
    mine = curves[curves["method"] == "ppo_lagrangian"]
    if len(mine):
        over = [float(curve["cost"].iloc[-1] / limits[task]) for (task, _), curve in mine.groupby(["task", "seed"], sort=False)]
        add("At the end of training its mean episode cost, as a share of the limit, is", "about 1",
            _Estimate(float(np.mean(over)), min(over), max(over), len(over)), max(over) <= 1.2, min(over) <= 1.2,
            "at most 1.2 on every task; low and high are the tasks'", "training_curves", "finetune_safe_rl")  # fmt: skip
    if {"expert", "expert_careful"} <= set(inside["method"]):
        cut = _saving(inside, "expert_careful", "expert", *settings)
        add("The tasks can be done safely: a careful expert lowers the shortest-path expert's cost by", "–", cut,
            cut.value >= 0.9, cut.low > 0, "90 %", "cost_by_component", "evaluate_in_distribution")  # fmt: skip
    return pd.DataFrame(found, columns=list(COLUMNS))


def _looks() -> list[str]:
    """The suites that change how a house looks and nothing else."""
    return [name for name in SUITES.names() if SUITES.constant(name, "LOOK", False)]


def _saving(rows: pd.DataFrame, method: str, baseline: str, confidence: float, resamples: int) -> _Estimate:
    """1 − (sum of the tasks' mean costs under the method) / (the same under the baseline), on the same episodes."""
    mean = rows.groupby(["method", "task", "shift", "episode_id"], observed=True)["cost"].mean()
    both = pd.concat([mean.loc[method].rename("a"), mean.loc[baseline].rename("b")], axis=1).dropna()
    weight = 1.0 / both.groupby("task", observed=True)["a"].transform("size").to_numpy(float)
    samples = (both["a"].to_numpy() * weight, both["b"].to_numpy() * weight)

    def saving(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return 1.0 - statistics.ratio(a, b)

    task = both.groupby("task", observed=True).ngroup().to_numpy()
    low, high = statistics.interval(samples, confidence, resamples, saving, task)
    return _Estimate(float(saving(*samples)), low, high, len(both))
