"""The report: one page that fetches nothing, with every figure that the pipeline draws."""

import re
import shutil

import numpy as np
import pandas as pd

from safevla import cli
from safevla.evaluation import claims
from safevla.report import page
from tests.conftest import ROOT


def _rows(saving: float) -> pd.DataFrame:
    """Sixty episodes of two tasks, the constrained policy cheaper by a share and the careful expert free."""
    rng = np.random.default_rng(0)
    lines = []
    for task, scale in (("ObjectNav", 5.0), ("Fetch", 30.0)):
        for i in range(30):
            cost = float(rng.exponential(scale)) + 1.0
            factors = {"expert": 1.0, "expert_careful": 0.0, "ppo": 1.0, "ppo_lagrangian": 1.0 - saving}
            for method, factor in factors.items():
                for shift in ("none", "color"):
                    lines.append(
                        {"method": method, "task": task, "seed": 0, "shift": shift, "episode_id": f"{task}{i}{shift}",
                         "success": i % 2 == 0, "cost": cost * factor}
                    )  # fmt: skip
    return pd.DataFrame(lines)


def _curves(cost: float) -> pd.DataFrame:
    return pd.DataFrame({"task": ["ObjectNav"] * 2, "method": "ppo_lagrangian", "seed": 0, "cost": [9.0, cost]})


def test_the_report_stands_alone_and_names_what_is_missing(tmp_path, monkeypatch, capsys):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports" / "laptop"
    (reports / "tables").mkdir(parents=True)
    assert cli.main(["report", "laptop"]) == 1
    missing = "reports/laptop/tables/claims.csv is missing: `safevla reproduce laptop make_figures` makes it"
    assert capsys.readouterr().err == f"safevla: {missing}\n"
    claims.table(_rows(0.8), _curves(1.0), {"ObjectNav": 1.0}, 0.95, 100).to_csv(reports / "tables" / "claims.csv", index=False)
    pd.DataFrame({"task": ["<b>"], "cost": [1.5]}).to_csv(reports / "tables" / "main.csv", index=False)
    (reports / "figures").mkdir()
    for name in page.FIGURES:
        (reports / "figures" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert cli.main(["report"]) == 0 and capsys.readouterr().out == "reports/laptop/report.html\n"
    text = (reports / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:|#|https://arxiv\.org)', text)  # nothing to fetch
    assert text.count("<figure ") == len(page.FIGURES) and "&lt;b&gt;" in text and "<b>" not in text
    assert "reproduced" in text and "data/laptop/imitation" in text


def test_every_figure_of_the_report_is_one_that_the_pipeline_draws():
    drawn = set(re.findall(r'show\(\\"(\w+)\\"', (ROOT / "notebooks" / "06_make_figures.ipynb").read_text()))
    assert drawn == set(page.FIGURES)
