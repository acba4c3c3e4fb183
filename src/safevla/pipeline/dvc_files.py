"""DVC's files: dvc.yaml's lists that follow from the parameters, and the pipelines of other profiles than the default.

The default profile is dvc.yaml itself. Any other profile gets a pipeline of its own, written to build/profiles/<name>
from dvc.yaml and params.yaml: the same stages on that profile's parameters, with outputs and a lock file of their own, so
that running one edits no tracked file.
"""

import copy
import os
import re
import subprocess
from collections.abc import Container
from pathlib import Path
from typing import Any

import yaml

from safevla.config import profiles, registry
from safevla.pipeline.runs import PREPARE, Run

_POLICIES = "data/${profile}/finetune/"
_SOURCES = ("notebooks", "src/safevla")  # what `prepare` reads in every profile
_ON_VISION, _WEIGHTS = "pretrain_imitation", ".safetensors"  # it reads a vision encoder that is not shipped but in a file
_CHOICE = {"finetune.methods", "finetune.tasks"}  # a stage that is told both reads every policy
_WITHOUT_GIT = "[core]\n    no_scm = true\n    autostage = false\n"


class PipelineError(ValueError):
    """Stages that cannot begin as things are; the message says what to do."""


def prepared(root: Path, profile: str) -> Path:
    """The folder of a profile's own pipeline, and of what `prepare` writes."""
    return root / "build" / "profiles" / profile


def read(root: Path) -> dict[str, Any]:
    """dvc.yaml's content."""
    return yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))


def overrides(root: Path, profile: str) -> list[str]:
    """What the environment changes of a profile, each as `VARIABLE is set, which changes …`."""
    found = []
    if device := os.environ.get(profiles.DEVICE_VARIABLE):
        found.append(f"{profiles.DEVICE_VARIABLE} is set to {device}, which changes simulator.device")
    listed = [folder for name in (profile, profiles.DEFAULT_PROFILE) for folder in profiles.raw(name)["extensions"]]
    known = {(root / folder).resolve() for folder in listed}
    for folder in filter(None, os.environ.get(registry.EXTENSIONS_VARIABLE, "").split(os.pathsep)):
        if Path(folder).resolve() not in known:
            found.append(f"{registry.EXTENSIONS_VARIABLE} is set and has {folder}, which changes extensions")
    return found


def check_overrides(root: Path, profile: str) -> None:
    """Raise PipelineError where the environment changes a parameter that DVC records."""
    for override in overrides(root, profile):
        raise PipelineError(f"{override}, and DVC would not know: unset it and change that in a profile, or use --plain")


def derived(stage: dict[str, Any], name: str, values: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Of a stage's dependencies, those that follow from the parameters: as they are listed, and as they should be."""
    deps = stage["deps"]
    if name == PREPARE:
        return [dep for dep in deps if dep not in _SOURCES], list(values["extensions"])
    if name == _ON_VISION:
        vision = str(values["policy"]["vision"])
        return [dep for dep in deps if dep.endswith(_WEIGHTS)], [vision] if vision.endswith(_WEIGHTS) else []
    finetune = values["finetune"]
    wanted = [f"{_POLICIES}{method}-{task}" for method in finetune["methods"] for task in finetune["tasks"]]
    return [dep for dep in deps if _is_policy(dep)], wanted if _CHOICE.issubset(stage["params"]) else []


def _is_policy(dep: str) -> bool:
    """Whether a dependency is one of the list of all policies; the ablation's is chosen by an expression."""
    return dep.startswith(_POLICIES) and "$" not in dep.removeprefix(_POLICIES)


def check_lists(root: Path, profile: str, values: dict[str, Any]) -> None:
    """Raise PipelineError where the default profile's dvc.yaml lacks a dependency that follows from the parameters."""
    for name, stage in read(root)["stages"].items() if profile == profiles.DEFAULT_PROFILE else ():
        listed, wanted = derived(stage, name, values)
        if missing := [dep for dep in wanted if dep not in listed]:
            raise PipelineError(f"dvc.yaml: {name}: deps: {missing[0]} is missing: run `safevla reproduce`, which adds it")


def outdated_lists(root: Path, values: dict[str, Any]) -> list[str]:
    """The stages whose lists in dvc.yaml are not what follows from the parameters."""
    pairs = {name: derived(stage, name, values) for name, stage in read(root)["stages"].items()}
    return [name for name, (listed, wanted) in pairs.items() if listed != wanted]


def update_lists(root: Path, values: dict[str, Any]) -> list[str]:
    """Bring the lists in dvc.yaml up to date, leaving the rest of the file as it is; the stages that changed."""
    path = root / "dvc.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    changed, stages = outdated_lists(root, values), read(root)["stages"]
    for name in changed:
        stage = stages[name]
        listed, wanted = derived(stage, name, values)
        start = lines.index("    deps:", lines.index(f"  {name}:")) + 1
        end = start + len(stage["deps"])
        kept = [line for line in lines[start:end] if line.strip().removeprefix("- ") not in listed]
        lines[start:end] = kept + [f"      - {dep}" for dep in wanted]
    if changed:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed


def profile_pipeline(root: Path, profile: str, values: dict[str, Any]) -> dict[str, Any]:
    """dvc.yaml's content for another profile; it lies three folders below the root."""
    tracked = _tracked(root, profile)
    result: dict[str, Any] = {"vars": ["params.yaml", {"profile": profile}], "stages": {}}
    for name, stage in read(root)["stages"].items():
        stage = copy.deepcopy(stage)
        stage["wdir"] = "../../.."
        listed, wanted = derived(stage, name, values)
        stage["deps"] = [dep for dep in stage["deps"] if dep not in listed] + wanted
        for kind in ("outs", "plots", "metrics"):
            if kind in stage:
                stage[kind] = [_output(entry, profile, tracked) for entry in stage[kind]]
        stage["params"] = [{f"build/profiles/{profile}/params.yaml": stage["params"]}]
        result["stages"][name] = stage
    return result


def _output(entry: str | dict[str, Any], profile: str, tracked: list[str]) -> str | dict[str, Any]:
    """An output as DVC keeps it in another profile: in its cache, like all else; what git tracks is never removed first."""
    path = entry if isinstance(entry, str) else next(iter(entry))
    pattern = re.sub(r"\\\$\\\{item\\\..*?\\\}", "[^/]*", re.escape(path.replace("${profile}", profile)))
    return {path: {"persist": True}} if any(re.match(f"{pattern}(/|$)", file) for file in tracked) else path


def _tracked(root: Path, profile: str) -> list[str]:
    """What git tracks of a profile's reports; where git cannot say, as in an archive of a repository, all that there is."""
    listed = git(root, "ls-files", "-z", f"reports/{profile}") if (root / ".git").exists() else None
    if listed is None:
        return [path.relative_to(root).as_posix() for path in (root / "reports" / profile).rglob("*")]
    return listed.split("\0")[:-1]


def git(root: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails, or there is none."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def write_profile(root: Path, profile: str, values: dict[str, Any]) -> Path:
    """Write build/profiles/<profile>; the path of its dvc.yaml."""
    folder = prepared(root, profile)
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = profile_pipeline(root, profile, values)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False, width=1000), encoding="utf-8")
    return folder / "dvc.yaml"


