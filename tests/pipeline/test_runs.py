"""Runs: their names, their order, and what a name means."""

import re

import pytest

from safevla.config import profiles
from safevla.pipeline import runs
from safevla.pipeline.runs import Run


def test_runs_have_dvcs_names_and_the_pipelines_order():
    values = {"finetune": {"methods": ["ppo", "ppo_lagrangian"], "tasks": ["Pickup", "Fetch"]}}
    names = [run.name for run in runs.of_profile(values)]
    assert names[:3] == ["collect_demonstrations", "pretrain_imitation", "finetune_safe_rl@ppo-Pickup"]
    assert names[3:7] == [
        *(f"finetune_safe_rl@{n}" for n in ("ppo-Fetch", "ppo_lagrangian-Pickup", "ppo_lagrangian-Fetch")),
        "evaluate_in_distribution",
    ]
    run = Run("finetune_safe_rl", "ppo", "Fetch")
    assert run.told == {"method": "ppo", "task": "Fetch"} and run.notebook == "03_finetune_safe_rl.ipynb"
    assert run.executed == "03_finetune_safe_rl-ppo-Fetch.ipynb" and Run("make_figures").executed == "06_make_figures.ipynb"


def test_a_name_means_a_stage_or_one_run_of_it():
    values = profiles.raw("laptop")
    assert len(runs.chosen([], values)) == 12 and len(runs.chosen(["finetune_safe_rl"], values)) == 6
    chosen = runs.chosen(["make_figures", "finetune_safe_rl@ppo-Fetch"], values)
    assert [run.name for run in chosen] == ["finetune_safe_rl@ppo-Fetch", "make_figures"]
    assert runs.chosen(["prepare"], values) == []
    with pytest.raises(runs.StageError, match=re.escape("unknown stage 'evaluate_oot' (did you mean 'evaluate_ood'?)")):
        runs.chosen(["make_figures", "evaluate_oot"], values)
