"""Client: a policy behind a websocket that speaks openpi's protocol.

A connection is an episode: a server that keeps a memory for each connection needs to be told nothing else, for the protocol has
no message that begins an episode. A server that dies, hangs or lets a connection go loses the episodes in flight, which are
played again from their start. One that says something wrong, or that an error has happened, ends the evaluation.
"""

import contextlib
import inspect
import queue
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import websockets.exceptions
from websockets.frames import CloseCode
from websockets.sync import client as websockets_client

from safevla.policies.elsewhere.answers import SPACES, PolicyError, rows_of
from safevla.policies.elsewhere.bounded import BoundedThread
from safevla.policies.elsewhere.callables import IMAGE_SIZE, TIMEOUT_S, NoSuchPolicyError, Observation
from safevla.policies.elsewhere.websocket import wire

PORT = 8000
MAX_LOSSES = 3  # of an episode that is played again and again
# what openpi's policies call the instruction, beside our own names
KEYS = {"prompt": "instruction"}
_CONNECTING_S = 10.0
_AGAIN_S = 0.2  # between two attempts to connect
# A server that thinks answers no ping. Versions that do not send any, or return another kind of connection, take no such option.
_OPTIONS = {"ping_interval": None, "legacy": True}
_LOST = (OSError, EOFError, websockets.exceptions.ConnectionClosed)


def _known_options() -> dict[str, Any]:
    known = inspect.signature(websockets_client.connect).parameters
    return {name: value for name, value in _OPTIONS.items() if name in known}


