"""Records: what a run's tables and figures are made of, as its stages left it or as `reports/<profile>` keeps it.

`data/<profile>` is made again by whoever has the time. A run that took a GPU is kept in git (by `safevla archive`), so that
everybody can draw its figures: `read` finds what is needed in the one place or the other.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd

_NOT_SHOWN = ("expert_careful", "imitation")  # whose ways through an episode are not drawn beside the others'


class ResultsError(ValueError):
    """There is nothing to make figures of; the message names the folders that were searched."""


@dataclasses.dataclass(frozen=True)
class Results:
    """All that figures and tables are made of."""

    rows: pd.DataFrame  # an evaluated episode each, in distribution and shifted, without the actions
    curves: pd.DataFrame  # training curves of the fine-tuned policies, with method, task and seed
    ablation: pd.DataFrame | None  # as rows, with their variant; None where no ablation was run
    ablation_curves: pd.DataFrame | None
    traces: list[dict]  # of the test episode that is costliest for the expert, the facts of `replay.Trace`
    frames: np.ndarray  # (T + 1, C, H, W, 3) uint8, of the first of them


def read(root: Path, profile: str) -> Results:
    """The record of a profile's run."""
    run, kept = root / "data" / profile, root / "reports" / profile
    if (run / "evaluation").is_dir():
        return of_run(run)
    if (kept / "record").is_dir():
        return _of_kept(kept)
    raise ResultsError(f"neither {run / 'evaluation'} nor {kept / 'record'} is there: run the stages before this one")


def of_run(run: Path) -> Results:
    """What the stages have left in data/<profile>."""
    evaluated = run / "evaluation"
    rows = pd.concat(
        [pd.read_parquet(evaluated / name / "episodes.parquet") for name in ("in_distribution", "ood")], ignore_index=True
    )
    curves = [pd.read_csv(path) for path in sorted((run / "finetune").glob("*/curve.csv"))]
    ablation = evaluated / "ablation"
    traces = json.loads((evaluated / "in_distribution" / "traces.json").read_text(encoding="utf-8"))
    mine = [t for t in traces if t["task"] == traces[0]["task"]]
    costliest = max((t for t in mine if t["method"] == "expert"), key=lambda t: np.sum(t["step_costs"]))["episode_id"]
    chosen = [i for i, t in enumerate(traces) if t["episode_id"] == costliest and t["method"] not in _NOT_SHOWN]
    with np.load(evaluated / "in_distribution" / "traces.npz") as pictures:
        frames = pictures[f"frames_{chosen[0]}"]
    return Results(
        rows=rows.drop(columns="actions"),
        curves=pd.concat(curves, ignore_index=True),
        ablation=pd.read_parquet(ablation / "episodes.parquet") if ablation.is_dir() else None,
        ablation_curves=pd.read_csv(ablation / "curves.csv") if ablation.is_dir() else None,
        traces=[traces[i] for i in chosen],
        frames=frames,
    )


def _of_kept(reports: Path) -> Results:
    kept = reports / "record"
    has_ablation = (kept / "ablation.parquet").exists()
    with np.load(kept / "frames.npz") as pictures:
        frames = pictures["frames"]
    return Results(
        rows=pd.read_parquet(reports / "episodes.parquet"),
        curves=pd.read_parquet(kept / "curves.parquet"),
        ablation=pd.read_parquet(kept / "ablation.parquet") if has_ablation else None,
        ablation_curves=pd.read_parquet(kept / "ablation_curves.parquet") if has_ablation else None,
        traces=json.loads((kept / "traces.json").read_text(encoding="utf-8")),
        frames=frames,
    )


def write(record: Results, reports: Path) -> None:
    """Write a record to reports/<profile>."""
    kept = reports / "record"
    kept.mkdir(parents=True, exist_ok=True)
    tables = {
        reports / "episodes.parquet": record.rows,
        kept / "curves.parquet": record.curves,
        kept / "ablation.parquet": record.ablation,
        kept / "ablation_curves.parquet": record.ablation_curves,
    }
    for path, table in tables.items():
        if table is not None:
            table.to_parquet(path, index=False, compression="zstd")
    # the probabilities of every action at every step are most of a trace, and no figure draws them
    slim = [{**trace, "probabilities": []} for trace in record.traces]
    (kept / "traces.json").write_text(json.dumps(slim), encoding="utf-8")
    np.savez_compressed(kept / "frames.npz", frames=record.frames)
