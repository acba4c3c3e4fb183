"""Runs: their names, their order, and what a name means."""

import re

import pytest

from safevla.config import profiles
from safevla.pipeline import runs
from safevla.pipeline.runs import Run


def test_runs_have_dvcs_names_and_the_pipelines_order():
    values = {"encoders": {}, "finetune": {"methods": ["ppo", "ppo_lagrangian"], "tasks": ["Pickup", "Fetch"]}}
    names = [run.name for run in runs.of_profile(values)]
    assert names[:3] == ["collect_demonstrations", "pretrain_imitation", "finetune_safe_rl@ppo-Pickup"]
    assert names[3:7] == [
        *(f"finetune_safe_rl@{n}" for n in ("ppo-Fetch", "ppo_lagrangian-Pickup", "ppo_lagrangian-Fetch")),
        "evaluate_in_distribution",
    ]
    run = Run("finetune_safe_rl", "ppo", "Fetch")
    assert run.told == {"method": "ppo", "task": "Fetch"} and run.notebook == "03_finetune_safe_rl.ipynb"
    values["encoders"] = {"small": {}, "large": {}}
    assert [run.name for run in runs.of_profile(values)][:3] == [
        "pretrain_encoder@small",
        "pretrain_encoder@large",
        "collect_demonstrations",
    ]
    assert Run("pretrain_encoder", encoder="small").executed == "00_pretrain_encoder-small.ipynb"
    assert run.executed == "03_finetune_safe_rl-ppo-Fetch.ipynb" and Run("make_figures").executed == "06_make_figures.ipynb"


def test_a_name_means_a_stage_or_one_run_of_it():
    values = profiles.raw("laptop")
    assert len(runs.chosen([], values)) == 12 and len(runs.chosen(["finetune_safe_rl"], values)) == 6
    chosen = runs.chosen(["make_figures", "finetune_safe_rl@ppo-Fetch"], values)
    assert [run.name for run in chosen] == ["finetune_safe_rl@ppo-Fetch", "make_figures"]
    assert runs.chosen(["prepare"], values) == []
    with pytest.raises(runs.StageError, match="pretrain_encoder: the profile has none to run: encoder: nothing is listed"):
        runs.chosen(["pretrain_encoder"], values)
    assert [run.encoder for run in runs.chosen(["pretrain_encoder"], profiles.raw("paper"))] == ["laptop", "paper"]
    told = {"encoder": "paper"}
    assert runs.of_told("pretrain_encoder", told, profiles.raw("paper")) == Run("pretrain_encoder", encoder="paper")
    with pytest.raises(runs.StageError, match="pretrain_encoder: encoder is missing: add --set encoder=…"):
        runs.of_told("pretrain_encoder", {}, profiles.raw("paper"))
    with pytest.raises(runs.StageError, match=re.escape("unknown stage 'evaluate_oot' (did you mean 'evaluate_ood'?)")):
        runs.chosen(["make_figures", "evaluate_oot"], values)
