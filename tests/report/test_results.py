"""Records: what is kept in git of a run gives the same figures' input as the run itself."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from safevla.config import policy_config
from safevla.pipeline import archive
from safevla.policies import policy_files
from safevla.policies.vla import Policy
from safevla.report import results
from tests.learning import TINY


@pytest.fixture
def a_run(tmp_path):
    """data/laptop of a run with one policy, an ablation and three traces of one episode."""
    run = tmp_path / "data" / "laptop"
    rows = pd.DataFrame(
        {"shift": ["none", "none"], "episode_id": ["a", "b"], "cost": [1.0, 2.5], "actions": [b"\x01", b"\x02\x03"]}
    )
    for name, table in (
        ("in_distribution", rows),
        ("ood", rows.assign(shift="light")),
        ("ablation", rows.assign(variant="PID")),
    ):
        (run / "evaluation" / name).mkdir(parents=True)
        table.to_parquet(run / "evaluation" / name / "episodes.parquet", index=False)
    curve = pd.DataFrame({"steps": [100, 200], "cost": [3.0, 1.0], "seconds": [1.0, 4.0]})
    curve.assign(variant="PID").to_csv(run / "evaluation" / "ablation" / "curves.csv", index=False)
    metadata = {"task": "Fetch", "success": True, "probabilities": [[0.5] * 20]}
    traces = [
        metadata | {"episode_id": episode, "method": method, "step_costs": [[cost] * 5]}
        for episode, cost in (("cheap", 0.0), ("dear", 1.0))
        for method in ("expert", "imitation", "ppo")
    ]
    folder = run / "evaluation" / "in_distribution"
    (folder / "traces.json").write_text(json.dumps(traces))
    np.savez(folder / "traces.npz", **{f"frames_{i}": np.full((2, 2, 4, 4, 3), i, np.uint8) for i in range(len(traces))})
    torch.manual_seed(0)
    (run / "imitation").mkdir()
    curve.to_csv(run / "imitation" / "curve.csv", index=False)
    policy_files.save(Policy(TINY), run / "imitation" / "policy.safetensors", machine={"device": "a GPU"})
    tuned = run / "finetune" / "ppo-Fetch"
    policy_files.save(
        Policy(TINY), tuned / "seed-1.safetensors", steps=200, method="ppo", task="Fetch", machine={"device": "a GPU"}
    )
    curve.assign(method="ppo", task="Fetch", seed=1).to_csv(tuned / "curve.csv", index=False)
    return tmp_path


def test_what_is_kept_is_what_the_run_left(a_run):
    of_run = results.read(a_run, "laptop")
    assert [trace["method"] for trace in of_run.traces] == ["expert", "ppo"]  # of the costlier episode
    assert of_run.frames.max() == 3 and "actions" not in of_run.rows and len(of_run.rows) == 4
    archive.archive(a_run, "laptop")
    (a_run / "data").rename(a_run / "elsewhere")
    kept = results.read(a_run, "laptop")
    for name in ("rows", "curves", "ablation", "ablation_curves"):
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(of_run, name))
    assert np.array_equal(kept.frames, of_run.frames)
    assert kept.traces == [trace | {"probabilities": []} for trace in of_run.traces]


def test_policies_and_a_manifest_are_kept(a_run):
    archive.archive(a_run, "laptop")
    learnt, metadata = policy_files.load(a_run / "policies" / "laptop" / "ppo-Fetch-seed-1.safetensors")
    assert metadata["task"] == "Fetch"
    original, _ = policy_files.load(a_run / "data" / "laptop" / "finetune" / "ppo-Fetch" / "seed-1.safetensors")
    for name, tensor in original.state_dict().items():
        assert torch.equal(learnt.state_dict()[name], tensor.half().float()), name
    manifest = json.loads((a_run / "reports" / "laptop" / "manifest.json").read_text())
    assert [one["policy"] for one in manifest["trained"]] == ["imitation", "ppo-Fetch-seed-1"]
    assert manifest["trained"][1]["steps_per_s"] == 50 and manifest["trained"][1]["machine"] == {"device": "a GPU"}
    assert manifest["episodes"] == {"none": 2, "light": 2}


def test_what_is_missing_of_a_run_is_said_before_anything_is_written(a_run):
    (a_run / "data" / "laptop" / "imitation" / "curve.csv").unlink()
    with pytest.raises(archive.ArchiveError, match=r"data/laptop/imitation/curve\.csv is missing: `safevla reproduce laptop`"):
        archive.archive(a_run, "laptop")
    assert not (a_run / "reports").exists() and not (a_run / "policies").exists()


def test_parameters_that_the_run_need_not_have_had_are_refused(a_run, monkeypatch):
    monkeypatch.setenv("SAFEVLA_DEVICE", "cuda")
    with pytest.raises(archive.ArchiveError, match=r"SAFEVLA_DEVICE is set to cuda, which changes simulator\.device"):
        archive.archive(a_run, "laptop")


def test_trained_encoders_are_shipped_and_others_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_config, "_WEIGHTS", tmp_path / "weights")
    with pytest.raises(archive.ArchiveError, match=r"no data/big/encoders/laptop/.*`safevla reproduce big pretrain_encoder`"):
        archive.ship_encoders(tmp_path, "big")
    for name in ("paper", "tiny"):
        (tmp_path / "data" / "big" / "encoders" / name).mkdir(parents=True)
        (tmp_path / "data" / "big" / "encoders" / name / "encoder.safetensors").write_text(name)
    assert archive.ship_encoders(tmp_path, "big") == [tmp_path / "weights" / "paper.safetensors"]
    assert [path.read_text() for path in (tmp_path / "weights").iterdir()] == ["paper"]


def test_nothing_to_draw_is_said(tmp_path):
    with pytest.raises(results.ResultsError, match=r"evaluation nor .*record is there"):
        results.read(tmp_path, "laptop")
