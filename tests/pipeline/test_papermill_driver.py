import re
import subprocess
import sys

from safevla.pipeline import papermill_driver, strip_outputs
from tests.conftest import ROOT


def test_the_driver_refuses_wrong_parameters_before_it_starts(tmp_path, monkeypatch, capsys):
    (tmp_path / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("weight_decay:", "weight_rot:", 1))
    monkeypatch.chdir(tmp_path)
    assert papermill_driver.main(["make_figures", "none.ipynb", "out.ipynb"]) == 2
    assert re.search(r"params\.yaml: imitation\.weight_(decay|rot)", capsys.readouterr().err)


def _notebook(*sources: str) -> dict:
    cells = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None} for source in sources
    ]
    cells[0]["metadata"]["tags"] = ["parameters"]
    return strip_outputs.stripped({"cells": cells})


def test_a_failing_cell_prints_error_cell_and_path_in_three_lines(tmp_path):
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    notebook = tmp_path / "bad.ipynb"
    notebook.write_text(
        strip_outputs.text(_notebook("profile = None\nparams = None", "print('so far')", "raise ValueError('no such house')"))
    )
    command = [
        sys.executable,
        "-m",
        "safevla.pipeline.papermill_driver",
        "make_figures",
        "bad.ipynb",
        "reports/laptop/executed/bad.ipynb",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()[-3:]
    assert lines[0] == "ValueError: no such house"
    assert lines[1].startswith("in cell 4 of bad.ipynb") or lines[1].startswith("in cell 3 of bad.ipynb")
    assert lines[2] == "partial notebook: reports/laptop/failed/bad.ipynb"
    assert "so far" in (tmp_path / "reports/laptop/failed/bad.ipynb").read_text()
    assert not (tmp_path / "reports/laptop/executed/bad.ipynb").exists()
