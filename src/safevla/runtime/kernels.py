"""Kernels: how this project compiles numeric code with Numba, and where it keeps what it compiled.

Numba's own cache notices a change of the file that a function stands in, but not of the functions that it calls, so an
edit in one file would leave stale machine code behind in another. The cache therefore lies in a folder named after the
sources of every module that holds kernels, of all that those import, and of the package's tables, whose numbers are compiled
in. What stands outside the package, as an extension does, is compiled anew by every process.

Loops in parallel go on wherever they are called from: Numba's last resort, where neither OpenMP nor TBB is there, aborts if
two threads use it at once, so threads take turns; and OpenMP aborts in a forked process, so loops run there in one thread.
"""

import contextlib
import functools
import hashlib
import os
import re
import stat
import sys
import tempfile
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numba.core.config
from numba import prange

_IMPORT = re.compile(rb"^[ \t]*from (safevla[\w.]*) import (\([^)]*\)|[\w ,]+)", re.MULTILINE)
_HOLDS_KERNELS = re.compile(rb"runtime\.kernels import|^(import|from) numba\b", re.MULTILINE)
# inf and nan keep their meaning: a ray parallel to a slab divides by zero on purpose.
FASTMATH = {"contract", "arcp", "reassoc", "nsz", "afn"}


def _digest(package: Path) -> str:
    """Of all that kernels are compiled from."""
    texts = {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.suffix in (".py", ".csv")
    }
    counted = {name for name, text in texts.items() if _HOLDS_KERNELS.search(text) or name.endswith((".csv", "/kernels.py"))}
    pending = list(counted)
    while pending:  # and what they import: kernels are compiled with the constants in them
        for module, names in _IMPORT.findall(texts[pending.pop()]):
            folder = module.decode().replace(".", "/")
            beside = (f"{folder}/{name}.py" for name in re.findall(r"\w+", names.decode()))
            found = {f"{folder}.py", f"{folder}/__init__.py", *beside} & texts.keys() - counted
            counted |= found
            pending += found
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(counted):
        digest.update(texts[name])
    return digest.hexdigest()[:16]


def _cache_folder(package: Path) -> Path | None:
    """The first folder for compiled code that can be written: where the user says, in the home, a temporary one; or None."""
    name = f"numba-{_digest(package)}"
    bases = [os.environ.get("NUMBA_CACHE_DIR", ""), os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")]
    for base in bases:
        if base and not base.startswith("~") and _is_writable(folder := Path(base).absolute() / "safevla" / name):
            return folder
    with contextlib.suppress(OSError):
        mine = Path(tempfile.gettempdir()).absolute() / f"safevla-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
        mine.mkdir(mode=0o700, exist_ok=True)
        if _is_private(mine) and _is_writable(mine / name):
            return mine / name
    return None


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _is_private(folder: Path) -> bool:
    """Whether nobody else can put code there: everybody can write to the folder above it."""
    status = folder.lstat()
    if not hasattr(os, "getuid"):
        return True
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


_PACKAGE = Path(__file__).parents[1]
_CACHE = _cache_folder(_PACKAGE)

# LLVM keeps to vectors of 256 bits where there are 512, for processors once ran slower with them. Loops over pixels gain a third.
_FEATURES = llvmlite.binding.get_host_cpu_features().flatten()
if numba.core.config.CPU_FEATURES is None and "+avx512f" in _FEATURES:
    numba.core.config.CPU_FEATURES = f"{_FEATURES},-prefer-256-bit"

if not os.environ.get("NUMBA_THREADING_LAYER_PRIORITY"):  # one that is not there is passed over
    numba.core.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]


@contextlib.contextmanager
def _caching_in(folder: Path) -> Iterator[None]:
    """Numba chooses a function's folder when it is decorated; others' functions keep theirs."""
    chosen = {"CACHE_DIR": str(folder), "CACHE_LOCATOR_CLASSES": ""}
    before = {name: value for name, value in vars(numba.core.config).items() if name in chosen}
    vars(numba.core.config).update(chosen)
    try:
        yield
    finally:
        vars(numba.core.config).update(before)


