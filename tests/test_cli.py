"""The command: help at every level, exit codes, one line for a mistake that a person can mend."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from safevla import cli
from tests.conftest import ROOT
from tests.pipeline import compendium

_COMMANDS = ["", "reproduce", "stage", "report", "archive", "evaluate", "serve", "serve thor", "serve policy"]


def _run(line: str, capsys) -> tuple[int, str, str]:
    code = cli.main(line.split())
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_explains_itself_with_an_example(command, capsys):
    code, out, err = _run(f"{command} --help", capsys)
    assert code == 0 and not err
    assert re.search(r"Examples?(, in Python)?:\n +\S+", out), out
    assert len(out.split("Options:")) == 2 and f"Usage: safevla {command}".strip() in out


@pytest.mark.parametrize("command", ["", "serve"])
def test_a_command_that_lacks_its_command_shows_the_help(command, capsys):
    code, out, err = _run(command, capsys)
    assert code == 0 and out.startswith("Usage: safevla") and not err


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("evalute", 2, "No such command 'evalute'"),
        ("reproduce --fast", 2, "No such option: --fast"),
        ("reproduce smok", 2, "unknown profile 'smok'; the profiles are laptop, paper, smoke"),
        ("reproduce make_figures", 2, "name its profile first, `safevla reproduce laptop make_figures`"),
        ("reproduce smoke make_figure", 2, "unknown stage 'make_figure' (did you mean 'make_figures'?)"),
        ("reproduce smoke finetune_safe_rl@ppo-Fetsh", 2, "did you mean 'finetune_safe_rl@ppo-Fetch'?"),
        ("reproduce smoke make_figure --plain", 2, "unknown stage 'make_figure'"),
        ("reproduce smok --plain", 2, "unknown profile 'smok'"),
        ("reproduce ../params", 2, "unknown profile '../params'; the profiles are laptop, paper, smoke"),
        ("reproduce smoke --plain --force", 2, "--plain does not go with --force"),
        ("reproduce smoke --single", 2, "--single: name the stages"),
        ("reproduce no_such make_figures --single", 2, "unknown profile 'no_such'"),
        ("stage make_figure", 2, "unknown stage 'make_figure'"),
        ("stage make_figures --profile smok", 2, "unknown profile 'smok'"),
        ("stage make_figures --set method", 2, "--set method: write it as NAME=VALUE"),
        ("stage make_figures --set method=ppo", 2, "make_figures: method: the stage takes no such setting"),
        ("stage finetune_safe_rl --set method=ppo", 2, "finetune_safe_rl: task is missing: add --set task=…"),
        ("stage finetune_safe_rl --set method=pp --set task=Fetch", 2, "did you mean 'finetune_safe_rl@ppo-Fetch'?"),
        ("report smok", 2, "unknown profile 'smok'"),
        ("archive smok", 2, "unknown profile 'smok'"),
        ("reproduce laptop pretrain_encoder", 2, "pretrain_encoder: the profile has none to run"),
        ("evaluate none.jsonl --out rows.parquet", 2, "'none.jsonl' does not exist"),
        ("evaluate README.md", 2, "Missing option '--out'"),
        ("evaluate README.md --out nowhere/rows.parquet", 2, "--out: nowhere: no such folder"),
        ("serve thor -screen-width 300", 2, "started by AI2-THOR's client, not by hand"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(line, code, said, capsys):
    found, out, err = _run(line, capsys)
    assert found == code and not out
    assert said in err and err.count("\n") == 1 and "Traceback" not in err, err


@pytest.mark.parametrize("line", ["reproduce own --dry", "reproduce own --plain --dry", "stage make_figures --profile own"])
def test_faulty_parameters_are_one_line_whatever_is_asked_for(line, tmp_path, monkeypatch, capsys):
    compendium.make(tmp_path, {"own": {"finetune": {"methods": 3}}})
    monkeypatch.chdir(tmp_path)
    code, out, err = _run(line, capsys)
    assert (code, out) == (2, "") and err == "safevla: profiles/own.yaml:2: finetune.methods: Input should be a valid list\n"


@pytest.mark.parametrize("line", ["reproduce", "stage make_figures", "report", "archive smoke", "reproduce smoke --plain"])
def test_outside_a_compendium_it_says_so(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, _, err = _run(line, capsys)
    assert (
        code == 2 and "no dvc.yaml of safevla here or above; run inside a clone of the repository" in err and err.count("\n") == 1
    )


@pytest.mark.parametrize(("line", "package"), [("reproduce smoke", "dvc"), ("stage make_figures", "papermill")])
def test_a_missing_package_is_named(line, package, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == package else find(name, *more))
    code, _, err = _run(line, capsys)
    assert code == 2 and f"{package} is not installed: `pip install {package}`" in err and "--plain" in err


@pytest.mark.parametrize("line", ["reproduce smoke", "stage prepare --profile smoke", "stage make_figures", "archive smoke"])
@pytest.mark.parametrize(
    ("variable", "value"), [("SAFEVLA_DEVICE", "cpu"), ("SAFEVLA_EXTENSIONS", str(ROOT / "tests" / "extension"))]
)
def test_what_would_not_be_recorded_is_refused(line, variable, value, monkeypatch, capsys):
    monkeypatch.setenv(variable, value)
    code, _, err = _run(line, capsys)
    assert code == 1 and f"safevla: {variable} is set" in err and err.count("\n") == 1


@pytest.mark.parametrize("line", ["reproduce smoke", "reproduce smoke --plain", "stage make_figures", "report"])
def test_a_device_that_there_is_not_is_blamed_on_its_variable(line, monkeypatch, capsys):
    monkeypatch.setenv("SAFEVLA_DEVICE", "gpu")
    assert _run(line, capsys) == (2, "", "safevla: SAFEVLA_DEVICE is 'gpu': the devices are cpu and cuda\n")


def test_a_character_that_the_terminal_lacks_is_no_reason_to_fail():
    asked = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "safevla", "stage", "finetune_safe_rl", "--set", "method=ppo"]
    done = subprocess.run(command, env=asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "safevla: finetune_safe_rl: task is missing: add --set task=?\n")


def test_of_several_ranks_one_complains(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    assert _run("reproduce smok --plain", capsys) == (2, "", "")


@pytest.mark.parametrize("how", [KeyboardInterrupt, cli.typer.Abort])
def test_an_interrupted_command_says_that_it_can_go_on(how, monkeypatch, capsys):
    def interrupted(profile):
        raise how

    monkeypatch.setattr(cli, "_check_profile", interrupted)
    code, out, err = _run("report", capsys)
    assert code == 130 and not out
    assert err.strip() == "safevla: interrupted: what is finished is kept, and the same command goes on from there"


def test_a_fault_of_the_code_itself_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "_check_profile", lambda profile: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        cli.main(["report"])


def test_help_loads_nothing_heavy():
    script = (
        "import sys; from safevla.cli import main\n"
        "for line in ([], ['--help'], ['reproduce', '--help'], ['serve', 'thor', '--help']): main(line)\n"
        "print({'torch', 'numba', 'numpy', 'pandas', 'papermill', 'dvc'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("safevla repr", {"reproduce"}),
        ("safevla reproduce sm", {"smoke"}),
        ("safevla reproduce smoke evaluate_", {"evaluate_in_distribution", "evaluate_ood"}),
        ("safevla stage make", {"make_figures"}),
        ("safevla stage make_figures --profile pa", {"paper"}),
    ],
)
def test_the_shell_completes_commands_profiles_and_stages(words, wanted):
    asked = {"_SAFEVLA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    command = [sys.executable, "-m", "safevla"]
    done = subprocess.run(command, env=os.environ | asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == wanted, done
