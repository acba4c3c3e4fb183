"""Wire: msgpack with arrays, as openpi's client and server write them; nothing is unpickled.

An array is a map of `__ndarray__` (true), `data` (its bytes in C order), `dtype` (as numpy writes it, "<f4") and `shape`, a numpy
scalar one of `__npgeneric__`, `data` (its value) and `dtype`. Keys are bytes, as openpi writes them; text is read as well.
"""

import math
from typing import Any

import msgpack
import numpy as np

MAX_BYTES = 16 * 1024 * 1024  # of a message, on either side; two pictures of 224x384 take half a mebibyte
_KINDS = "biuf"
_LONGEST_DTYPE = 8  # characters


class WireError(ValueError):
    """Bytes that are no message of this protocol; the message says what is wrong with them."""


def pack(message: Any) -> bytes:
    """Plain data and numpy arrays as bytes. Raises WireError for what cannot be sent."""
    try:
        data: Any = msgpack.packb(message, default=_packed)
        return data
    except (TypeError, ValueError, OverflowError) as error:
        raise WireError(f"cannot be sent: {error}") from None


def unpack(data: bytes) -> Any:
    """What `pack` packed, here or in openpi; arrays cannot be written to. Raises WireError."""
    try:
        return msgpack.unpackb(data, object_hook=_unpacked, strict_map_key=False)
    except WireError:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise WireError(f"no msgpack: {error or type(error).__name__}") from None


def _packed(value: Any) -> dict[bytes, Any]:
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"a {type(value).__name__}")
    if value.dtype.kind not in _KINDS:
        raise TypeError(f"an array of {value.dtype}")
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}


def _unpacked(found: dict[Any, Any]) -> Any:
    for is_array, name in ((True, "__ndarray__"), (False, "__npgeneric__")):
        for mark in (name.encode(), name):
            if mark in found:
                parts = {key.decode() if isinstance(key, bytes) else key: value for key, value in found.items()}
                return _array(parts) if is_array else _scalar(parts)
    return found


def _dtype(text: Any) -> np.dtype:
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    try:
        dtype = np.dtype(text) if isinstance(text, str) and len(text) <= _LONGEST_DTYPE else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in _KINDS:
        raise WireError(f"an array's dtype is {text!r}, expected numbers")
    return dtype


def _array(parts: dict[str, Any]) -> np.ndarray:
    dtype, data, shape = _dtype(parts.get("dtype")), parts.get("data"), parts.get("shape", ())
    is_shape = isinstance(shape, list | tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not is_shape or not isinstance(data, bytes) or math.prod(shape) * dtype.itemsize != len(data):
        n_bytes = len(data) if isinstance(data, bytes) else "no"
        raise WireError(f"an array of {dtype} has shape {shape!r} and {n_bytes} bytes, which do not fit")
    try:
        return np.frombuffer(data, dtype).reshape(shape)
    except ValueError:  # of no bytes, and more axes or longer ones than numpy has
        raise WireError(f"an array of {dtype} has shape {shape!r}, which do not fit in memory") from None


def _scalar(parts: dict[str, Any]) -> Any:
    dtype, value = _dtype(parts.get("dtype")), parts.get("data")
    if not isinstance(value, int | float):
        raise WireError(f"a scalar of {dtype} is a {type(value).__name__}")
    try:
        return dtype.type(value)
    except (OverflowError, ValueError):
        raise WireError(f"{value} is no {dtype}") from None
