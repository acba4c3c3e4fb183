"""Kernels: how this project compiles numeric code with Numba, and where it keeps what it compiled.

Numba's own cache notices a change of the file that a function stands in, but not of the functions that it calls, so an
edit in one file would leave stale machine code behind in another. The cache therefore lies in a folder named after the
sources of every module that holds kernels, of those that it imports, and of the package's tables, whose numbers are compiled in.
"""

import functools
import hashlib
import os
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numba.core.config
from numba import prange

_IMPORT = re.compile(rb"^from (safevla[\w.]*) import (\([^)]*\)|[\w ,]+)", re.MULTILINE)
# inf and nan keep their meaning: a ray parallel to a slab divides by zero on purpose.
FASTMATH = {"contract", "arcp", "reassoc", "nsz", "afn"}


def _cache_folder() -> str:
    package = Path(__file__).parents[1]
    texts = {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.suffix in (".py", ".csv")
    }
    counted = {name for name, text in texts.items() if b"runtime.kernels import" in text or name.endswith("/kernels.py")}
    for name in list(counted):  # and what they import: kernels are compiled with the constants in them
        for module, names in _IMPORT.findall(texts[name]):
            folder = module.decode().replace(".", "/")
            counted |= {f"{folder}.py", *(f"{folder}/{each}.py" for each in re.findall(r"\w+", names.decode()))} & texts.keys()
    counted |= {name for name in texts if name.endswith(".csv")}
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(counted):
        digest.update(texts[name])
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return str(base / "safevla" / f"numba-{digest.hexdigest()[:16]}")


# LLVM keeps to vectors of 256 bits where there are 512, for processors once ran slower with them. Loops over pixels gain a third.
_FEATURES = llvmlite.binding.get_host_cpu_features().flatten()
if numba.core.config.CPU_FEATURES is None and "+avx512f" in _FEATURES:
    numba.core.config.CPU_FEATURES = f"{_FEATURES},-prefer-256-bit"

if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.core.config.CACHE_DIR = _cache_folder()

kernel = numba.njit(cache=True, fastmath=FASTMATH, error_model="numpy")
# A kernel that makes no array. It does not count references to arrays, which takes longer than what short functions compute.
lean_kernel = numba.njit(cache=True, fastmath=FASTMATH, error_model="numpy", _nrt=False)


class ParallelKernel:
    """A kernel whose loops over `prange` threads share. In a process that was forked from one with threads, one does it all.

    A fork copies no threads, and GNU OpenMP ends a forked process that asks for them again. Gymnasium's AsyncVectorEnv forks.
    """

    def __init__(self, function: Callable):
        self._shared = numba.njit(cache=True, parallel=True, error_model="numpy")(function)
        self._alone = numba.njit(cache=True, error_model="numpy")(_with_name(function, f"{function.__qualname__}_alone"))

    def __call__(self, *arguments: Any) -> None:
        (self._alone if _is_forked else self._shared)(*arguments)


def parallel_kernel(function: Callable) -> ParallelKernel:
    """Compile a function with loops over `prange`, to be called from Python; see `ParallelKernel`."""
    return ParallelKernel(function)


_is_forked = False  # from a process in which Numba had started threads


def _after_fork() -> None:
    global _is_forked
    try:
        numba.threading_layer()
    except ValueError:  # no threads were started
        return
    _is_forked = True
    if "torch" in sys.modules:  # whose threads are GNU OpenMP's too, and are waited for in vain
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


class RowKernel:
    """A function f(i, *arrays) of one row, to be called for every row at once.

    Calling it with the number of rows and the arrays (torch's tensors on one device, or numbers) calls f(i, *arrays) for every
    i: in a parallel loop on the CPU, by a CUDA thread each on a GPU. Other kernels call `of_row`.
    """

    def __init__(self, function: Callable):
        self.of_row = kernel(function)
        self._on_cpu = parallel_kernel(_loop_over(self.of_row, function))

    def __call__(self, n_rows: int, *arrays: Any) -> None:
        if any(getattr(array, "is_cuda", False) for array in arrays):
            launch(self.of_row, n_rows, *arrays)
        else:
            self._on_cpu(n_rows, tuple(array.numpy() if hasattr(array, "numpy") else array for array in arrays))


