"""A policy server written from the protocol's description alone, with nothing of this project: a process for tests.

    python plain_server.py MODE

It prints its port, and answers each connection as MODE says: `well` with chunks of two actions, or with a fault.
"""

import asyncio
import os
import sys

import msgpack
import numpy as np
from websockets.asyncio.server import serve

MODE = sys.argv[1]


def encode(value):
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    raise TypeError(value)


def decode(found):
    if b"__ndarray__" in found:
        return np.ndarray(buffer=found[b"data"], dtype=np.dtype(found[b"dtype"]), shape=found[b"shape"])
    return found


def chunk(observation) -> np.ndarray:
    """Turn right until the picture's middle is bright, then ahead: two actions of one number."""
    picture = observation["observation/image"]
    assert picture.dtype == np.uint8 and picture.ndim == 3 and isinstance(observation["prompt"], str)
    return np.array([[0.0 if picture[len(picture) // 2].mean() > 128 else 2.0], [0.0]], np.float32)


async def handle(connection):
    handle.n_connections += 1
    await connection.send(msgpack.packb({"name": "plain"} if MODE != "list" else [1]))
    async for message in connection:
        observation = msgpack.unpackb(message, object_hook=decode)
        handle.n_answers += 1
        if MODE == "hangs":
            await asyncio.sleep(60)
        if MODE == "dies" or (MODE == "dies_once" and handle.n_answers == 9):
            connection.transport.abort()
            return
        if MODE == "ends":
            os._exit(1)
        if MODE == "says":
            await connection.send("Traceback (most recent call last):\n  File x\nValueError: out of memory")
            await connection.close(1011)
            return
        if MODE == "garbage":
            await connection.send(b"\xc1\xff garbage")
            continue
        actions = {
            "nan": np.full((1, 1), np.nan, np.float32),
            "shape": np.zeros((1, 9), np.float32),
            "large": np.zeros((5_000_000, 1), np.float32),
        }.get(MODE)
        actions = chunk(observation) if actions is None else actions
        answer = {"actions": actions, "server_timing": {"infer_ms": 1.0}}
        await connection.send(msgpack.packb(answer if MODE != "none" else {"server_timing": {}}, default=encode))


async def main():
    handle.n_connections = handle.n_answers = 0
    async with serve(handle, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
