"""Reproduce: stages of any profile by DVC, no tracked file touched, and a table at the end."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from safevla import cli
from safevla.config import profiles
from safevla.pipeline import reproduce, runs
from tests.conftest import ROOT
from tests.pipeline import compendium

_TINY = {"finetune": {"methods": ["ppo"], "tasks": ["Fetch"]}}
_COLLECT = """
from pathlib import Path
made = Path("data") / profile / "demonstrations"
made.mkdir(parents=True, exist_ok=True)
(made / "test.txt").write_text(profile)
print("made", made)
"""
_METRICS = {"Fetch": {"ppo": {"success": 0.5, "cost": 12.25}, "expert": {"success": 1.0, "cost": 1.0}}}


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A repository as it is cloned: results of the default profile are in git, and no stage has run."""
    root = compendium.make(tmp_path_factory.mktemp("clone"), {"tiny": _TINY}, {"collect_demonstrations": _COLLECT})
    for name in ("figures/tails.png", "figures/quadrants.png", "tables/main.csv"):
        _write(root / "reports" / "laptop" / name, name)
    _write(root / "reports" / "laptop" / "metrics.json", json.dumps(_METRICS))
    (root / "src").mkdir()
    (root / "src" / "safevla").symlink_to(ROOT / "src" / "safevla")
    compendium.commit(root)
    return root


def _run(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a Python module in a repository."""
    command, given = [sys.executable, "-m", *arguments], compendium.environment() | environment
    return subprocess.run(command, cwd=root, env=given, capture_output=True, text=True, check=False)


def test_a_stage_alone_does_not_cost_what_git_has(clone):
    """DVC removes what a stage makes before it runs it, and the stage's inputs are not there."""
    done = _run(clone, "dvc", "repro", "-s", "-f", "make_figures")
    assert done.returncode != 0 and "is missing: `safevla reproduce laptop make_figures` makes it" in done.stderr
    assert compendium.changed(clone) == ""


def test_a_profiles_stage_alone_says_what_is_missing_before_anything_is_removed(clone):
    done = _run(clone, "safevla", "reproduce", "tiny", "make_figures", "--single")
    assert done.returncode == 1
    missing = "make_figures: data/tiny/evaluation/in_distribution is missing: `safevla reproduce tiny make_figures` makes it"
    assert done.stderr == f"safevla: {missing}\n"
    assert compendium.changed(clone) == ""


@pytest.mark.parametrize(
    ("profile", "options", "first"),
    [
        ("tiny", ["evaluate_ood", "--downstream"], "evaluate_ood: data/tiny/demonstrations"),
        (
            "laptop",
            ["finetune_safe_rl@ppo-Fetch", "--downstream", "--force"],
            "finetune_safe_rl@ppo-Fetch: data/laptop/imitation",
        ),
        ("laptop", ["make_figures", "evaluate_ood", "-s", "-f"], "evaluate_ood: data/laptop/demonstrations"),
    ],
)
def test_stages_without_what_they_need_say_the_first_thing_that_is_missing(clone, profile, options, first):
    done = _run(clone, "safevla", "reproduce", profile, *options)
    assert done.returncode == 1 and "Running stage" not in done.stdout
    assert done.stderr.startswith(f"safevla: {first} is missing: `safevla reproduce {profile} ") and done.stderr.count("\n") == 1
    assert compendium.changed(clone) == ""


def test_what_follows_is_asked_for_what_it_does_not_make_itself(clone):
    values = profiles.raw("laptop")
    start = runs.chosen(["finetune_safe_rl"], values)
    found = [run.stage for run in reproduce._without_needs(start, True, clone, "laptop", values)]
    assert list(dict.fromkeys(found)) == [
        "finetune_safe_rl", "evaluate_in_distribution", "evaluate_ood", "ablate_constraint", "make_figures"
    ]  # fmt: skip
    assert list(reproduce._without_needs(start, False, clone, "laptop", values)) == start


def test_a_profiles_stage_runs_with_what_it_needs_and_then_rests(clone):
    done = _run(clone, "safevla", "reproduce", "tiny", "collect_demonstrations")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("Running stage")] == [
        f"Running stage 'build/profiles/tiny/dvc.yaml:{stage}':" for stage in ("prepare", "collect_demonstrations")
    ]
    assert "stage 1 of 7: collect_demonstrations" in lines and lines.count("[3] made data/tiny/demonstrations") == 1
    assert (clone / "data" / "tiny" / "demonstrations" / "test.txt").read_text() == "tiny"
    assert not (clone / "data" / "laptop").exists() and compendium.changed(clone) == ""
    again = _run(clone, "safevla", "reproduce", "tiny", "collect_demonstrations")
    assert again.returncode == 0 and "Running stage" not in again.stdout and "up to date" in again.stdout
    assert cli.main(["reproduce", "tiny", "pretrain_imitation", "--single", "--dry"]) == 2  # this repository has no such profile


