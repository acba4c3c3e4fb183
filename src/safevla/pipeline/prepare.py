"""Prepare: what the other stages depend on, of the notebooks and of the code.

For each profile, in `build/profiles/<profile>`: output-free copies of the notebooks, so that opening, running and saving one
re-runs nothing, and for each run of a stage the digests of the files that its result follows from, so that editing a module
re-runs the stages that use it and no others.
"""

from pathlib import Path

from safevla.config import checkout, profiles
from safevla.pipeline import closure, dvc_files, runs, strip_outputs
from safevla.pipeline.stages import NOTEBOOKS


def prepare(root: Path, profile: str, check_lists: bool = True) -> None:
    """Write a profile's copies and digests; what has not changed is not written again, what is no longer needed goes.

    check_lists: raise PipelineError where dvc.yaml lacks a dependency that follows from the parameters.
    """
    checkout.check(root)
    profiles.load(profile)
    values = profiles.raw(profile)
    if check_lists:
        dvc_files.check_lists(root, profile, values)
    folder = dvc_files.prepared(root, profile)
    sources = {name: root / "notebooks" / f"{name}.ipynb" for name in NOTEBOOKS.values()}
    copies = {path.name: strip_outputs.text(strip_outputs.stripped(strip_outputs.read(path))) for path in sources.values()}
    _write(folder / "notebooks", copies)
    code = {}
    for run in runs.of_profile(values):
        methods = [run.method] if run.method else None
        code[f"{run.name}.txt"] = closure.digests(closure.of_notebook(sources[NOTEBOOKS[run.stage]], values, methods))
    _write(folder / "code", code)


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
