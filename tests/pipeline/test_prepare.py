"""Prepare: a stage's digests change with the files that it follows from, and with no others."""

import json

import pytest

from safevla.pipeline import dvc_files, prepare
from tests.pipeline import compendium


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("SAFEVLA_EXTENSIONS", "")
    monkeypatch.chdir(tmp_path)
    toy = {
        "extensions": ["mine"],
        "finetune": {"methods": ["ppo", "toy"], "tasks": ["Fetch"]},
        "evaluate": {"suites": ["sensor"]},
    }
    compendium.add_extension(tmp_path)
    return compendium.make(tmp_path, {"toy": toy, "small": {"finetune": {"methods": ["ppo"], "tasks": ["Fetch"]}}})


def _prepared(root, profile="toy") -> dict[str, str]:
    prepare.prepare(root, profile)
    folder = dvc_files.prepared(root, profile)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_run_has_its_file_and_every_notebook_its_copy(root):
    files = _prepared(root)
    stages = {
        "collect_demonstrations",
        "pretrain_imitation",
        "evaluate_in_distribution",
        "evaluate_ood",
        "ablate_constraint",
        "make_figures",
    }
    wanted = {*stages, "finetune_safe_rl@ppo-Fetch", "finetune_safe_rl@toy-Fetch"}
    assert {name for name in files if name.startswith("code/")} == {f"code/{name}.txt" for name in wanted}
    assert len([name for name in files if name.startswith("notebooks/")]) == 8
    assert "mine/methods/toy.py" in files["code/finetune_safe_rl@toy-Fetch.txt"]
    assert "mine/methods/_shared.py" in files["code/finetune_safe_rl@toy-Fetch.txt"]
    assert "toy.py" not in files["code/finetune_safe_rl@ppo-Fetch.txt"] + files["code/collect_demonstrations.txt"]


def test_editing_a_methods_file_changes_its_own_runs_file(root):
    before = _prepared(root)
    (root / "mine" / "methods" / "_shared.py").write_text("WEIGHT = 2.0\n")
    after = _prepared(root)
    changed = {name for name in after if after[name] != before[name]}
    assert "code/finetune_safe_rl@toy-Fetch.txt" in changed
    assert not changed & {"code/finetune_safe_rl@ppo-Fetch.txt", "code/pretrain_imitation.txt", "code/collect_demonstrations.txt"}


def test_saving_a_notebook_changes_nothing_and_editing_one_changes_its_copy(root):
    before = _prepared(root)
    path = root / "notebooks" / "06_make_figures.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    path.write_text(json.dumps(notebook))
    assert _prepared(root) == before
    notebook["cells"][0]["source"] = "# Other words"
    path.write_text(json.dumps(notebook))
    after = _prepared(root)
    assert {name for name in after if after[name] != before[name]} == {"notebooks/06_make_figures.ipynb"}


def test_what_has_not_changed_is_not_written_and_what_is_not_needed_goes(root):
    _prepared(root)
    folder = dvc_files.prepared(root, "toy")
    stale = folder / "code" / "finetune_safe_rl@gone-Fetch.txt"
    stale.write_text("")
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.txt") if path != stale}
    prepare.prepare(root, "toy")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.txt")} == written


def test_profiles_are_prepared_apart(root):
    assert "code/finetune_safe_rl@toy-Fetch.txt" not in _prepared(root, "small")
    assert not (dvc_files.prepared(root, "toy")).exists()


def test_the_default_profile_says_which_dependency_its_pipeline_lacks(root):
    params = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace("methods: [ppo, ppo_lagrangian]", "methods: [ppo, ppo_fixed_penalty]", 1))
    with pytest.raises(
        dvc_files.PipelineError, match=r"evaluate_in_distribution: deps: data/.*ppo_fixed_penalty-ObjectNav is missing"
    ):
        prepare.prepare(root, "laptop")
