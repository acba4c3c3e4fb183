"""Server: it answers whoever speaks the protocol, says what is wrong, lives on, and lets in whom it should."""

import inspect
import threading
import urllib.error
import urllib.request

import msgpack
import numpy as np
import pytest
import websockets.exceptions
from websockets.sync.client import connect

from safevla.policies.elsewhere.callables import NoSuchPolicyError
from safevla.policies.elsewhere.websocket.client import WebsocketPolicy
from safevla.policies.elsewhere.websocket.server import PolicyServer


@pytest.fixture
def serving():
    """Serve sessions that count their observations, with options → the port."""
    servers = []

    def counting():
        counted = 0

        def session(observation):
            nonlocal counted
            if "break" in observation:
                raise RuntimeError("it broke\nhere")
            counted += 1
            return {"actions": np.array([[counted]])}

        return session

    def start(**options) -> int:
        servers.append(PolicyServer(counting, {"policy": "counts"}, port=0, **options))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


def _ask(connection, observation) -> dict:
    connection.send(msgpack.packb(observation))
    answer = connection.recv(timeout=10)
    return msgpack.unpackb(answer, strict_map_key=False) if isinstance(answer, bytes) else answer


def test_a_client_written_from_the_description_is_answered_and_each_connection_is_an_episode(serving):
    uri = f"ws://127.0.0.1:{serving()}"
    with connect(uri, compression=None) as one, connect(uri, compression=None) as other:
        assert [msgpack.unpackb(c.recv(timeout=10)) for c in (one, other)] == [{"policy": "counts"}] * 2
        for n in (1, 2):
            answer = _ask(one, {"prompt": "find a mug"})
            assert answer["actions"] == {
                b"__ndarray__": True,
                b"data": n.to_bytes(8, "little"),
                b"dtype": "<i8",
                b"shape": [1, 1],
            }
            assert answer["server_timing"]["infer_ms"] >= 0.0
        assert _ask(other, {})["actions"][b"data"] == (1).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("hello", "WireError: a text frame"),
        (b"\xc1", "WireError: no msgpack"),
        (msgpack.packb([1]), "WireError: a list, expected a map"),
        (msgpack.packb({1: 2}), "WireError: a dict, expected a map of names"),
        (msgpack.packb({"break": 1}), "RuntimeError: it broke here"),
    ],
)
def test_a_wrong_message_is_answered_by_a_text_frame_and_the_others_play_on(serving, message, said):
    uri = f"ws://127.0.0.1:{serving()}"
    with connect(uri) as good, connect(uri) as bad:
        good.recv(timeout=10), bad.recv(timeout=10)
        bad.send(message)
        assert bad.recv(timeout=10).startswith(said)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            bad.recv(timeout=10)
        assert "actions" in _ask(good, {})


def test_a_message_that_is_too_large_ends_its_connection_alone(serving):
    uri = f"ws://127.0.0.1:{serving(max_bytes=2000)}"
    with connect(uri) as good, connect(uri) as bad:
        good.recv(timeout=10), bad.recv(timeout=10)
        bad.send(bytes(3000))
        with pytest.raises(websockets.exceptions.ConnectionClosed, match="1009"):
            bad.recv(timeout=10)
        assert "actions" in _ask(good, {})


def test_a_key_that_is_asked_for_is_needed_for_all_but_the_health_check(serving):
    port = serving(api_key="sesame")
    uri = f"ws://127.0.0.1:{port}"
    for key in (None, "other"):
        with pytest.raises(NoSuchPolicyError, match="HTTP status 401: it wants an API key, or another one"):
            WebsocketPolicy(uri, key, timeout_s=10)
    policy = WebsocketPolicy(uri, "sesame", timeout_s=10)
    policy.start([0])
    assert policy.ask([0], [{"instruction": "find a mug"}])[0].tolist() == [[1]]
    policy.close()
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10).read() == b"OK\n"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)


def test_nobody_else_can_reach_it_unless_that_is_asked_for():
    assert inspect.signature(PolicyServer).parameters["host"].default == "127.0.0.1"
