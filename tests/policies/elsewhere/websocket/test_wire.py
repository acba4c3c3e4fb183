"""Wire: arrays go and come as openpi writes them, and what is no message is refused, whatever it is."""

import contextlib
import pickle

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safevla.policies.elsewhere.websocket import wire


@pytest.mark.parametrize("dtype", ["<u1", "<f4", "<f8", "<i8", "|b1", ">i2"])
def test_an_array_comes_as_it_went(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    found = wire.unpack(wire.pack({"a": array[:, ::2], "b": [array[0, 0]], "text": "hello"}))
    assert found["a"].dtype == array.dtype and np.array_equal(found["a"], array[:, ::2])
    assert found["b"] == [array[0, 0]] and found["text"] == "hello"


def test_bytes_are_those_of_the_protocol():
    bare = msgpack.unpackb(wire.pack(np.ones((1, 2), np.float32)), strict_map_key=False)
    assert bare == {b"__ndarray__": True, b"data": b"\0\0\x80?\0\0\x80?", b"dtype": "<f4", b"shape": [1, 2]}
    with_text = {"__ndarray__": True, "data": b"\1\2", "dtype": "|u1", "shape": [2]}
    assert wire.unpack(msgpack.packb(with_text)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [2]}, "do not fit"),
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [-1]}, "do not fit"),
        ({b"__ndarray__": True, b"data": b"", b"dtype": "<f4", b"shape": [0, 1 << 62]}, "do not fit"),
        ({b"__ndarray__": True, b"data": b"12345678", b"dtype": "|O", b"shape": [1]}, "dtype is '|O', expected numbers"),
        ({b"__ndarray__": True, b"data": b"12345678", b"dtype": "i4,i4", b"shape": [1]}, "expected numbers"),
        ({b"__ndarray__": True, b"data": b"1234", b"dtype": ["<f4"], b"shape": [1]}, "expected numbers"),
        ({b"__ndarray__": True}, "dtype is None"),
        ({b"__npgeneric__": True, b"data": "x", b"dtype": "<f4"}, "a scalar"),
        ({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}, "300 is no uint8"),
    ],
)
def test_an_array_that_is_none_is_refused(message, said):
    with pytest.raises(wire.WireError) as caught:
        wire.unpack(msgpack.packb(message))
    assert said in str(caught.value)


def test_nothing_is_unpickled():
    with pytest.raises(wire.WireError):
        wire.unpack(pickle.dumps({"actions": [0]}))
    for value in (np.array([object()]), np.array(["text"]), object()):
        with pytest.raises(wire.WireError, match="cannot be sent"):
            wire.pack({"a": value})


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_message_or_an_error(data):
    with contextlib.suppress(wire.WireError):
        wire.unpack(data)


def test_deep_nesting_is_an_error():
    with pytest.raises(wire.WireError):
        wire.unpack(b"\x91" * 100_000)
