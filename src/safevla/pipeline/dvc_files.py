"""The pipeline: which files a stage depends on, and dvc.yaml for other profiles than the default.

    python -m safevla.pipeline.dvc_files repro PROFILE   reproduce a profile (`make reproduce PROFILE=…`)
    python -m safevla.pipeline.dvc_files deps            bring the lists in dvc.yaml up to date that follow from imports and params.yaml

The default profile is dvc.yaml itself. Any other profile gets a pipeline of its own, written to build/profiles/<name>
from dvc.yaml and params.yaml: the same stages on that profile's parameters, with outputs and a lock file of their own, so
that running one edits no tracked file.
"""

import ast
import copy
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from safevla.config import profiles

PACKAGE = "safevla"
STAGE_NOTEBOOKS = {
    "collect_demonstrations": "01_collect_demonstrations",
    "pretrain_imitation": "02_pretrain_imitation",
    "finetune_safe_rl": "03_finetune_safe_rl",
    "evaluate_in_distribution": "04_evaluate_in_distribution",
    "evaluate_ood": "05_evaluate_ood",
    "ablate_constraint": "05b_ablate_constraint",
    "make_figures": "06_make_figures",
}
_DRIVER = f"{PACKAGE}.pipeline.papermill_driver"
_CHOOSES = f"src/{PACKAGE}/sim/factory.py"
_POLICIES = "data/${profile}/finetune/"


def import_closure(root: Path, notebook: Path) -> list[str]:
    """Files under src/ that a stage's notebook and the driver import, directly or not, relative to the root, sorted."""
    return _closure(_imports(_notebook_source(notebook), root / "src") | {_DRIVER}, root)


def _closure(pending: set[str], root: Path) -> list[str]:
    source = root / "src"
    found: set[str] = set()
    while pending:
        module = pending.pop()
        if module in found:
            continue
        found.add(module)
        pending |= _module_imports(module, source)
    files = {_module_file(module, source).relative_to(root).as_posix() for module in found}
    if f"src/{PACKAGE}/world/catalogue.py" in files:
        files.add(f"src/{PACKAGE}/world/data")
    return sorted(files)


