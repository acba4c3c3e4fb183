"""Kernels: a function of one row is called for every row, and what was compiled is kept by the sources that it follows from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba.core.config
import numpy as np
import pytest
import torch

from safevla.runtime import kernels
from safevla.runtime.kernels import kernel, row_kernel


@kernel
def _twice(x):
    return 2.0 * x


@row_kernel
def _enter(i, given, offset, found):
    for k in range(given.shape[1]):
        found[i] += _twice(given[i, k]) + offset


def test_a_function_of_one_row_is_called_for_every_row():
    given, found = torch.arange(12.0).view(4, 3), torch.zeros(4)
    _enter(4, given, 1.5, found)
    assert torch.equal(found, 2.0 * given.sum(1) + 4.5)
    _enter(2, given, 0.0, found)  # for the first two alone
    assert torch.equal(found[2:], 2.0 * given[2:].sum(1) + 4.5) and torch.equal(found[:2], 4.0 * given[:2].sum(1) + 4.5)


def test_other_kernels_call_the_function_of_one_row():
    found = np.zeros(2)
    _enter.of_row(1, np.ones((2, 3)), 0.0, found)
    assert found.tolist() == [0.0, 6.0]


def test_infinity_keeps_its_meaning():
    """A ray that is parallel to a slab divides by zero on purpose."""

    @kernel
    def quotient(a, b):
        return a / b

    assert np.isinf(quotient(1.0, 0.0)) and np.isnan(quotient(0.0, 0.0))


_HELLO = """
from safevla.runtime.kernels import kernel, row_kernel
from safevla.robot import REACH_M

@kernel
def reach(x):
    return x + REACH_M

@row_kernel
def enter(i, found):
    found[i] = reach(0.0)
"""
_LOOK = """
import safevla.arm
print(safevla.arm.reach(0.0), safevla.arm.reach.stats.cache_path)
"""
_LOOP = """
import numpy
found = numpy.zeros(3)
safevla.arm.enter(3, found)
print(found.tolist())
"""


@pytest.fixture
def package(tmp_path) -> Path:
    """A small package of kernels: a constant reaches them through two modules."""
    package = tmp_path / "src" / "safevla"
    (package / "runtime").mkdir(parents=True)
    shutil.copy(kernels.__file__, package / "runtime")
    for folder in (package, package / "runtime"):
        (folder / "__init__.py").write_text("")
    (package / "arm.py").write_text(_HELLO)
    (package / "robot.py").write_text("from safevla.metres import ARM_M\nREACH_M = 2 * ARM_M\n")
    (package / "metres.py").write_text("ARM_M = 0.5\n")
    return package


def _look(package: Path, code: str = _LOOK, **environment: str) -> str:
    """What a fresh process prints, in which little but this is set."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"} | environment
    done = subprocess.run([sys.executable, "-c", code], env=given, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("where", ["NUMBA_CACHE_DIR", "TMPDIR"])
def test_an_edit_of_a_constant_takes_effect_wherever_the_cache_lies(package, tmp_path, where):
    folder, nowhere = tmp_path / "cache", tmp_path / "a file"
    folder.mkdir()
    nowhere.write_text("")  # nothing can be written below it, whoever one is
    chosen = {"HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere), "TMPDIR": str(tmp_path)} | {where: str(folder)}
    before = sorted(package.parent.rglob("*"))
    first = _look(package, **chosen)
    assert first.startswith(f"1.0 {folder}")
    assert first == _look(package, **chosen)  # and so does the second process, which finds it there
    (package / "metres.py").write_text("ARM_M = 0.75\n")
    assert _look(package, **chosen).startswith(f"1.5 {folder}")
    assert sorted(package.parent.rglob("*")) == before  # nothing is written beside the sources


def test_an_edit_of_a_constant_takes_effect_in_loops(package, tmp_path):
    assert _look(package, _LOOK + _LOOP, HOME=str(tmp_path)).endswith("[1.0, 1.0, 1.0]\n")
    (package / "metres.py").write_text("ARM_M = 0.75\n")
    assert _look(package, _LOOK + _LOOP, HOME=str(tmp_path)).endswith("[1.5, 1.5, 1.5]\n")


def test_where_nothing_can_be_written_nothing_is_kept(package, tmp_path):
    nowhere = tmp_path / "a file"
    nowhere.write_text("")
    code = f"import tempfile\ntempfile.tempdir = {str(nowhere)!r}\n{_LOOK}"
    before = sorted(package.parent.rglob("*"))
    assert _look(package, code, HOME=str(nowhere)) == "1.0 None\n"
    assert sorted(package.parent.rglob("*")) == before


def test_a_temporary_folder_that_others_can_write_to_is_not_used(package, tmp_path):
    nowhere = tmp_path / "a file"
    nowhere.write_text("")
    (tmp_path / f"safevla-{os.getuid()}").mkdir()
    (tmp_path / f"safevla-{os.getuid()}").chmod(0o777)
    assert _look(package, HOME=str(nowhere), TMPDIR=str(tmp_path)) == "1.0 None\n"


def test_a_kernel_of_elsewhere_is_not_kept(tmp_path, package):
    """The folder's name says nothing of its sources; its loop stands in this package."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.py").write_text(_HELLO.replace("safevla.robot", "beside"))
    (elsewhere / "beside.py").write_text("REACH_M = 1.0\n")
    code = f"import sys; sys.path.insert(0, {str(elsewhere)!r}); import mine\n{_LOOK}{_LOOP}".replace("safevla.arm", "mine")
    assert _look(package, code, HOME=str(tmp_path)) == "1.0 None\n[1.0, 1.0, 1.0]\n"
    (elsewhere / "beside.py").write_text("REACH_M = 2.0\n")
    assert _look(package, code, HOME=str(tmp_path)) == "2.0 None\n[2.0, 2.0, 2.0]\n"


def test_others_functions_are_kept_where_they_were(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.core.config, "CACHE_DIR", str(tmp_path))
    kernel(_plain)
    assert str(tmp_path) == numba.core.config.CACHE_DIR


def _plain(x):
    return x


_THREADS = """
import os, sys, threading
{hidden}
import numba, numpy, safevla.arm
def play():
    for _ in range(300):
        found = numpy.zeros(64)
        safevla.arm.enter(64, found)
        assert (found == 1.0).all()
threads = [threading.Thread(target=play) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(numba.threading_layer(), flush=True)
if os.fork() == 0:
    play()
    print("forked", flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
_NO_OPENMP = "sys.modules['numba.np.ufunc.omppool'] = sys.modules['numba.np.ufunc.tbbpool'] = None"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system that does not fork")
@pytest.mark.parametrize("hidden", ["", _NO_OPENMP])
def test_threads_and_forked_processes_run_loops_with_and_without_openmp(package, tmp_path, hidden):
    printed = _look(package, _THREADS.format(hidden=hidden), HOME=str(tmp_path), NUMBA_NUM_THREADS="2")
    layer, forked = printed.split()
    assert forked == "forked" and (layer == "workqueue") == bool(hidden)
