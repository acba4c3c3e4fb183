"""Scripts: notebooks in one process, with outputs, failures and parameters as papermill has them."""

import json

import nbformat
import pytest
from matplotlib import pyplot as plt

from safevla.pipeline import dvc_files, run_scripts
from safevla.pipeline.stage_log import StageLog
from tests.pipeline import compendium

_TINY = {"finetune": {"methods": ["ppo"], "tasks": ["Fetch"]}}


def _notebook(path, *sources: str):
    cells = [nbformat.v4.new_markdown_cell("# A title"), *(nbformat.v4.new_code_cell(source) for source in sources)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_a_notebook_runs_as_a_script(tmp_path, capsys):
    sources = ["n = 1  # the default\n'a value'; n", "double = 2 * n\ndouble", "double;\nx = 1"]
    sources += ["import matplotlib.pyplot as plt, pandas as pd\nplt.plot([0, 1]);", "print('said')\npd.DataFrame({'n': [n]})"]
    notebook = _notebook(tmp_path / "one.ipynb", *sources)
    plt.figure()  # somebody else's
    found, fault = run_scripts.execute(notebook, {"n": 3}, StageLog())
    executed = nbformat.from_dict(found)
    assert capsys.readouterr().out == "[6] said\n" and not fault
    nbformat.validate(executed)
    assert "".join(executed["cells"][2]["source"]) == "n = 3\n"
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in executed["cells"][1:]]
    assert kinds == [["execute_result"], [], ["execute_result"], [], ["display_data"], ["stream", "execute_result"]]
    assert executed["cells"][3]["outputs"][0]["data"] == {"text/plain": "6"}
    assert "<table" in executed["cells"][6]["outputs"][1]["data"]["text/html"]
    assert [cell["execution_count"] for cell in executed["cells"][1:]] == [1, 2, 3, 4, 5, 6]


def test_a_failing_cell_is_shown_with_what_went_before(tmp_path, capsys):
    notebook = _notebook(tmp_path / "one.ipynb", "n = 1", "print('so far')\nraise ValueError('no such house')", "print('on')")
    found, fault = run_scripts.execute(notebook, {"n": 3}, log := StageLog())
    assert fault == "ValueError: no such house" and log.number == 3 and capsys.readouterr().out == "[3] so far\n"
    assert [output["output_type"] for output in found["cells"][3]["outputs"]] == ["stream", "error"]
    nbformat.validate(nbformat.from_dict(found))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return compendium.make(tmp_path, {"tiny": _TINY}, {"collect_demonstrations": "print(profile, params['seed'])"})


def test_stages_run_in_order_with_their_parameters_and_without_dvc(root, capsys):
    assert run_scripts.run("tiny", ["collect_demonstrations"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["stage 1 of 7: collect_demonstrations", "[3] tiny 0"]
    assert (root / "reports/tiny/executed/01_collect_demonstrations.ipynb").exists()
    with pytest.raises(dvc_files.PipelineError, match="data/tiny/demonstrations is missing"):
        run_scripts.run("tiny", ["pretrain_imitation"])


def test_what_the_environment_changes_is_said_and_stands_in_the_notebook(root, capsys, monkeypatch):
    monkeypatch.setenv("SAFEVLA_DEVICE", "cuda")
    assert run_scripts.run("tiny", ["collect_demonstrations"]) == 0
    assert capsys.readouterr().out.startswith(
        "as the environment says: SAFEVLA_DEVICE is set to cuda, which changes simulator.device\n"
    )
    assert "'device': 'cuda'" in (root / "reports/tiny/executed/01_collect_demonstrations.ipynb").read_text()


def test_a_failure_leaves_the_partial_notebook(root, capsys):
    path = root / "notebooks" / "01_collect_demonstrations.ipynb"
    path.write_text(json.dumps(compendium.notebook("profile = params = None", "1 / 0")))
    assert run_scripts.run("tiny", ["collect_demonstrations"]) == 1
    partial = "reports/tiny/failed/01_collect_demonstrations.ipynb"
    lines = [
        "ZeroDivisionError: division by zero",
        "in cell 3 of 01_collect_demonstrations.ipynb",
        f"partial notebook: {partial}",
    ]
    assert capsys.readouterr().err.splitlines() == lines and (root / partial).exists()
