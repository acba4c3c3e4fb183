"""Strip: copies of notebooks that hold nothing but their source, so that opening one never makes a stage stale."""

import json
from pathlib import Path
from typing import Any


class NotebookError(ValueError):
    """A file that is no notebook; the message names it."""


def read(path: Path) -> dict[str, Any]:
    """A notebook's content; NotebookError where it has none, as after a merge conflict."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotebookError(f"{path}: there is no such notebook") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path}: not a notebook (a merge conflict?): {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotebookError(f"{path}: not a notebook: it has no cells")
    return notebook


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook without outputs, execution counts, and whatever an editor wrote into its metadata."""
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        tags = cell.get("metadata", {}).get("tags", [])
        kept = {
            "cell_type": cell["cell_type"],
            "id": f"cell-{number}",
            "metadata": {"tags": tags} if tags else {},
            "source": source,
        }
        if cell.get("attachments"):  # pictures that were pasted into the text
            kept["attachments"] = cell["attachments"]
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    kernel = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def text(notebook: dict[str, Any]) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