class _Connection:
    """One episode's connection, used by one thread at a time."""

    def __init__(self, uri: str, api_key: str | None, max_bytes: int, name: str):
        self._uri, self._api_key, self._max_bytes, self._name = uri, api_key, max_bytes, name
        self._socket: socket.socket | None = None
        self._connection: Any = None

    def open(self, patience_s: float) -> dict[str, Any]:
        """Connect, trying again while nobody listens; what the server says of itself. Raises OSError or PolicyError."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return self._open(max(until - time.monotonic(), _AGAIN_S))
            except ConnectionRefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_S)

    def _open(self, timeout_s: float) -> dict[str, Any]:
        parts = urlsplit(self._uri)
        port = parts.port or (443 if parts.scheme == "wss" else PORT)
        # a socket of our own, which `abandon` can end at any time, and which no proxy stands before
        self._socket = socket.create_connection((parts.hostname, port), min(timeout_s, _CONNECTING_S))
        headers = {"Authorization": f"Api-Key {self._api_key}"} if self._api_key else None
        try:
            self._connection = websockets_client.connect(
                self._uri, sock=self._socket, compression=None, max_size=self._max_bytes, additional_headers=headers,
                open_timeout=timeout_s, close_timeout=1, **_known_options(),
            )  # fmt: skip
        except websockets.exceptions.InvalidStatus as error:
            status = error.response.status_code
            if status >= 500:  # it may be starting
                raise ConnectionError(f"HTTP status {status}") from None
            hint = ": it wants an API key, or another one" if status in (401, 403) else ""
            raise PolicyError(f"{self._name}: refused the connection with HTTP status {status}{hint}") from None
        except (websockets.exceptions.InvalidHandshake, ValueError) as error:  # the latter from versions before 14
            raise ConnectionError(f"no websocket's answer: {error}") from None
        return self._map(self._received(timeout_s), "first message")

    def exchange(self, message: bytes, timeout_s: float) -> dict[str, Any]:
        """Send an observation, connecting first if need be; the server's answer."""
        if not self._connection:
            self.open(timeout_s)
        self._connection.send(message)
        return self._map(self._received(timeout_s), "answer")

    def _received(self, timeout_s: float) -> Any:
        try:
            return self._connection.recv(timeout=timeout_s)
        except websockets.exceptions.ConnectionClosed as error:
            if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
                raise PolicyError(f"{self._name}: its message is larger than {self._max_bytes:,} bytes") from None
            if error.rcvd is not None and error.rcvd.code == CloseCode.MESSAGE_TOO_BIG:
                raise PolicyError(
                    f"{self._name}: takes no message as large as an observation: ask for smaller pictures"
                ) from None
            raise

    def _map(self, message: Any, what: str) -> dict[str, Any]:
        if isinstance(message, str):
            raise PolicyError(f"{self._name}: says that it failed: {_last_line(message)}")
        try:
            found = wire.unpack(message)
        except wire.WireError as error:
            raise PolicyError(f"{self._name}: its {what} is {error}") from None
        if not isinstance(found, dict):
            raise PolicyError(f"{self._name}: its {what} is a {type(found).__name__}, expected a map")
        return {key.decode(errors="replace") if isinstance(key, bytes) else key: value for key, value in found.items()}

    def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            self._connection.close()
        self.abandon()

    def abandon(self) -> None:
        """End it at once; whoever waits for it gets an error."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has ended already
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        self._socket = self._connection = None


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "and not why"


class WebsocketPolicy:
    """A policy on a server, for as many episodes side by side as are asked for, all of which it is asked at the same time.

    Every wait is bounded: `timeout_s` for an answer, which is also how long a server that is not there is waited for.
    """

    batched = False

    def __init__(
        self,
        uri: str,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        keys: Mapping[str, str] = KEYS,
        space: str | None = None,
        execute: int | None = None,
        image_size: tuple[int, int] | None = None,
        max_bytes: int = wire.MAX_BYTES,
    ):
        """Connect, to see that somebody is there.

        uri: ws://host:port. keys: a name that the server knows → what we call it, sent besides our own names.
        space, execute, image_size: as `callables` has them; None: what the server's metadata say, or the defaults there.

        Raises:
            NoSuchPolicyError: there is no server, it wants an API key, or it says nothing that makes sense.
        """
        self.name, self.timeout_s, self._keys = uri, timeout_s, dict(keys)
        self._arguments = (_checked(uri), api_key, max_bytes, uri)
        self.metadata = self._greeting()
        self.space: str = space or self.metadata.get("action_space", "discrete")
        self.execute: int | None = execute or self.metadata.get("execute")
        size = image_size or self.metadata.get("image_size", IMAGE_SIZE)
        if self.space not in SPACES:
            raise NoSuchPolicyError(f"{uri}: its action_space is {self.space!r}; the action spaces are {', '.join(SPACES)}")
        is_size = isinstance(size, list | tuple) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)
        if not is_size or not (self.execute is None or (type(self.execute) is int and self.execute > 0)):
            raise NoSuchPolicyError(f"{uri}: its metadata make no sense: image_size {size!r}, execute {self.execute!r}")
        self.image_size: tuple[int, int] = (size[0], size[1])
        self._connections: dict[int, _Connection] = {}
        self._threads: dict[int, BoundedThread] = {}
        self._losses: dict[int, int] = {}
        self._is_lost: set[int] = set()

    def _greeting(self) -> dict[str, Any]:
        connection, thread = _Connection(*self._arguments), BoundedThread()
        thread.begin(connection.open, self.timeout_s)
        try:
            metadata = thread.result(self.timeout_s + 1.0)
            connection.close()
            return metadata
        except queue.Empty:
            connection.abandon()
            raise NoSuchPolicyError(f"{self.name}: said nothing within {self.timeout_s:g} s") from None
        except PolicyError as error:
            raise NoSuchPolicyError(str(error)) from None
        except _LOST as error:
            raise NoSuchPolicyError(f"{self.name}: no policy answers there: {error or type(error).__name__}") from None
        finally:
            thread.close()

    def start(self, slots: Sequence[int]) -> None:
        """Episodes begin in some slots, each with a connection of its own."""
        for slot in slots:
            if slot in self._is_lost:
                self._is_lost.discard(slot)
                continue
            self._losses[slot] = 0
            if slot in self._connections:
                self._connections.pop(slot).close()

    def ask(self, slots: Sequence[int], observations: Sequence[Observation]) -> list[np.ndarray | None]:
        """The server's answers to the observations of some slots, rows (H, D) each; None where the episode is lost.

        Raises:
            PolicyError: an answer is wrong, the server says that it failed, or an episode has been lost too often.
        """
        for slot, observation in zip(slots, observations, strict=True):
            connection = self._connections.setdefault(slot, _Connection(*self._arguments))
            message = wire.pack(observation | {name: observation[ours] for name, ours in self._keys.items()})
            self._threads.setdefault(slot, BoundedThread()).begin(connection.exchange, message, self.timeout_s)
        until = time.monotonic() + self.timeout_s
        return [self._answer(slot, until) for slot in slots]

    def _answer(self, slot: int, until: float) -> np.ndarray | None:
        try:
            answer = self._threads[slot].result(until - time.monotonic())
        except (queue.Empty, TimeoutError):
            return self._lose(slot, f"gave no answer within {self.timeout_s:g} s")
        except _LOST as error:
            return self._lose(slot, f"the connection was lost ({error or type(error).__name__})")
        return rows_of(answer, self.space, self.name)

    def _lose(self, slot: int, reason: str) -> None:
        self._connections.pop(slot).abandon()
        self._threads.pop(slot).close()
        self._losses[slot] = self._losses.get(slot, 0) + 1
        self._is_lost.add(slot)
        if self._losses[slot] > MAX_LOSSES:
            raise PolicyError(f"{self.name}: an episode was lost {self._losses[slot]} times; the last time {reason}")

    def close(self) -> None:
        for connection in self._connections.values():
            connection.abandon()
        for thread in self._threads.values():
            thread.close()


def _checked(uri: str) -> str:
    parts = urlsplit(uri)
    try:
        port = parts.port or 0
    except ValueError:
        port = -1
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port < 0:
        raise NoSuchPolicyError(f"{uri}: no address of a policy server, expected ws://host:port")
    return uri
