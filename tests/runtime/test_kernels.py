"""Kernels: a function of one row is called for every row, and what was compiled is kept by the sources that it follows from."""

import numpy as np
import torch
from numba import prange

from safevla.runtime import kernels
from safevla.runtime.kernels import kernel, parallel_kernel, row_kernel


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


@parallel_kernel
def _sum_rows(given, found):
    for i in prange(len(found)):
        found[i] = _total(given[i])


@kernel
def _total(row):
    return row.sum()


def test_a_forked_process_runs_the_loops_of_threads_alone(monkeypatch):
    given = np.arange(6.0).reshape(3, 2)
    for is_forked in (False, True):
        monkeypatch.setattr(kernels, "_is_forked", is_forked)
        found = np.zeros(3)
        _sum_rows(given, found)
        assert found.tolist() == [1.0, 5.0, 9.0]
    assert _sum_rows._alone.signatures and not _sum_rows._alone.targetoptions.get("parallel")


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


def test_what_was_compiled_lies_in_a_folder_named_after_the_sources(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    package = tmp_path / "safevla"
    (package / "runtime").mkdir(parents=True)
    (package / "runtime" / "kernels.py").write_text("")
    (package / "sim.py").write_text("from safevla.runtime.kernels import kernel\nfrom safevla.robot import HEIGHT_M\n")
    (package / "robot.py").write_text("HEIGHT_M = 1.4\n")
    monkeypatch.setattr(kernels, "__file__", str(package / "runtime" / "kernels.py"))
    first = kernels._cache_folder()
    assert first.startswith(str(tmp_path)) and first == kernels._cache_folder()
    (package / "words.py").write_text("no such thing\n")
    assert kernels._cache_folder() == first
    (package / "robot.py").write_text("HEIGHT_M = 1.5\n")  # a constant that is compiled in
    second = kernels._cache_folder()
    (package / "costs.py").write_text(
        "from safevla.runtime.kernels import kernel\nfrom safevla.world import (\n    catalogue,\n)\n"
    )
    (package / "world").mkdir()
    (package / "world" / "catalogue.py").write_text("")
    third = kernels._cache_folder()
    (package / "world" / "catalogue.py").write_text("TYPES = 3\n")  # a module that is imported from its folder
    fourth = kernels._cache_folder()
    (package / "world" / "types.csv").write_text("Knife,dangerous\n")  # a table that it reads
    assert len({first, second, third, fourth, kernels._cache_folder()}) == 5
    (package / "sim.py").write_text("from safevla.runtime.kernels import kernel\n")
    assert kernels._cache_folder() not in (first, second)
