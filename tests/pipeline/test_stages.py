"""Stages: what they may read, where they write, and when a piece of work counts as done."""

import pytest

from safevla.config import profiles
from safevla.pipeline import stages
from tests.conftest import ROOT
from tests.pipeline import compendium


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFEVLA_EXTENSIONS", "")
    compendium.add_extension(tmp_path)
    return compendium.make(tmp_path, {"toy": {"extensions": ["mine"], "finetune": {"methods": ["ppo", "toy"]}}})


def test_a_stage_has_its_parameters_and_no_others(root):
    values = stages.select("make_figures", profiles.raw("laptop"))
    stage = stages.open_stage("make_figures", "laptop", values)
    assert stage.is_pipeline and stage.params.figures.dpi == values["figures"]["dpi"] and not hasattr(stage.params, "houses")
    with pytest.raises(profiles.ParamsError, match="make_figures: seed: unknown parameter"):
        stages.open_stage("make_figures", "laptop", values | {"seed": 0})
    with pytest.raises(profiles.ParamsError, match="make_figures: figures: missing"):
        stages.open_stage("make_figures", "laptop", {key: value for key, value in values.items() if key != "figures"})


def test_a_persons_own_run_writes_apart_from_the_pipelines(root, monkeypatch):
    assert (
        stages.open_stage("make_figures", None, None).output("reports", "x.csv")
        == root / "build" / "interactive" / "reports" / "x.csv"
    )
    values = stages.select("make_figures", profiles.raw("laptop"))
    stage = stages.open_stage("make_figures", "laptop", values)
    assert stage.output("reports", "x.csv") == root / "reports" / "x.csv"
    monkeypatch.setenv("RANK", "1")
    assert stage.output("reports", "x.csv") == root / "build" / "ranks" / "1" / "reports" / "x.csv"


def test_work_is_done_again_where_what_it_follows_from_has_changed(root):
    stage = stages.open_stage("finetune_safe_rl", "toy", None)
    given = root / "input.bin"
    given.write_bytes(b"one")
    key = {"method": "ppo", "steps": 1}
    folder = stage.progress_folder("job", key, [given])
    assert folder.is_dir() and stage.progress_folder("job", dict(key), [given]) == folder
    assert stage.progress_folder("job", key | {"steps": 2}, [given]) != folder
    given.write_bytes(b"two")
    assert stage.progress_folder("job", key, [given]) != folder


def test_a_methods_file_makes_its_own_jobs_anew_and_no_others(root):
    stage = stages.open_stage("finetune_safe_rl", "toy", None)

    def folders() -> list:
        return [stage.progress_folder("job", {"method": method}) for method in ("ppo", "toy")]

    before = folders()
    (root / "mine" / "methods" / "_shared.py").write_text("WEIGHT = 2.0\n")
    after = folders()
    assert after[0] == before[0] and after[1] != before[1]


def test_every_stage_has_a_notebook_and_parameters():
    assert list(stages.GROUPS) == list(stages.NOTEBOOKS)
    assert all((ROOT / "notebooks" / f"{name}.ipynb").exists() for name in stages.NOTEBOOKS.values())