def row_kernel(function: Callable) -> RowKernel:
    """Compile a function f(i, *arrays) of one row for all rows at once; see `RowKernel`."""
    return RowKernel(function)


def _each_row(n_rows, arrays):
    for i in prange(n_rows):
        of_row(i, *arrays)  # noqa: F821, one of the globals that `_loop_over` gives it


def _loop_over(of_row: Callable, function: Callable) -> Callable:
    """`_each_row` for one function, under a name of its own.

    Numba keeps what it compiles by the name of the source file, which is this one for every loop, and the name of the function.
    So the function's module is part of the loop's name. A closure would not do: Numba never finds compiled closures over other
    kernels again.
    """
    name = f"each_row_of_{function.__module__.replace('.', '_')}_{function.__qualname__}"
    return _with_name(_each_row, name, of_row=of_row)


def _with_name(function: Callable, name: str, **names: Any) -> types.FunctionType:
    """The function under another name, by which Numba keeps what it compiles, and with more names for it to see."""
    seen = {**function.__globals__, **names} if names else function.__globals__  # which may still grow
    other = types.FunctionType(function.__code__, seen, name)
    other.__qualname__ = name
    return other


def launch(function, n: int, *arrays) -> None:
    """Call a kernel as function(i, *arrays) for i < n, a CUDA thread each; arrays are torch's tensors on the GPU, or numbers.

    Runs on torch's current stream, shares the tensors' memory, and returns before the work is done, as torch does.
    """
    run_on_cuda(_on_cuda(function), -(-n // _CUDA_BLOCK), _CUDA_BLOCK, n, tuple(map(cuda_view, arrays)))


def run_on_cuda(kernel, n_blocks: int, n_threads: int, *arguments) -> None:
    """Run a CUDA kernel on torch's current stream; arguments are torch's tensors, or what Numba's kernels take as it is."""
    kernel[n_blocks, n_threads, _stream(_current_stream())](*map(cuda_view, arguments))


_CUDA_BLOCK = 64  # threads; small, because threads of one environment each are few and long


_MOST_VIEWS = 4096
_views: dict[tuple, Any] = {}


def cuda_view(array):
    """A tensor as Numba's kernels take it; anything else as it is.

    Making a view takes longer than launching a kernel, so it is kept. It holds no memory: whatever tensor lies there later in
    the same form may use it.
    """
    if not hasattr(array, "is_cuda"):
        return array
    if not array.is_cuda:  # Numba simulates CUDA
        return array.numpy()
    form = (array.data_ptr(), array.shape, array.stride(), array.dtype)
    view = _views.get(form)
    if view is None:
        if len(_views) >= _MOST_VIEWS:
            _views.clear()
        view = _views[form] = cuda().from_cuda_array_interface(array.__cuda_array_interface__, owner=None, sync=False)
    return view


def _current_stream() -> int:
    import torch

    return torch.cuda.current_stream().cuda_stream if torch.cuda.is_available() else 0


@functools.cache
def _stream(handle: int):
    return cuda().external_stream(handle) if handle else 0


@functools.cache
def cuda():
    """Numba's CUDA target, which only a machine with a GPU needs."""
    import numpy as np

    if not hasattr(np, "row_stack"):  # numba-cuda still looks for it, NumPy 2.5 no longer has it
        setattr(np, "row_stack", np.vstack)  # noqa: B010, the linter would call it vstack
    try:
        from numba import cuda as target
    except ImportError as error:
        raise RuntimeError(f"device cuda needs numba-cuda: pip install 'safevla[gpu]' ({error})") from None
    return target


def cuda_kernel(max_registers: int) -> Callable:
    """A CUDA kernel whose threads take no more registers than that; Numba's simulator of a GPU knows of none."""
    target = cuda()
    return target.jit if numba.core.config.ENABLE_CUDASIM else target.jit(max_registers=max_registers)


@functools.cache
def _on_cuda(function):
    target = cuda()

    @target.jit
    def run(n, arrays):
        i = target.grid(1)
        if i < n:
            function(i, *arrays)

    return run
