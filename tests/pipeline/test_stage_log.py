"""The log of a stage: whole lines, each once."""

from pathlib import Path

from safevla.pipeline.runs import Run
from safevla.pipeline.stage_log import StageLog


def test_a_line_is_printed_once_when_it_has_ended_with_its_cells_number(capsys):
    log = StageLog()
    log.begin(Run("make_figures"), [Run("evaluate_ood"), Run("make_figures")])
    log.number = 4
    for text in ("1,024 st", "eps\n\n2,048 steps\nlast", " words"):
        log.write(text)
    assert capsys.readouterr().out.splitlines() == ["stage 2 of 2: make_figures", "[4] 1,024 steps", "[4] 2,048 steps"]
    log.end_cell()
    log.end_cell()
    assert capsys.readouterr().out == "[4] last words\n"


def test_a_failure_is_three_lines(capsys):
    log = StageLog()
    log.number = 7
    log.failed(
        "ValueError: no such house", Path("build/06_make_figures.ipynb"), Path("reports/laptop/failed/06_make_figures.ipynb")
    )
    lines = [
        "ValueError: no such house",
        "in cell 7 of 06_make_figures.ipynb",
        "partial notebook: reports/laptop/failed/06_make_figures.ipynb",
    ]
    assert capsys.readouterr().err.splitlines() == lines
