import json
import re
import subprocess
import sys

import pytest
import yaml

from safevla.config import profiles
from safevla.pipeline import dvc_files, stages
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def dvc() -> dict:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())


def _code(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def test_file_order_is_notebook_order_is_dvc_order(dvc):
    numbered = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert numbered == list(dvc_files.STAGE_NOTEBOOKS.values())
    assert list(dvc["stages"]) == ["strip", *dvc_files.STAGE_NOTEBOOKS]
    assert dvc["stages"]["strip"]["outs"] == [f"build/notebooks/{name}.ipynb" for name in numbered]


@pytest.mark.parametrize("stage", dvc_files.STAGE_NOTEBOOKS)
def test_a_stage_depends_on_exactly_what_it_imports_and_reads(dvc, stage):
    deps = dvc["stages"][stage]["deps"]
    for start, wanted in dvc_files.derived_deps(stage, deps, ROOT, profiles.raw("laptop")).items():
        assert [dep for dep in deps if dep.startswith(start)] == wanted, "run `make deps`"
    assert tuple(dvc["stages"][stage]["params"]) == stages.GROUPS[stage]
    code = _code(dvc_files.STAGE_NOTEBOOKS[stage])
    for key in stages.GROUPS[stage]:
        assert re.search(rf"\bp\.{re.escape(key)}\b", code), f"{key} is declared and not used"
    used = set(re.findall(r"\bp\.([a-z_]+(?:\.[a-z_]+)?)", code))
    for name in used:
        assert any(key == name or key.startswith(name + ".") or name.startswith(key + ".") for key in stages.GROUPS[stage]), name


def test_the_import_closure_is_what_python_loads():
    """The static closure against what a real import of the modules brings in."""
    notebook = ROOT / "notebooks" / "06_make_figures.ipynb"
    static = {path for path in dvc_files.import_closure(ROOT, notebook) if path.endswith(".py")}
    script = (  # `stages` imports `distributed` where it keeps tables
        "import sys, safevla.run, safevla.claims, safevla.distributed, safevla.figures, safevla.records\n"
        "import safevla.stages, safevla.statistics\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.startswith('safevla') and m.__file__))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    loaded = {line[line.index("src/safevla") :] for line in loaded if not line.endswith("__init__.py")}
    assert loaded == static