def _notebook_source(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def _module_file(module: str, source: Path) -> Path:
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _module_imports(module: str, source: Path) -> set[str]:
    return _imports(_module_file(module, source).read_text(encoding="utf-8"), source)


def _imports(code: str, source: Path) -> set[str]:
    """Modules of the package that some code imports, anywhere in it, except for type checkers only."""
    found = set()
    for node in _statements(ast.parse(code)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.split(".")[0] == PACKAGE and _module_file(name, source).exists():
                found.add(name)
    return {name for name in found if not source.joinpath(*name.split(".")).is_dir()}  # folders' own files are empty


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a piece of code but the bodies of `if TYPE_CHECKING`."""
    yield node
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from _statements(child)


def policy_folders(stage: str, values: dict[str, Any]) -> list[str]:
    """What a stage depends on of the matrix stage, in order: all, or for the ablation what its variants begin with."""
    finetune = values["finetune"]
    methods, tasks = finetune["methods"], finetune["tasks"]
    if stage == "ablate_constraint":
        methods, tasks = methods[:1], [task for task in tasks if task == values["ablate"]["task"]]
    return [_POLICIES + f"{method}-{task}" for method in methods for task in tasks]


def derived_deps(stage: str, deps: list[str], root: Path, values: dict[str, Any]) -> dict[str, list[str]]:
    """The two lists among a stage's dependencies that follow from elsewhere, by what their entries begin with."""
    files = import_closure(root, root / "notebooks" / f"{STAGE_NOTEBOOKS[stage]}.ipynb")
    chosen = values["simulator"]
    if _CHOOSES in files and chosen["name"] == "ai2thor":
        files = sorted({*files, *_closure({f"{PACKAGE}.sim.thor.adapter"}, root)})
    elif _CHOOSES in files and chosen["device"] == "cuda":
        files = sorted({*files, *_closure({f"{PACKAGE}.sim.cuda"}, root)})
    lists = {"src/": files}
    if any(dep.startswith(_POLICIES) for dep in deps):
        lists[_POLICIES] = policy_folders(stage, values)
    return lists


def profile_pipeline(pipeline: dict[str, Any], profile: str, values: dict[str, Any], root: Path) -> dict[str, Any]:
    """dvc.yaml's content for another profile; it lies three folders below the root. `strip` stays with the default one."""
    params_file = f"build/profiles/{profile}/params.yaml"
    result: dict[str, Any] = {"vars": ["params.yaml", {"profile": profile}], "stages": {}}
    for name, stage in pipeline["stages"].items():
        if name == "strip":
            continue
        stage = copy.deepcopy(stage)
        stage["wdir"] = "../../.."
        for start, derived in derived_deps(name, stage["deps"], root, values).items():
            stage["deps"] = [dep for dep in stage["deps"] if not dep.startswith(start)] + derived
        for kind in ("plots", "metrics"):  # left to git in the default profile; here DVC keeps them like all else
            if kind in stage:
                stage[kind] = [path for entry in stage[kind] for path in entry]
        stage["params"] = [{params_file: stage["params"]}]
        result["stages"][name] = stage
    return result


def write_profile(root: Path, profile: str) -> Path:
    """Write build/profiles/<profile>; the path of its dvc.yaml."""
    values = profiles.raw(profile)
    profiles.check(values, f"profiles/{profile}.yaml")
    folder = root / "build" / "profiles" / profile
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = profile_pipeline(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8")), profile, values, root)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False, width=1000), encoding="utf-8")
    # DVC refuses pipelines that git ignores, unless it is told to leave git alone
    config = root / "build" / "dvc-without-git"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config").write_text("[core]\n    no_scm = true\n    autostage = false\n", encoding="utf-8")
    return folder / "dvc.yaml"


def repro(profile: str, *more: str) -> int:
    """`dvc repro` of a profile; extra arguments go to DVC."""
    root = profiles.root()
    environment = dict(os.environ)
    bin_folder = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([bin_folder, environment.get("PATH", "")])
    command = [sys.executable, "-m", "dvc", "repro", *more]
    if profile != profiles.DEFAULT_PROFILE:
        pipeline = write_profile(root, profile)
        environment["DVC_GLOBAL_CONFIG_DIR"] = str(root / "build" / "dvc-without-git")
        command.append(str(pipeline.relative_to(root)))
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode


def update_deps() -> int:
    """Rewrite the lists in dvc.yaml that follow from elsewhere, leaving the rest of the file as it is."""
    root = profiles.root()
    values = profiles.raw(profiles.DEFAULT_PROFILE)
    path = root / "dvc.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    stages = yaml.safe_load("\n".join(lines))["stages"]
    result: list[str] = []
    stage, section = "", ""
    pending: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("  ") and not line.startswith("   ") and line.endswith(":"):
            stage = line.strip().rstrip(":")
            pending = derived_deps(stage, stages[stage]["deps"], root, values) if stage in STAGE_NOTEBOOKS else {}
        if line.startswith("    ") and not line.startswith("     "):
            section = line.strip().split(":")[0]
        start = next((start for start in (_POLICIES, "src/") if line.strip().startswith(f"- {start}")), None)
        if stage in STAGE_NOTEBOOKS and section == "deps" and start:
            result += [f"      - {dep}" for dep in pending.pop(start, [])]
        else:
            result.append(line)
    path.write_text("\n".join(result) + "\n", encoding="utf-8")
    return 0


def main(arguments: list[str]) -> int:
    try:
        if arguments[:1] == ["deps"]:
            return update_deps()
        if arguments[:1] == ["repro"] and len(arguments) > 1:
            return repro(*arguments[1:])
    except profiles.ParamsError as error:
        print(error, file=sys.stderr)
        return 2
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
