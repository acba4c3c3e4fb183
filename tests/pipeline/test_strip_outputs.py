"""Stripped copies: a notebook's source and nothing else, whatever an editor or git has done to it."""

import json

import pytest

from safevla.pipeline import strip_outputs
from tests.conftest import ROOT


def test_opening_running_and_saving_a_notebook_changes_no_stripped_copy():
    source = strip_outputs.read(ROOT / "notebooks" / "06_make_figures.ipynb")
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


def test_a_pasted_picture_is_kept():
    pasted = {"plan.png": {"image/png": "aGFsbG8="}}
    cell = {"cell_type": "markdown", "metadata": {}, "source": ["![plan](attachment:plan.png)"], "attachments": pasted}
    assert strip_outputs.stripped({"cells": [cell]})["cells"][0]["attachments"] == pasted


@pytest.mark.parametrize("content", ['{\n<<<<<<< HEAD\n "cells": [],\n', "[]", '{"cells": null}', b"\xff\xfe", None])
def test_what_is_no_notebook_is_named(content, tmp_path):
    path = tmp_path / "08_b.ipynb"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(strip_outputs.NotebookError, match=r"08_b\.ipynb: "):
        strip_outputs.read(path)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": []}), encoding="utf-8-sig")
    assert strip_outputs.read(path) == {"cells": []}
