"""The report: one page that fetches nothing, with every figure that the pipeline draws."""

import re
import shutil

import pandas as pd
import pytest

from safevla import cli
from safevla.evaluation import claims
from safevla.report import page
from tests.conftest import ROOT
from tests.learning import curves_that_end_at, rows_that_save


def test_the_report_stands_alone_and_names_what_is_missing(tmp_path, monkeypatch, capsys):
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports" / "laptop"
    (reports / "tables").mkdir(parents=True)
    assert cli.main(["report", "laptop"]) == 1
    missing = "reports/laptop/tables/claims.csv is missing: `safevla reproduce laptop make_figures` makes it"
    assert capsys.readouterr().err == f"safevla: {missing}\n"
    claims.table(rows_that_save(0.8), curves_that_end_at(1.0), {"ObjectNav": 1.0}, 0.95, 100).to_csv(
        reports / "tables" / "claims.csv", index=False
    )
    pd.DataFrame({"task": ["<b>"], "cost": [1.5]}).to_csv(reports / "tables" / "main.csv", index=False)
    (reports / "figures").mkdir()
    for name in page.FIGURES:
        if name != "ablation":
            (reports / "figures" / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert page.page(tmp_path, "laptop").count("<figure ") == len(page.FIGURES) - 1  # no ablation was run
    (reports / "tables" / "ablation.csv").write_text("variant\n")
    with pytest.raises(page.ReportError, match=r"figures/ablation\.png is missing"):
        page.page(tmp_path, "laptop")
    (reports / "figures" / "ablation.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert cli.main(["report"]) == 0 and capsys.readouterr().out == "reports/laptop/report.html\n"
    text = (reports / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:|#|https://arxiv\.org)', text)  # nothing to fetch
    assert text.count("<figure ") == len(page.FIGURES) and "&lt;b&gt;" in text and "<b>" not in text
    assert "reproduced" in text and "data/laptop/imitation" in text


def test_every_figure_of_the_report_is_one_that_the_pipeline_draws():
    drawn = set(re.findall(r'show\(\\"(\w+)\\"', (ROOT / "notebooks" / "06_make_figures.ipynb").read_text()))
    assert drawn == set(page.FIGURES)
