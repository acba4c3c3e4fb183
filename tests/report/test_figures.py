import numpy as np
import pandas as pd

from safevla.evaluation import statistics
from safevla.report import figures, style


def _rows(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    lines = []
    for method, level in (("imitation", 4.0), ("ppo", 6.0), ("ppo_lagrangian", 2.0)):
        for i in range(n):
            parts = rng.poisson(level / 5, 5).astype(float)
            lines.append(
                {"profile": "t", "method": method, "task": "ObjectNav", "seed": 0, "split": "test", "shift": "none",
                 "episode_id": f"e{i}", "success": bool(rng.random() < 0.6), "steps": int(rng.integers(10, 60)), "spl": 0.5, "sel": 0.5,
                 "cost": parts.sum(), **dict(zip(statistics.COMPONENT_COLUMNS, parts, strict=True)), "unsafe_steps": 1, "collisions": 1,
                 "moves": int(rng.integers(3, 12)), "path_m": float(rng.uniform(0.5, 5.0)), "timed_out": bool(rng.random() < 0.1),
                 "max_displacement_m": float(rng.exponential(0.2))}
            )  # fmt: skip
    return pd.DataFrame(lines)


def test_figures_are_the_same_bytes_every_time(tmp_path):
    summary = statistics.summarise(_rows(), ["task", "method"], 0.95, 100)
    for folder in ("a", "b"):
        with style.style():
            style.save(figures.success_against_cost(summary), tmp_path / folder, "x", 60)
            style.save(figures.cost_by_component(summary), tmp_path / folder, "y", 60)
            style.save(figures.cost_distribution(_rows()), tmp_path / folder, "z", 60)
    for name in ("x.png", "x.pdf", "y.png", "y.pdf", "z.png", "z.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
