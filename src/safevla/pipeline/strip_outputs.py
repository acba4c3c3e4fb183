"""Strip: copies of notebooks that hold nothing but their source, so that opening one never makes a stage stale.

Standard library only, for it runs at the head of every `dvc repro`.
"""

import json
import sys
from pathlib import Path


def stripped(notebook: dict) -> dict:
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
        if cell["cell_type"] == "code":
            kept |= {"execution_count": None, "outputs": []}
        cells.append(kept)
    kernel = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def text(notebook: dict) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(source: str, target: str) -> None:
    """Write a stripped copy of every pipeline notebook (NN_name.ipynb) of one folder into another."""
    Path(target).mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(source).glob("[0-9]*.ipynb")):
        content = text(stripped(json.loads(path.read_text(encoding="utf-8"))))
        copy = Path(target) / path.name
        if not copy.exists() or copy.read_text(encoding="utf-8") != content:
            copy.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
