"""Checkout: code of another clone is refused by every command and notebook; an experiment's copy runs its own."""

import os
import sys
from pathlib import Path

import pytest

from safevla import cli
from safevla.config import checkout, profiles
from safevla.pipeline import papermill_driver, stages
from tests.conftest import ROOT
from tests.pipeline import compendium


@pytest.fixture
def other(tmp_path, monkeypatch) -> Path:
    """Another clone, with code of its own, which is worked in."""
    compendium.make(tmp_path, {})
    (tmp_path / "src" / "safevla").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_code_of_another_checkout_is_refused(tmp_path):
    checkout.check(ROOT)
    checkout.check(tmp_path)  # a compendium without code
    (tmp_path / "src" / "safevla").mkdir(parents=True)
    with pytest.raises(checkout.CheckoutError, match=r"pip install --editable .* or set PYTHONPATH=.*/src$"):
        checkout.check(tmp_path)


def test_a_compendium_is_found_from_within_and_other_projects_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    assert checkout.compendium() == ROOT
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    assert checkout.compendium() is None
    checkout.check_here()


_ARGUMENTS = {"stage": ["make_figures"], "evaluate": ["params.yaml", "--out", "rows.parquet"]}


@pytest.mark.parametrize("command", [command.name or command.callback.__name__ for command in cli.app.registered_commands])
def test_every_command_refuses_another_checkouts_code(other, command, capsys):
    assert cli.main([command, *_ARGUMENTS.get(command, ["laptop"])]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"safevla: Python imports safevla from {ROOT / 'src' / 'safevla'}, not from {other}")
    assert said.count("\n") == 1


def test_so_do_notebooks_stages_and_whoever_asks_where_the_compendium_is(other, monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "make_figures")  # DVC has found that `prepare` is up to date
    for ask in (
        profiles.root,
        lambda: stages.open_stage("make_figures", None, None),
        lambda: papermill_driver.run_stage(other, "make_figures", "laptop", {}),
    ):
        with pytest.raises(checkout.CheckoutError, match="Python imports safevla from"):
            ask()


def test_the_copy_of_an_experiment_runs_its_own_code(other, monkeypatch):
    """A whole experiment is run in tests/pipeline/test_reproduce.py."""
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda python, arguments: started.append(arguments))
    monkeypatch.setattr(sys, "argv", ["safevla", "stage", "prepare"])
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    checkout.run_experiments_code()
    assert not started  # it is none
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0" * 40)
    checkout.run_experiments_code()
    assert started == [[sys.executable, "-m", "safevla", "stage", "prepare"]]
    assert os.environ["PYTHONPATH"] == os.pathsep.join([str(other / "src"), "elsewhere"])
    checkout.run_experiments_code()
    assert len(started) == 1  # what did not help once does not help twice
