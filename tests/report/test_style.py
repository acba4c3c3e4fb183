import subprocess
import sys

from safevla.pipeline import dvc_files
from tests.conftest import ROOT


def test_figures_need_neither_torch_nor_the_simulator():
    closure = dvc_files.import_closure(ROOT, ROOT / "notebooks" / "06_make_figures.ipynb")
    assert not [path for path in closure if "/sim/" in path or path.endswith(("policy.py", "env.py"))]
    script = "import sys, safevla.figures, safevla.records, safevla.stages, safevla.statistics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
