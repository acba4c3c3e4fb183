"""Reproduce: a profile's stages by DVC, and what came of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from safevla.config import profiles
from safevla.pipeline import dvc_files, prepare, runs


def reproduce(profile: str, names: Sequence[str], options: Sequence[str], single: bool = False, dry: bool = False) -> int:
    """Run stages of a profile with what they need, all of them without a name; 0, or 1 where one fails.

    options: DVC's. single: the named stages alone; they, and those of `--downstream`, run if their inputs are there or are
    made by the others. dry: say what would run, and run nothing.
    Raises ParamsError, StageError or PipelineError where nothing can begin.
    """
    root = profiles.root()
    profiles.load(profile)
    dvc_files.check_overrides(root, profile)
    values = profiles.raw(profile)
    chosen = runs.chosen(names, values)
    outdated = dvc_files.outdated_lists(root, values) if profile == profiles.DEFAULT_PROFILE else []
    for stage in outdated:
        print(f"dvc.yaml: {stage} {'would depend' if dry else 'depends'} on what params.yaml now asks for", flush=True)
    if outdated and not dry:
        dvc_files.update_lists(root, values)
    pipeline, environment = _pipeline(root, profile, values)
    without_needs = single or "--downstream" in options
    if without_needs or dry:
        prepare.prepare(root, profile, check_lists=not dry)
    targets = [f"{pipeline}:{name}" for name in names] or [pipeline]
    if dry:
        command = ["status", "--json", *([] if single or not names else ["--with-deps"]), *targets]
        status = _dvc(command, root, environment, capture=True)
        if status.returncode:
            return 1
        changed = {name.rsplit(":", 1)[-1] for name in json.loads(status.stdout)} | set(outdated)
        print(_would_run(changed, chosen if single else _with_needs(chosen, root, profile, values), root, profile, values))
        return 0
    made: set[Path] = set()
    for run in _without_needs(chosen, not single, root, profile, values) if without_needs else ():
        dvc_files.check_inputs(root, profile, run, values, made=made)
        made |= set(dvc_files.outputs(root, profile, run, values))
    command = ["repro", *(["--single-item"] if single else []), *options, *targets]
    return 0 if _dvc(command, root, environment).returncode == 0 else 1


def _pipeline(root: Path, profile: str, values: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """A profile's dvc.yaml, from the root, another than the default's written anew; and DVC's environment."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    is_default = profile == profiles.DEFAULT_PROFILE
    if not is_default or not (root / ".git").exists():
        environment["DVC_GLOBAL_CONFIG_DIR"] = str(dvc_files.without_git(root))
    if not is_default:
        return dvc_files.write_profile(root, profile, values).relative_to(root).as_posix(), environment
    return "dvc.yaml", environment


def _dvc(arguments: list[str], root: Path, environment: dict[str, str], capture: bool = False) -> subprocess.CompletedProcess:
    """Run DVC and wait for it, on Ctrl-C too: it ends the stage and writes down where it was."""
    output = subprocess.PIPE if capture else None
    with subprocess.Popen([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, stdout=output) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            printed, _ = process.communicate()
        finally:
            signal.signal(signal.SIGINT, before)
    return subprocess.CompletedProcess(arguments, process.returncode, printed)


def _with_needs(chosen: list[runs.Run], root: Path, profile: str, values: dict[str, Any]) -> list[runs.Run]:
    """Some runs, and those that they need what they make of."""
    found: list[runs.Run] = []
    needed: set[Path] = set()
    for run in reversed(runs.of_profile(values)):
        if run in chosen or not needed.isdisjoint(dvc_files.outputs(root, profile, run, values)):
            found.insert(0, run)
            needed |= set(dvc_files.inputs(root, profile, run, values))
    return found


def _without_needs(
    chosen: list[runs.Run], downstream: bool, root: Path, profile: str, values: dict[str, Any]
) -> Iterator[runs.Run]:
    """Some runs, and where `downstream` those that follow from them, in the pipeline's order."""
    made: set[Path] = set()
    for run in runs.of_profile(values):
        if run in chosen or (downstream and not made.isdisjoint(dvc_files.inputs(root, profile, run, values))):
            yield run
            made |= set(dvc_files.outputs(root, profile, run, values))


def _would_run(changed: set[str], among: list[runs.Run], root: Path, profile: str, values: dict[str, Any]) -> str:
    """Of some runs those that have changed, and those that follow from them."""
    lines = [runs.PREPARE] if runs.PREPARE in changed else []
    remade: set[Path] = set()
    for run in among:
        if run.name in changed or not remade.isdisjoint(dvc_files.inputs(root, profile, run, values)):
            lines.append(run.name if run.name in changed else f"{run.name}, if what it needs changes")
            remade |= set(dvc_files.outputs(root, profile, run, values))
    return "\n".join(lines) or "nothing would run: all is up to date"


def results(root: Path, profile: str) -> str:
    """A table of success and cost by task and method, beside what git has of them; "" where there are none."""
    path = f"reports/{profile}/metrics.json"
    if not (root / path).exists():
        return ""
    committed = _committed(root, path)
    lines = [["task", "method", "success", "", "cost", ""]]
    for task, methods in json.loads((root / path).read_text(encoding="utf-8")).items():
        for method, measured in methods.items():
            before = committed.get(task, {}).get(method, {})
            cells = [task, method]
            for name in ("success", "cost"):
                cells += [f"{measured[name]:.2f}", f"({before[name]:.2f})" if name in before else ""]
            lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [
        [
            cell.rjust(width) if column > 1 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    ]
    title = f"results of {profile}" + (" (in brackets: as committed)" if committed else "")
    return "\n".join([title, *("  ".join(row).rstrip() for row in rows)])


def _committed(root: Path, path: str) -> dict[str, Any]:
    committed = dvc_files.git(root, "show", f"HEAD:{path}")
    return json.loads(committed) if committed else {}
