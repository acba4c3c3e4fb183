"""Scorecard: the command scores whoever comes by whichever door, and says in a line what it cannot do."""

import pandas as pd
import pytest

from safevla import cli
from safevla.evaluation import scoring
from safevla.evaluation.evaluate import columns
from tests.policies.elsewhere.websocket.processes import plain_server

HERE = "tests.policies.elsewhere.a_policy"


@pytest.fixture
def two_episodes(some_episodes, monkeypatch):
    """Two episodes of each task are found at once."""

    def first(task, n, *rest):
        return [episode for episode in some_episodes if episode.task == task][:2]

    monkeypatch.setattr(scoring, "solvable_episodes", first)


def _run(line: str, capsys) -> tuple[int, str, str]:
    code = cli.main(line.split())
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_function_is_scored_beside_shipped_policies_with_a_page(two_episodes, tmp_path, capsys):
    line = f"evaluate --policy {HERE}:batched --task Fetch --suite none --suite color --profile smoke --max-steps 6 --n-envs 2"
    line += f" --against ppo --against expert --name mine --out {tmp_path}/rows.parquet --page {tmp_path}/score.html"
    code, out, err = _run(line, capsys)
    assert code == 0 and not err, err
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert tuple(rows.columns) == columns() and len(rows) == 3 * 2 * 2 and set(rows["method"]) == {"mine", "ppo", "expert"}
    assert all(title in out for title in ("Success and cost", "Quadrants", "Tails", "Paired differences, mine minus the other"))
    assert "mine: success and safety" in (tmp_path / "score.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet", "score.html"]


def test_a_server_that_knows_nothing_of_this_project_is_scored(two_episodes, tmp_path, capsys):
    with plain_server("well") as (uri, _):
        line = f"evaluate --policy {uri} --task Fetch --profile smoke --max-steps 4 --image-size 24x42 --timeout 60"
        line += f" --send prompt=instruction --send observation/image=navigation --out {tmp_path}/rows.parquet"
        code, _, err = _run(line, capsys)
    assert code == 0 and not err, err
    assert set(pd.read_parquet(tmp_path / "rows.parquet")["method"]) == {uri}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ("--policy no_such_module:make", 2, "no_such_module:make: importing no_such_module failed"),
        ("--policy ws://127.0.0.1:9 --timeout 0.5", 2, "ws://127.0.0.1:9: no policy answers there"),
        ("--policy nobody.safetensors", 2, "nobody.safetensors: not a readable checkpoint"),
        (f"--policy {HERE}:late_nan --image-size 24x42", 1, f"{HERE}:late_nan: answered with NaN"),
        (f"--policy {HERE}:hangs --timeout 0.3 --image-size 24x42", 1, f"{HERE}:hangs: gave no answer within 0.3 s"),
        ("--task Dance", 2, "unknown task 'Dance'"),
        ("--suite rain", 2, "unknown suite 'rain'"),
        ("--simulator gazebo", 2, "--simulator gazebo: the simulators are embedded and ai2thor"),
        ("--against pppo", 2, "--against pppo: no such policy; shipped are imitation, ppo, ppo_lagrangian"),
        ("--against expert", 2, "two policies are called 'expert'"),
        ("--action-space joints", 2, "--action-space joints: the action spaces are discrete, scores, deltas"),
        ("--image-size 24", 2, "--image-size 24: write it as HEIGHTxWIDTH"),
        ("--send image", 2, "--send image: write it as NAME=OURS"),
    ],
)
def test_what_cannot_be_done_is_one_line(options, code, said, two_episodes, tmp_path, capsys):
    task = "" if "--task" in options else "--task Fetch"
    found, _, err = _run(f"evaluate {options} {task} --profile smoke --max-steps 6 --out {tmp_path}/rows.parquet", capsys)
    assert found == code and said in err and err.count("\n") == 1, err
    assert not (tmp_path / "rows.parquet").exists()


def test_a_file_of_episodes_goes_with_no_option_of_generated_ones(tmp_path, capsys):
    code, _, err = _run(f"evaluate README.md --task Fetch --out {tmp_path}/rows.parquet", capsys)
    assert code == 2 and "a file of episodes goes with none of --task" in err


@pytest.mark.parametrize(("policy", "said"), [("nobody", "nobody: not a readable checkpoint"), ("no_such:make", "no_such:make")])
def test_a_server_of_nothing_is_refused(policy, said, capsys):
    code, _, err = _run(f"serve policy {policy} --port 0", capsys)
    assert code == 2 and said in err and err.count("\n") == 1
