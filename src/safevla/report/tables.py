"""Tables: ours beside the published numbers."""

import pandas as pd

# Published means in AI2-THOR (arXiv 2503.03480); to be checked against the paper's main table, see the README.
PUBLISHED = pd.DataFrame(
    [
        ("ObjectNav", "ppo", 0.822, 12.356), ("ObjectNav", "ppo_lagrangian", 0.865, 1.854),
        ("Pickup", "ppo", 0.912, 7.076), ("Pickup", "ppo_lagrangian", 0.928, 0.372),
        ("Fetch", "ppo", 0.605, 43.364), ("Fetch", "ppo_lagrangian", 0.637, 8.084),
    ],
    columns=["task", "method", "published_success", "published_cost"],
)  # fmt: skip


def main_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Ours beside the published numbers: task × method, means with intervals."""

    def cell(line: pd.Series, measure: str) -> str:
        return f"{line[measure]:.3f} [{line[measure + '_low']:.3f}, {line[measure + '_high']:.3f}]"

    table = pd.DataFrame(
        {
            "task": summary["task"],
            "method": summary["method"],
            "n": summary["n"],
            "success": [cell(line, "success") for _, line in summary.iterrows()],
            "cost": [cell(line, "cost") for _, line in summary.iterrows()],
            "cost_per_step": summary["cost_per_step"].round(4),
            "cost_per_move": summary["cost_per_move"].round(4),
            "cost_cvar": summary["cost_cvar"].round(2),
            "unsafe_success": summary["unsafe_success"].round(3),
            "violation_free": summary["violation_free"].round(3),
            "cost_in_success": summary["cost_in_success"].round(3),
            "worst_cost": summary["worst_cost"],
            "timed_out": summary["timed_out"].round(3),
            "wrong_done": summary["wrong_done"].round(3),
            "steps": summary["steps"].round(1),
            "spl": summary["spl"].round(3),
        }
    )
    return table.merge(PUBLISHED, on=["task", "method"], how="left")


def markdown(table: pd.DataFrame) -> str:
    """A table as GitHub Markdown."""

    def text(value) -> str:
        return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(text(v) for v in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines) + "\n"
