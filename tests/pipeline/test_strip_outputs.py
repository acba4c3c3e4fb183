import json

from safevla.pipeline import strip_outputs
from tests.conftest import ROOT


def test_opening_running_and_saving_a_notebook_changes_no_stripped_copy(tmp_path):
    source = json.loads((ROOT / "notebooks" / "06_make_figures.ipynb").read_text())
    before = strip_outputs.text(strip_outputs.stripped(source))
    for number, cell in enumerate(source["cells"]):
        cell["id"] = f"random{number}"
        cell["metadata"].setdefault("tags", [])
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00"}
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = number, [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    source["metadata"]["kernelspec"] = {"name": "py39_new", "display_name": "mine", "language": "python"}
    source["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    assert strip_outputs.text(strip_outputs.stripped(source)) == before
    source["cells"][0]["source"] = ["# changed"]
    assert strip_outputs.text(strip_outputs.stripped(source)) != before
