"""Kernels: how this project compiles numeric code with Numba, and where it keeps what it compiled.

Numba's own cache notices a change of the file that a function stands in, but not of the functions that it calls, so an
edit in one file would leave stale machine code behind in another. The cache therefore lies in a folder named after the
sources of every module that holds kernels.
"""

import hashlib
import os
from pathlib import Path

import numba
import numba.core.config

# inf and nan keep their meaning: a ray parallel to a slab divides by zero on purpose.
FASTMATH = {"contract", "arcp", "reassoc", "nsz", "afn"}


def _cache_folder() -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if b"kernel" in text:
            digest.update(text)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return str(base / "safevla" / f"numba-{digest.hexdigest()[:16]}")


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.core.config.CACHE_DIR = _cache_folder()

kernel = numba.njit(cache=True, fastmath=FASTMATH, error_model="numpy")
parallel_kernel = numba.njit(cache=True, parallel=True, error_model="numpy")
