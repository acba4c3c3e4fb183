"""Report: one self-contained HTML page of a profile's results, for whoever reviews them.

    safevla report [PROFILE]

Everything in it comes from `reports/<profile>` and `dvc.yaml`; nothing is computed, and nothing is fetched when it is read.
"""

import base64
import importlib.metadata
import json
import platform
from pathlib import Path

import jinja2
import markupsafe
import pandas as pd
import yaml

from safevla.config import profiles

FIGURES = {
    "success_against_cost": "Success rate and cost of an episode, mean and bootstrap interval.",
    "tails": "Mean cost, mean of the worst 5 % and worst episode, on a log scale.",
    "cost_distribution": "How episode costs are spread: share of episodes that cost more, and violins, on log scales.",
    "cost_by_component": "What each method's cost is made of.",
    "quadrants": "Safe or not, successful or not.",
    "cost_of_failure": "What successful and failed episodes cost.",
    "training_curves": "Reinforcement learning: success, cost with its limit, multiplier.",
    "ablation": "One task under other limits and multipliers.",
    "shifts": "Out of distribution, all tasks together.",
    "episode_map": "The test episode that is costliest for the shortest-path expert, from above.",
    "episode_frames": "The same through the robot's cameras.",
}
_MADE_BY = {"training_curves": "finetune_safe_rl", "shifts": "evaluate_ood", "ablation": "ablate_constraint"}
_PACKAGES = ("torch", "numpy", "numba", "scipy", "pandas", "gymnasium", "papermill", "dvc")

_TEMPLATE = Path(__file__).parent / "templates" / "report.html"


class ReportError(ValueError):
    """A report that cannot be made; the message names the file that is missing."""


def page(root: Path, profile: str) -> str:
    """The page as text. Raises ReportError naming the first file that is not there."""
    reports = root / "reports" / profile
    claims = pd.read_csv(_there(reports / "tables" / "claims.csv")).to_dict("records")
    main = pd.read_csv(_there(reports / "tables" / "main.csv")).to_html(index=False, border=0, na_rep="")
    stages = {
        name: {
            "name": name, "desc": stage["desc"], "notebook": _notebook(stage["deps"]),
            "outs": [str(out).replace("${profile}", profile) for out in stage["outs"]],
        }
        for name, stage in yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items()
    }  # fmt: skip
    figures = []
    has_ablation = (reports / "tables" / "ablation.csv").exists()
    for name, caption in FIGURES.items():
        if name == "ablation" and not has_ablation:
            continue
        path = _there(reports / "figures" / f"{name}.png")
        stage = _MADE_BY.get(name, "evaluate_in_distribution")
        figures.append(
            {
                "name": name, "caption": caption, "file": path.relative_to(root).as_posix(), "stage": stage,
                "notebook": stages[stage]["notebook"], "data": base64.b64encode(path.read_bytes()).decode(),
            }
        )  # fmt: skip
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        profile=profile,
        claims=claims,
        main=markupsafe.Markup(main),
        figures=figures,
        stages=stages.values(),
        python=platform.python_version(),
        packages=", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES),
        parameters=json.dumps(profiles.raw(profile), indent=1),
    )


def _notebook(deps: list[str]) -> str:
    """The notebook that a stage runs, without folder and ending; "" if it runs none."""
    return next((Path(dep).stem for dep in deps if dep.endswith(".ipynb")), "")


def _there(path: Path) -> Path:
    if not path.exists():
        reports = path.parents[1]
        shown = path.relative_to(reports.parents[1])
        raise ReportError(f"{shown} is missing: `safevla reproduce {reports.name} make_figures` makes it")
    return path


def write(root: Path, profile: str) -> Path:
    """Write a profile's page to reports/<profile>/report.html; its path."""
    target = root / "reports" / profile / "report.html"
    target.write_text(page(root, profile), encoding="utf-8")
    return target