def without_git(root: Path) -> Path:
    """A folder for DVC_GLOBAL_CONFIG_DIR that tells DVC to leave git alone: it refuses pipelines that git ignores."""
    folder = root / "build" / "dvc-without-git"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(_WITHOUT_GIT, encoding="utf-8")
    return folder


def inputs(root: Path, profile: str, run: Run, values: dict[str, Any]) -> list[Path]:
    """What a run depends on, as DVC fills in dvc.yaml's expressions."""
    stage = read(root)["stages"][run.stage]
    listed, wanted = derived(stage, run.stage, values)
    return _filled([*(dep for dep in stage["deps"] if dep not in listed), *wanted], root, profile, run, values)


def outputs(root: Path, profile: str, run: Run, values: dict[str, Any]) -> list[Path]:
    """What a run makes, apart from plots and metrics."""
    return _filled(read(root)["stages"][run.stage]["outs"], root, profile, run, values)


def _filled(paths: list[str], root: Path, profile: str, run: Run, values: dict[str, Any]) -> list[Path]:
    names = {"profile": profile, "item": run.told, **values}

    def value(match: re.Match[str]) -> str:
        found: Any = names
        for part in re.findall(r"\w+", match[1]):
            found = found[int(part) if isinstance(found, list) else part]
        return str(found)

    return [root / re.sub(r"\$\{(.*?)\}", value, path) for path in paths]


def check_inputs(
    root: Path, profile: str, run: Run, values: dict[str, Any], by_dvc: bool = True, made: Container[Path] = ()
) -> None:
    """Raise PipelineError where something is missing that a run depends on, before anything is removed for it.

    made: what runs before it will make.
    Without DVC it can do without the preparation and the ablation, and figures can be drawn of what git has of a run (see
    `report.results`).
    """
    recorded = run.stage == "make_figures" and (root / "reports" / profile / "record").is_dir()
    for path in inputs(root, profile, run, values):
        needless = recorded or path.is_relative_to(root / "build") or path.name == "ablation"
        if path.exists() or path in made or (needless and not by_dvc):
            continue
        raise PipelineError(f"{run.name}: {path.relative_to(root)} is missing: `safevla reproduce {profile} {run.name}` makes it")


def clock_ns(root: Path) -> int:
    """The file system's time, which dates its files."""
    marker = root / "build" / "clock"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_bytes(b"")
    return marker.stat().st_ctime_ns


def remove_stale(root: Path, profile: str, run: Run, since_ns: int) -> None:
    """Remove what a finished run has not written of the folders that DVC leaves alone, because git tracks them."""
    stage = read(root)["stages"][run.stage]
    for entry in [*stage.get("outs", []), *stage.get("plots", [])]:
        if isinstance(entry, dict) and next(iter(entry.values())).get("persist"):
            folder = root / next(iter(entry)).replace("${profile}", profile)
            for path in folder.rglob("*") if folder.is_dir() else ():
                if path.is_file() and path.stat().st_ctime_ns < since_ns:
                    path.unlink()
