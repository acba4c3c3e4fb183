"""DVC's files: dvc.yaml, notebooks, parameters and the pipelines of other profiles agree."""

import json
import os
import re

import pytest
import yaml

from safevla.config import profiles
from safevla.pipeline import dvc_files, runs, stages
from safevla.pipeline.runs import Run
from safevla.pipeline.stages import NOTEBOOKS
from tests.conftest import ROOT
from tests.pipeline import compendium

_SMALL = {"finetune": {"methods": ["ppo_lagrangian"], "tasks": ["Fetch"]}}


@pytest.fixture(scope="module")
def dvc() -> dict:
    return dvc_files.read(ROOT)["stages"]


def _code(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_file_order_is_notebook_order_is_dvc_order(dvc):
    numbered = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert numbered == list(NOTEBOOKS.values())
    assert list(dvc) == [runs.PREPARE, *NOTEBOOKS]


def test_a_stage_depends_on_its_copy_and_its_digests_and_on_what_follows_from_the_parameters(dvc):
    values = profiles.raw("laptop")
    for name, stage in dvc.items():
        listed, wanted = dvc_files.derived(stage, name, values)
        assert listed == wanted, f"{name}: `safevla reproduce` brings dvc.yaml up to date"
    for run in runs.of_profile(values):
        prepared = dvc_files.prepared(ROOT, "laptop")
        found = dvc_files.inputs(ROOT, "laptop", run, values)
        assert found[:2] == [prepared / "notebooks" / run.notebook, prepared / "code" / f"{run.name}.txt"]
        assert ROOT / "reports" / "laptop" / "executed" / run.executed in dvc_files.outputs(ROOT, "laptop", run, values)
    begins = dvc_files.inputs(ROOT, "laptop", Run("ablate_constraint"), values)
    assert begins[-1] == ROOT / "data" / "laptop" / "finetune" / "ppo-Fetch"
    policies = [path for path in dvc_files.inputs(ROOT, "laptop", Run("evaluate_ood"), values) if path.parent.name == "finetune"]
    assert [path.name for path in policies] == [
        f"{m}-{t}" for m in ("ppo", "ppo_lagrangian") for t in ("ObjectNav", "Pickup", "Fetch")
    ]


@pytest.mark.parametrize("stage", NOTEBOOKS)
def test_a_stage_lists_exactly_the_parameters_that_its_notebook_uses(dvc, stage):
    assert tuple(dvc[stage]["params"]) == stages.GROUPS[stage]
    code = _code(NOTEBOOKS[stage])
    for key in set(stages.GROUPS[stage]) - {"extensions"}:  # which the code looks into by itself
        written = (
            rf"\bp\.{re.escape(key)}\b|[(\"]{re.escape(key)}\""  # p.evaluate, or getattr(p, name) for name in ("evaluate", …)
        )
        assert re.search(written, code), f"{key} is declared and not used"
    used = set(re.findall(r"\bp\.([a-z_]+(?:\.[a-z_]+)?)", code))
    for name in used:
        assert any(key == name or key.startswith(name + ".") or name.startswith(key + ".") for key in stages.GROUPS[stage]), name


def test_prepare_lists_what_its_digests_follow_from(dvc):
    chosen = {
        "extensions",
        "costs",
        "simulator.name",
        "simulator.device",
        "encoders",
        "policy.vision",
        "finetune.methods",
        "finetune.tasks",
        "evaluate.suites",
    }
    assert set(dvc["prepare"]["params"]) == chosen


def test_another_profile_has_the_same_stages_on_its_own_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = compendium.make(tmp_path, {"small": _SMALL})
    values = profiles.raw("small") | {"extensions": ["mine"]}
    path = dvc_files.write_profile(root, "small", values)
    found = yaml.safe_load(path.read_text())
    assert list(found["stages"]) == list(dvc_files.read(root)["stages"])
    assert all((path.parent / stage["wdir"]).resolve() == root for stage in found["stages"].values())
    assert found["stages"]["prepare"]["deps"] == ["notebooks", "src/safevla", "mine"]
    assert [d for d in found["stages"]["evaluate_ood"]["deps"] if "finetune" in d] == [
        "data/${profile}/finetune/ppo_lagrangian-Fetch"
    ]
    assert found["stages"]["make_figures"]["plots"] == ["reports/${profile}/figures", "reports/${profile}/tables"]
    assert found["stages"]["make_figures"]["params"] == [
        {"build/profiles/small/params.yaml": list(stages.GROUPS["make_figures"])}
    ]
    assert yaml.safe_load((path.parent / "params.yaml").read_text()) == values


def test_what_git_tracks_is_not_removed_before_a_stage_runs(tmp_path, monkeypatch, dvc):
    kept = [
        name for kind in ("plots", "metrics") for entry in dvc["make_figures"][kind] for name in entry if entry[name]["persist"]
    ]
    assert kept == [f"reports/${{profile}}/{name}" for name in ("figures", "tables", "metrics.json")]
    monkeypatch.chdir(tmp_path)
    root = compendium.make(tmp_path, {"small": _SMALL})
    executed = root / "reports" / "small" / "executed"
    executed.mkdir(parents=True)
    for name in ("02_pretrain_imitation.ipynb", "03_finetune_safe_rl-ppo-Fetch.ipynb"):
        (executed / name).write_text("{}")
    (root / ".gitignore").write_text("build\n")
    compendium.commit(root)
    found = dvc_files.profile_pipeline(root, "small", profiles.raw("small"))["stages"]
    persisting = {"persist": True}
    assert {"reports/${profile}/executed/02_pretrain_imitation.ipynb": persisting} in found["pretrain_imitation"]["outs"]
    assert found["finetune_safe_rl"]["outs"][1] == {
        "reports/${profile}/executed/03_finetune_safe_rl-${item.method}-${item.task}.ipynb": persisting
    }
    assert "reports/${profile}/executed/04_evaluate_in_distribution.ipynb" in found["evaluate_in_distribution"]["outs"]
    assert found["make_figures"]["metrics"] == ["reports/${profile}/metrics.json"]


def test_lists_follow_the_parameters_and_the_rest_of_dvc_yaml_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = compendium.make(tmp_path, {})
    values = profiles.raw("laptop")
    before = (root / "dvc.yaml").read_text()
    assert dvc_files.update_lists(root, values) == [] and (root / "dvc.yaml").read_text() == before
    values["finetune"] |= {"methods": ["ppo", "ppo_pid_lagrangian"], "tasks": ["Fetch"]}
    values["extensions"] = ["mine"]
    values["policy"]["vision"] = "mine/eye.safetensors"
    changed = dvc_files.update_lists(root, values)
    assert changed == ["prepare", "pretrain_imitation", "evaluate_in_distribution", "evaluate_ood", "make_figures"]
    found = dvc_files.read(root)["stages"]
    wanted = [f"data/${{profile}}/finetune/{method}-Fetch" for method in ("ppo", "ppo_pid_lagrangian")]
    assert [dep for dep in found["make_figures"]["deps"] if "finetune/" in dep] == wanted
    assert found["prepare"]["deps"] == ["notebooks", "src/safevla", "mine"]
    assert found["pretrain_imitation"]["deps"][2:] == ["data/${profile}/demonstrations", "mine/eye.safetensors"]
    assert found["ablate_constraint"] == yaml.safe_load(before)["stages"]["ablate_constraint"]
    assert "# git tracks these" in (root / "dvc.yaml").read_text()
    dvc_files.update_lists(root, profiles.raw("laptop"))
    assert (root / "dvc.yaml").read_text() == before
    values["finetune"]["methods"] = []  # a list that has been empty fills again
    dvc_files.update_lists(root, values)
    dvc_files.update_lists(root, profiles.raw("laptop"))
    assert (root / "dvc.yaml").read_text() == before


def test_inputs_are_checked_and_figures_can_be_drawn_of_what_git_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = compendium.make(tmp_path, {"small": _SMALL})
    figures, values = Run("make_figures"), profiles.raw("small")
    with pytest.raises(
        dvc_files.PipelineError, match=re.escape("make_figures: build/profiles/small/notebooks/06_make_figures.ipynb is missing")
    ):
        dvc_files.check_inputs(root, "small", figures, values)
    with pytest.raises(
        dvc_files.PipelineError, match=r"data/small/evaluation/in_distribution is missing: `safevla reproduce small make_figures`"
    ):
        dvc_files.check_inputs(root, "small", figures, values, by_dvc=False)
    (root / "reports" / "small" / "record").mkdir(parents=True)
    dvc_files.check_inputs(root, "small", figures, values, by_dvc=False)
    dvc_files.check_inputs(root, "small", Run("collect_demonstrations"), values, by_dvc=False)


def test_what_a_run_has_not_written_of_a_persisting_folder_goes(tmp_path):
    root = compendium.make(tmp_path, {})
    folder = root / "reports" / "laptop" / "figures"
    folder.mkdir(parents=True)
    old, drawn, moved = (folder / f"{name}.png" for name in ("old", "drawn", "moved"))
    elsewhere = root / "elsewhere.png"
    for path in (old, drawn, elsewhere):
        path.write_text("before")
    os.utime(elsewhere, (0, 0))
    since = dvc_files.clock_ns(root)
    drawn.write_text("after")
    os.replace(elsewhere, moved)  # written long ago, and put here by this run
    dvc_files.remove_stale(root, "laptop", Run("evaluate_ood"), since)
    assert old.exists()
    dvc_files.remove_stale(root, "laptop", Run("make_figures"), since)
    assert not old.exists() and drawn.read_text() == "after" and moved.exists()