def test_an_archive_without_git_runs_and_keeps_what_it_came_with(clone, tmp_path):
    root = tmp_path / "an archive"
    shutil.copytree(clone, root, symlinks=True, ignore=shutil.ignore_patterns(".git", "build", "data", ".cache", "tmp"))
    _write(root / "reports" / "tiny" / "figures" / "tails.png", "")
    path = str(tmp_path)  # there is no git either
    for name in ("sh", "uname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    for profile in ("laptop", "tiny"):
        done = _run(root, "safevla", "reproduce", profile, "collect_demonstrations", PATH=path)
        assert done.returncode == 0 and (root / "data" / profile / "demonstrations" / "test.txt").exists(), done
    pipeline = yaml.safe_load((root / "build" / "profiles" / "tiny" / "dvc.yaml").read_text())
    plots = pipeline["stages"]["make_figures"]["plots"]
    assert plots[0] == {"reports/${profile}/figures": {"persist": True}}  # there is one; DVC must not remove it first
    assert reproduce.results(root, "laptop").startswith("results of laptop\n")


def test_what_would_run_is_said_in_order(clone):
    done = _run(clone, "safevla", "reproduce", "tiny", "finetune_safe_rl@ppo-Fetch", "--dry")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["pretrain_imitation", "finetune_safe_rl@ppo-Fetch"]
    assert "make_figures" not in done.stdout and not (clone / "data" / "tiny" / "imitation").exists()


@pytest.mark.parametrize("methods", ["[ppo, ppo_fixed_penalty]", "[ppo_fixed_penalty]"])
def test_asking_what_would_run_edits_no_tracked_file(clone, methods):
    params, before = clone / "params.yaml", (clone / "params.yaml").read_text()
    try:
        params.write_text(before.replace("methods: [ppo, ppo_lagrangian]", f"methods: {methods}"))
        assert compendium.changed(clone) == " M params.yaml\n"
        done = _run(clone, "safevla", "reproduce", "--dry")
        assert compendium.changed(clone) == " M params.yaml\n"
    finally:
        params.write_text(before)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "dvc.yaml: evaluate_in_distribution would depend on what params.yaml now asks for"
    assert {"finetune_safe_rl@ppo_fixed_penalty-Fetch", "evaluate_ood", "make_figures"} <= set(lines)


def test_results_stand_beside_those_that_git_has(clone):
    now = {"Fetch": {"ppo": {"success": 0.75, "cost": 3.0}, "toy": {"success": 0.25, "cost": 1.5}}}
    metrics = clone / "reports" / "laptop" / "metrics.json"
    try:
        metrics.write_text(json.dumps(now))
        lines = reproduce.results(clone, "laptop").splitlines()
    finally:
        metrics.write_text(json.dumps(_METRICS))
    assert lines[0] == "results of laptop (in brackets: as committed)"
    assert [line.split() for line in lines[1:]] == [
        ["task", "method", "success", "cost"],
        ["Fetch", "ppo", "0.75", "(0.50)", "3.00", "(12.25)"],
        ["Fetch", "toy", "0.25", "1.50"],
    ]
    assert len({line.index("0.") for line in lines[2:]}) == 1  # numbers stand below each other
    assert reproduce.results(clone, "tiny") == ""


def test_an_experiment_in_a_copy_runs_the_code_that_it_records(tmp_path):
    """DVC gives a copy of the repository to an experiment; Python's environment has the repository itself."""
    code = f"{_COLLECT}\nimport safevla\nprint('the code:', safevla.__file__)"
    root = compendium.make(tmp_path, {}, {"collect_demonstrations": code})
    shutil.copytree(ROOT / "src" / "safevla", root / "src" / "safevla", ignore=shutil.ignore_patterns("__pycache__"))
    compendium.commit(root)
    done = _run(root, "dvc", "exp", "run", "--temp", "-S", "seed=7", "collect_demonstrations", PYTHONPATH=str(root / "src"))
    assert done.returncode == 0, done.stderr
    assert f"[3] the code: {root / '.dvc' / 'tmp' / 'exps'}" in done.stdout, done.stdout
