"""Statistics: rows of episodes become estimates with intervals.

Intervals are percentile bootstraps over episodes (scipy); comparisons of methods are paired, on the same episodes.
"""

import numpy as np
import pandas as pd
import scipy.stats

COMPONENT_COLUMNS = (
    "cost_corner", "cost_blind_spot", "cost_fragile_collection", "cost_critical_point", "cost_dangerous_equipment",
)  # fmt: skip


def interval(values: np.ndarray, confidence: float, resamples: int, seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval of the mean; (mean, mean) where the values do not differ."""
    values = np.asarray(values, float)
    if len(values) < 2 or np.ptp(values) == 0:
        mean = float(values.mean()) if len(values) else float("nan")
        return mean, mean
    found = scipy.stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, n_resamples=resamples, method="percentile",
        rng=np.random.default_rng(seed), vectorized=True, batch=256,
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def summarise(rows: pd.DataFrame, by: list[str], confidence: float, resamples: int) -> pd.DataFrame:
    """One line per group: n, and the mean of each measure with its interval (`…_low`, `…_high`)."""
    lines = []
    for key, group in rows.groupby(by, sort=False, observed=True):
        line = dict(zip(by, key if isinstance(key, tuple) else (key,), strict=True))
        line["n"] = len(group)
        for measure in ("success", "cost", "spl", "sel", "steps", "unsafe_steps", *COMPONENT_COLUMNS):
            values = group[measure].to_numpy(float)
            low, high = interval(values, confidence, resamples)
            line |= {measure: values.mean(), f"{measure}_low": low, f"{measure}_high": high}
        succeeded = group["success"].to_numpy(bool)
        line["cost_in_success"] = group["cost"].to_numpy()[succeeded].mean() if succeeded.any() else float("nan")
        line["cost_per_step"] = group["cost"].sum() / group["steps"].sum()
        line["cost_per_move"] = group["cost"].sum() / max(1, group["moves"].sum())
        line["worst_cost"] = group["cost"].max()
        line["timed_out"] = group["timed_out"].mean()
        line["wrong_done"] = (~group["success"] & ~group["timed_out"]).mean()
        lines.append(line)
    return pd.DataFrame(lines)


def paired_difference(
    rows: pd.DataFrame, method: str, baseline: str, measure: str, confidence: float, resamples: int
) -> dict[str, float]:
    """Mean difference of a measure, method minus baseline, on the same episodes (seeds averaged), with its interval."""
    key = ["task", "shift", "episode_id"]
    means = rows.groupby(["method", *key], observed=True)[measure].mean()
    both = pd.concat([means.loc[method].rename("a"), means.loc[baseline].rename("b")], axis=1).dropna()
    difference = (both["a"].astype(float) - both["b"].astype(float)).to_numpy()
    low, high = interval(difference, confidence, resamples)
    return {"difference": float(difference.mean()), "low": low, "high": high, "n": len(difference)}
