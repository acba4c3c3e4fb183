"""Archive: what is put into git of a run that not everybody can repeat.

    safevla archive PROFILE
    safevla archive PROFILE --encoders

Its results in `reports/<profile>` (see `report.results`), its manifest, and its policies, in half precision, in
`policies/<profile>`. Or the vision encoders that it has trained, in the package, for policies to start from.
"""

import json
import os
import shutil
from pathlib import Path

import pandas as pd

from safevla.config import profiles
from safevla.config.policy_config import SHIPPED_ENCODERS, encoder_file
from safevla.pipeline import dvc_files
from safevla.policies import policy_files
from safevla.report import results


class ArchiveError(ValueError):
    """A run that cannot be archived; the message names what is missing of it."""


def archive(root: Path, profile: str) -> None:
    """Archive what the profile's stages have left in `data/<profile>`."""
    for override in dvc_files.overrides(root, profile):
        raise ArchiveError(f"{override}, whatever the run did: unset it")
    run, reports, policies = root / "data" / profile, root / "reports" / profile, root / "policies" / profile
    try:
        found, policies_of_run = results.of_run(run), _trained(run)  # all of it, before anything is written
    except FileNotFoundError as error:
        missing = os.path.relpath(str(error.filename or error), root)
        raise ArchiveError(f"{missing} is missing: `safevla reproduce {profile}` makes it") from None
    results.write(found, reports)
    trained = []
    for name, (path, curve) in policies_of_run.items():
        learnt, metadata = policy_files.load(path)
        metadata.pop("policy")
        policy_files.save(learnt, policies / f"{name}.safetensors", half=True, **metadata)
        last = curve.iloc[-1]
        rate = {"seconds": round(last["seconds"]), "steps_per_s": round(last["steps"] / last["seconds"])}
        trained.append({"policy": name, **metadata, "steps": int(last["steps"]), **rate})
    manifest = {
        "profile": profile,
        "parameters": profiles.raw(profile),
        "trained": trained,
        "episodes": {shift: int(n) for shift, n in found.rows.groupby("shift", sort=False)["episode_id"].nunique().items()},
    }
    (reports / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def ship_encoders(root: Path, profile: str) -> list[Path]:
    """Put the encoders that the profile's stages have trained, of those that are shipped, into the package; their files."""
    trained = {name: root / "data" / profile / "encoders" / name / "encoder.safetensors" for name in SHIPPED_ENCODERS}
    found = {encoder_file(name): path for name, path in trained.items() if path.exists()}
    if not found:
        missing = " or ".join(path.relative_to(root).as_posix() for path in trained.values())
        raise ArchiveError(f"there is no {missing}: `safevla reproduce {profile} pretrain_encoder` makes them")
    for file, path in found.items():
        file.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, file)
    return list(found)


def _trained(run: Path) -> dict[str, tuple[Path, pd.DataFrame]]:
    """Name → checkpoint and training curve of every policy of a run."""
    imitation = run / "imitation" / "policy.safetensors"
    found = {"imitation": (imitation, pd.read_csv(imitation.with_name("curve.csv")))}
    for path in sorted((run / "finetune").glob("*/seed-*.safetensors")):
        curve = pd.read_csv(path.with_name("curve.csv"))
        seed = int(path.stem.removeprefix("seed-"))
        found[f"{path.parent.name}-{path.stem}"] = (path, curve[curve["seed"] == seed])
    return found
