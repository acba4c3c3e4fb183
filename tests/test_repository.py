"""The repository: notebooks without outputs, environment files that agree, packages whose `__init__` is empty."""

import ast
import json
import re
import tomllib

import pytest
import yaml

from tests.conftest import ROOT


def _code(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_notebooks_hold_no_outputs_and_define_little():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")], path.name
        assert cells[0]["cell_type"] == "markdown" and "".join(cells[0]["source"]).startswith("# "), path.name
        code = _code(path.stem)
        assert len(re.findall(r"^def |^class ", code, re.M)) <= 1, path.name


def _package(requirement: str) -> str:
    """The package that a requirement names, as pip compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>!~ ;\[]", requirement)[0].lower())


def test_environment_files_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements.lock").read_text().splitlines()
    locked = {_package(line) for line in lock}
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    for requirement in project["dependencies"] + extras:
        assert _package(requirement) in locked, f"{requirement} is not in requirements.lock"
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert f"python{project['requires-python']}" in conda
    pip = next(item["pip"] for item in conda if isinstance(item, dict))
    assert pip == ["--constraint requirements.lock", "--editable .[dev]"]
    assert not [line for line in lock if "://" in line or line.startswith("-")]


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))])
def test_snippets_are_python_and_import_what_there_is(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"^    (from \S+ )?import ", text, re.M), "a snippet stands in a block of ```python"
    for snippet in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        tree = ast.parse(snippet)
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(tree, name, "exec"), {})


def test_init_files_of_folders_are_empty():
    package = ROOT / "src" / "safevla"
    assert all(path.read_text() == "" for path in package.rglob("__init__.py") if path.parent != package)
