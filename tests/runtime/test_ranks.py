"""Ranks: two processes do what one does, share the work of every stage, and lose nothing when one of them dies."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from safevla.policies import policy_files
from safevla.runtime import ranks
from tests.conftest import ROOT
from tests.runtime import rank_jobs

_PROFILE = {
    "simulator": {"n_envs": 8},
    "collect": {"episodes": 8, "shards": 2, "validation_episodes": 2, "test_episodes": 4, "max_steps": 60},
    "policy": {
        "vision": None,
        "image_size": [18, 32],
        "channels": [4, 8],
        "dim": 16,
        "heads": 2,
        "decoder_layers": 1,
        "context": 8,
    },
    "imitation": {"steps": 512, "n_envs": 8, "checkpoint_updates": 1},
    "finetune": {
        "methods": ["ppo_lagrangian"],
        "tasks": ["ObjectNav"],
        "seeds": [0],
        "train": {
            "steps": {"ObjectNav": 1792, "Pickup": 1792, "Fetch": 1792},
            "n_envs": 8,
            "rollout": 16,
            "max_steps": 30,
            "value_warmup": 128,
            "checkpoint_rollouts": 1,
        },
    },
    "evaluate": {"episodes": 4, "max_steps": 30, "n_envs": 4},
}
_PLAIN = ("reproduce", "ranks", "--plain")

_TWO_RANKS = """
import sys, torch, torch.distributed as dist
from safevla.runtime import gradients as flat, ranks
rank, port = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
p, q = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(1, 1))
gradients = flat.Gradients([p], [q])
assert (gradients._board is not None) == (sys.argv[3] == "2")
for scale in (1.0, 2.0, 4.0, 0.5, 2.0):
    gradients.clear()
    ((p * torch.tensor([1.0, 2.0, 3.0])).sum() * scale * (rank + 1) + 4.0 * q.sum()).backward()
    gradients.average()
    assert torch.equal(p.grad, torch.tensor([1.5, 3.0, 4.5]) * scale) and q.grad.item() == 4.0, (p.grad, q.grad)
gradients.clip(5.0)
torch.testing.assert_close(p.grad, torch.tensor([3.0, 6.0, 9.0]) * (5.0 / 126 ** 0.5))
assert q.grad.item() == 4.0
# rank 0 saw one episode of cost 9, rank 1 two of cost 0: the mean is over episodes, not over ranks
assert ranks.mean(9.0 * (1 - rank), 1 + rank) == 3.0
assert ranks.mean_count(torch.tensor(3 + 4 * rank)) == 5
assert ranks.shard_map(lambda jobs: [job * job for job in jobs], list(range(5))) == [0, 1, 4, 9, 16]
x = torch.arange(12.0).view(2, 6).square()
torch.testing.assert_close(ranks.standardised(x[rank], 1.0), ((x - x.mean()) / x.std())[rank])
assert ranks.standardised(x[rank] / 1000, 1.0).abs().max() < 0.1
dist.destroy_process_group()
"""


def _torchrun(n: int, module: str, *arguments: str, cwd: Path = ROOT) -> subprocess.Popen:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), "-m", module]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([*command, *arguments], cwd=cwd, env=environment, start_new_session=True, **pipes)


def _finished(process: subprocess.Popen) -> str:
    try:
        output, _ = process.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output[-3000:]
    return output


@pytest.mark.parametrize("on_this_machine", ["1", "2"])
def test_two_ranks_agree_on_means_normalisers_and_results(on_this_machine):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
    environment = os.environ | {"LOCAL_WORLD_SIZE": on_this_machine}
    commands = [[sys.executable, "-c", _TWO_RANKS, str(rank), port, on_this_machine] for rank in (0, 1)]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for command in commands]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()[-2000:]


def test_two_ranks_learn_what_one_learns_from_the_same_steps(tmp_path):
    for process in [_torchrun(n, "tests.learning_by_ranks", str(tmp_path / f"{n}.safetensors")) for n in (1, 2)]:
        _finished(process)
    (one, facts_one), (two, facts_two) = (policy_files.load(tmp_path / f"{n}.safetensors") for n in (1, 2))
    assert facts_one["multiplier"] == pytest.approx(facts_two["multiplier"], rel=1e-6)
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-3, msg=lambda m, name=name: f"{name}: {m}")


def test_a_notebook_launches_ranks_and_hears_of_a_dead_one(tmp_path):
    ranks.launch(rank_jobs.note, tmp_path, 2)
    said = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert said == {"0.txt": "0 of 2, mean 0.5", "1.txt": "1 of 2, mean 0.5"}
    ranks.launch(rank_jobs.note, tmp_path, 1)
    assert (tmp_path / "0.txt").read_text() == "0 of 1, mean 0.0"
    interrupted = signal.getsignal(signal.SIGINT)
    with pytest.raises(ChildFailedError, match="no such house"):
        ranks.launch(rank_jobs.fail, tmp_path, 2)
    assert signal.getsignal(signal.SIGINT) is interrupted


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A compendium of its own, with a very small profile."""
    root = tmp_path_factory.mktemp("project")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    (root / "profiles").mkdir()
    (root / "profiles" / "ranks.yaml").write_text(yaml.safe_dump(_PROFILE))
    return root


def _progress(project: Path) -> list[Path]:
    return list((project / ".cache" / "progress").glob("finetune-*/progress.safetensors"))


def test_two_ranks_run_the_notebooks_and_a_dead_one_costs_nothing(project):
    made = project / "data" / "ranks"
    training = _torchrun(2, "safevla", *_PLAIN, "collect_demonstrations", "pretrain_imitation", "finetune_safe_rl", cwd=project)
    deadline = time.monotonic() + 240
    while not _progress(project) and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = subprocess.run(["pgrep", "-P", str(training.pid)], capture_output=True, text=True).stdout.split()
    assert len(workers) == 2
    os.kill(int(workers[-1]), signal.SIGKILL)
    output, _ = training.communicate(timeout=120)
    assert training.returncode != 0
    assert "Signal 9" in output, output[-2000:]
    assert len(pd.read_parquet(made / "demonstrations" / "demonstrations.parquet")) == 8
    assert not (made / "finetune").exists()
    output = _finished(_torchrun(2, "safevla", *_PLAIN, "finetune_safe_rl", "evaluate_in_distribution", cwd=project))
    assert "resumes at step" in output
    _, facts = policy_files.load(made / "finetune" / "ppo_lagrangian-ObjectNav" / "seed-0.safetensors")
    assert facts["steps"] == 1792
    rows = pd.read_parquet(made / "evaluation" / "in_distribution" / "episodes.parquet")
    assert rows.groupby("method").size().to_dict() == dict.fromkeys(
        ("expert", "expert_careful", "imitation", "ppo_lagrangian"), 4
    )
