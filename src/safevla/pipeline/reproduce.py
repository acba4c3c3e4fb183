"""Reproduce: a profile's stages by DVC, and what came of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from safevla.config import profiles
from safevla.pipeline import closure, dvc_files, prepare, runs


def reproduce(profile: str, names: Sequence[str], options: Sequence[str], single: bool = False) -> int:
    """Run stages of a profile with what they need, all of them without a name; 0, or 1 where one fails.

    options: DVC's. single: the named stages alone, whose inputs must be there.
    """
    root = profiles.root()
    dvc_files.check_device()
    closure.check_checkout(root)
    profiles.load(profile)
    values = profiles.raw(profile)
    chosen = runs.chosen(names, values)
    if single:
        prepare.prepare(root, profile)
        for run in chosen:
            dvc_files.check_inputs(root, profile, run, values)
    pipeline, environment = "dvc.yaml", dict(os.environ)
    if profile == profiles.DEFAULT_PROFILE:
        for stage in dvc_files.update_lists(root, values):
            print(f"dvc.yaml: {stage} depends on what params.yaml now asks for")
    else:
        pipeline = dvc_files.write_profile(root, profile, values).relative_to(root).as_posix()
    if profile != profiles.DEFAULT_PROFILE or not (root / ".git").exists():
        environment["DVC_GLOBAL_CONFIG_DIR"] = str(dvc_files.without_git(root))
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    targets = [f"{pipeline}:{name}" for name in names] or [pipeline]
    command = [sys.executable, "-m", "dvc", "repro", *(["--single-item"] if single else []), *options, *targets]
    return 0 if _run(command, root, environment) == 0 else 1


def _run(command: list[str], root: Path, environment: dict[str, str]) -> int:
    """Run DVC and wait for it, on Ctrl-C too: it ends the stage and writes down where it was."""
    process = subprocess.Popen(command, cwd=root, env=environment)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def results(root: Path, profile: str) -> str:
    """A table of success and cost by task and method, beside what git has of them; "" where there are none."""
    path = f"reports/{profile}/metrics.json"
    if not (root / path).exists():
        return ""
    now = json.loads((root / path).read_text(encoding="utf-8"))
    committed = _committed(root, path)
    lines = [["task", "method", "success", "", "cost", ""]]
    for task, methods in now.items():
        for method, measured in methods.items():
            before = committed.get(task, {}).get(method, {})
            cells = [task, method]
            for name in ("success", "cost"):
                cells += [f"{measured[name]:.2f}", f"({before[name]:.2f})" if name in before else ""]
            lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    title = f"results of {profile}" + (" (as committed)" if committed else "")
    rows = ["  ".join(_padded(line, widths)).rstrip() for line in lines]
    return "\n".join([title, *rows])


def _committed(root: Path, path: str) -> dict:
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=root, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def _padded(cells: list[str], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