def _compiled(function: Callable, like: Callable | None = None, **options: Any) -> Callable:
    """like: whose cache it may share, if not its own."""
    options["error_model"] = "numpy"
    if _CACHE is None or not Path((like or function).__code__.co_filename).is_relative_to(_PACKAGE):
        return numba.njit(**options)(function)
    with _caching_in(_CACHE):
        compiled = numba.njit(cache=True, **options)(function)
    kept_at = compiled.stats.cache_path if hasattr(compiled, "stats") else None  # a plain function where Numba is turned off
    return compiled if kept_at is None or Path(kept_at).is_relative_to(_CACHE) else numba.njit(**options)(function)


def kernel(function: Callable) -> Callable:
    """Compile a function that kernels and Python call."""
    return _compiled(function, fastmath=FASTMATH)


def lean_kernel(function: Callable) -> Callable:
    """Compile a function that makes no array. It counts no references to arrays, which takes longer than what it computes."""
    return _compiled(function, fastmath=FASTMATH, _nrt=False)


class ParallelKernel:
    """A function whose loops over `prange` run in parallel, to be called from Python, from any thread and any process."""

    def __init__(self, function: Callable, like: Callable | None = None):
        self._function, self._like = function, like
        self._parallel = _compiled(function, like, parallel=True)

    def __call__(self, *arguments: Any) -> Any:
        if _threads.lost:
            return self._in_one_thread(*arguments)
        with _threads.turn():
            return self._parallel(*arguments)

    @functools.cached_property
    def _in_one_thread(self) -> Callable:
        """The same without threads, under a name of its own, for Numba keeps what it compiled by that."""
        plain = types.FunctionType(self._function.__code__, self._function.__globals__, self._function.__name__)
        plain.__qualname__ = f"{self._function.__qualname__}_in_one_thread"
        return _compiled(plain, self._like)


def parallel_kernel(function: Callable) -> ParallelKernel:
    """Compile a function whose loops over `prange` run in parallel; see `ParallelKernel`."""
    return ParallelKernel(function)


class _Threads:
    """What is known of Numba's threads in this process."""

    def __init__(self):
        self._one_at_a_time = threading.RLock()
        self.lost = False  # a process that was forked off has none of the threads that its parent had

    def turn(self) -> contextlib.AbstractContextManager:
        """To be held while a loop runs: where its threads cannot be used by two at once, or it is not known yet."""
        return contextlib.nullcontext() if _layer() in ("omp", "tbb") else self._one_at_a_time

    def forked(self) -> None:
        """Here, in a process that was forked off, torch would wait for threads that it has lost as well."""
        self._one_at_a_time = threading.RLock()
        self.lost = self.lost or _layer() != ""
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)


def _layer() -> str:
    """Which of its layers Numba has chosen; "" before it has started threads."""
    try:
        return numba.threading_layer()
    except ValueError:
        return ""


_threads = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.forked)


def set_threads(n_threads: int) -> None:
    """Let parallel loops use so many threads, at most those that there are."""
    numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))


class RowKernel:
    """A function f(i, *arrays) of one row, to be called for every row at once.

    Calling it with the number of rows and the arrays (torch's tensors on one device, or numbers) calls f(i, *arrays) for every
    i: in a parallel loop on the CPU, by a CUDA thread each on a GPU. Other kernels call `of_row`.
    """

    def __init__(self, function: Callable):
        self.of_row = kernel(function)
        self._on_cpu = ParallelKernel(_loop_over(self.of_row, function), like=function)

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
    loop = types.FunctionType(_each_row.__code__, {**globals(), "of_row": of_row}, f"each_row_of_{function.__name__}")
    loop.__qualname__ = f"each_row_of_{function.__module__.replace('.', '_')}_{function.__qualname__}"
    return loop


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
