"""Keep: what is put into git of a run that not everybody can repeat.

    python -m safevla.pipeline.archive PROFILE

Its record in `reports/<profile>` (see `records`), its manifest, and its policies, in half precision, in `policies/<profile>`:

    learnt, facts = policy.load("policies/paper/ppo_lagrangian-Fetch-seed-0.safetensors")
"""

import json
import sys
from pathlib import Path

import pandas as pd

from safevla.config import profiles
from safevla.policies import policy_files
from safevla.report import results


def archive(root: Path, profile: str) -> None:
    """Keep what the profile's stages have left in `data/<profile>`; FileNotFoundError names what is missing."""
    run, reports, policies = root / "data" / profile, root / "reports" / profile, root / "policies" / profile
    record = results.of_run(run)
    results.write(record, reports)
    trained = []
    for name, (path, curve) in _trained(run).items():
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
        "episodes": {shift: int(n) for shift, n in record.rows.groupby("shift", sort=False)["episode_id"].nunique().items()},
    }
    (reports / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _trained(run: Path) -> dict[str, tuple[Path, pd.DataFrame]]:
    """Name → checkpoint and training curve of every policy of a run."""
    imitation = run / "imitation" / "policy.safetensors"
    found = {"imitation": (imitation, pd.read_csv(imitation.with_name("curve.csv")))}
    for path in sorted((run / "finetune").glob("*/seed-*.safetensors")):
        curve = pd.read_csv(path.with_name("curve.csv"))
        seed = int(path.stem.removeprefix("seed-"))
        found[f"{path.parent.name}-{path.stem}"] = (path, curve[curve["seed"] == seed])
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        archive(profiles.root(), arguments[0])
    except (profiles.ParamsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
