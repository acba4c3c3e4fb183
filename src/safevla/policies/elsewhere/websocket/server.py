"""Server: a policy that others can ask over a websocket, in openpi's protocol.

Each connection is an episode: it has a session of its own, so a memory too. The first message is a map of metadata. Then every
message is an observation, and its answer a map with `actions` (H, D) and `server_timing`. A text frame says what was wrong with
the last message, and ends the connection. `GET /healthz` answers 200 as long as the server lives.
"""

import hmac
import http
import inspect
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import websockets.exceptions
from websockets.frames import CloseCode
from websockets.sync import server as websockets_server

from safevla.policies.elsewhere.websocket import wire
from safevla.policies.elsewhere.websocket.client import PORT

HOST = "127.0.0.1"  # nobody else's machine reaches it
MAX_CONNECTIONS = 256
Session = Callable[[dict[str, Any]], dict[str, Any]]  # observation → answer with `actions`


class PolicyServer:
    """Listens from the moment that it is made; `serve_forever` answers until `close`."""

    def __init__(
        self,
        new_session: Callable[[], Session],
        metadata: Mapping[str, Any],
        host: str = HOST,
        port: int = PORT,
        api_key: str | None = None,
        max_bytes: int = wire.MAX_BYTES,
    ):
        """new_session: what answers a new connection's observations; it raises ValueError or PolicyError for a wrong one.

        port: 0 for any that is free. api_key: connections without the header `Authorization: Api-Key …` are refused.

        Raises:
            OSError: the address is taken, or is none of this machine.
        """
        self._new_session, self._greeting, self._api_key = new_session, wire.pack(dict(metadata)), api_key
        self._one_at_a_time = threading.Lock()
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        known = inspect.signature(websockets_server.serve).parameters
        # pings would end a connection whose client is busy with its own simulation
        options = {"ping_interval": None} if "ping_interval" in known else {}
        self._server = websockets_server.serve(
            self._handle, host, port, compression=None, max_size=max_bytes, process_request=self._check, **options
        )
        self.port: int = self._server.socket.getsockname()[1]

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()

    def _check(self, connection: Any, request: Any) -> Any:
        """A response that refuses a request, or None."""
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        if self._api_key is not None:
            given = request.headers.get_all("Authorization")
            expected = f"Api-Key {self._api_key}"
            if len(given) != 1 or not hmac.compare_digest(given[0].encode(), expected.encode()):
                return connection.respond(http.HTTPStatus.UNAUTHORIZED, "an API key is needed: Authorization: Api-Key …\n")
        return None

    def _handle(self, connection: Any) -> None:
        if not self._free.acquire(blocking=False):
            connection.send(f"too many connections, {MAX_CONNECTIONS} are open")
            connection.close(CloseCode.TRY_AGAIN_LATER)
            return
        try:
            self._serve(connection)
        except websockets.exceptions.ConnectionClosed:
            pass  # the episode is over, or whoever played it is gone
        finally:
            self._free.release()

    def _serve(self, connection: Any) -> None:
        connection.send(self._greeting)
        session = self._new_session()
        for message in connection:
            try:
                connection.send(self._answer(session, message))
            except websockets.exceptions.ConnectionClosed:
                raise
            except Exception as error:  # whatever a message does to a policy, the others' connections live on
                connection.send(f"{type(error).__name__}: {' '.join(str(error).split())}")
                connection.close(CloseCode.INTERNAL_ERROR, "see the frame before")
                return

    def _answer(self, session: Session, message: Any) -> bytes:
        if isinstance(message, str):
            raise wire.WireError("a text frame, expected msgpack in a binary one")
        observation = wire.unpack(message)
        if not isinstance(observation, dict) or not all(isinstance(name, str) for name in observation):
            raise wire.WireError(f"a {type(observation).__name__}, expected a map of names to what is observed")
        with self._one_at_a_time:
            began = time.perf_counter()
            answer = session(observation)
            took_ms = 1000.0 * (time.perf_counter() - began)
        return wire.pack(answer | {"server_timing": {"infer_ms": took_ms}})
