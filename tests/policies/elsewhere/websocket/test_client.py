"""Client: it asks a server that knows nothing of this project, and whatever that does wrong is bounded and said."""

import socket
import threading
import time

import numpy as np
import pytest

from safevla.policies.elsewhere.answers import PolicyError
from safevla.policies.elsewhere.callables import NoSuchPolicyError
from safevla.policies.elsewhere.websocket.client import WebsocketPolicy
from tests.policies.elsewhere.websocket.processes import plain_server

KEYS = {"prompt": "instruction", "observation/image": "navigation"}


def _seen(brightness: int) -> dict:
    return {
        "navigation": np.full((24, 42, 3), brightness, np.uint8), "instruction": "find a mug", "step": np.array([0]),
        "object_in_hand": 0,
    }  # fmt: skip


def test_a_server_of_the_protocol_is_asked_for_all_episodes_at_once():
    with plain_server("well") as (uri, _):
        policy = WebsocketPolicy(uri, keys=KEYS, timeout_s=20)
        assert policy.metadata == {"name": "plain"} and (policy.space, policy.image_size) == ("discrete", (224, 384))
        policy.start([0, 1])
        for _ in range(2):
            answers = policy.ask([0, 1], [_seen(0), _seen(255)])
            assert [rows.tolist() for rows in answers] == [[[2], [0]], [[0], [0]]]
        policy.close()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("nan", "answered with NaN"),
        ("shape", r"answered with an array of shape \(1, 9\), expected one action"),
        ("none", r"answered with a map of \['server_timing'\]"),
        ("garbage", "its answer is no msgpack"),
        ("says", "says that it failed: ValueError: out of memory"),
        ("large", "its message is larger than 16,777,216 bytes"),
    ],
)
def test_a_wrong_answer_is_an_error_that_names_the_server(mode, said):
    with plain_server(mode) as (uri, _):
        policy = WebsocketPolicy(uri, keys=KEYS, timeout_s=20)
        policy.start([0])
        with pytest.raises(PolicyError, match=f"^{uri}: {said}"):
            policy.ask([0], [_seen(0)])
        policy.close()


@pytest.mark.parametrize(
    ("mode", "timeout_s", "said"),
    [("hangs", 0.5, "gave no answer within 0.5 s"), ("dies", 20, r"the connection was lost"), ("ends", 1.0, "")],
)
def test_an_episode_that_is_lost_is_lost_so_often_and_then_it_is_an_error(mode, timeout_s, said):
    with plain_server(mode) as (uri, _):
        policy = WebsocketPolicy(uri, keys=KEYS, timeout_s=timeout_s)
        policy.start([0])
        began = time.monotonic()
        for _ in range(3):
            assert policy.ask([0], [_seen(0)]) == [None]
            policy.start([0])
        with pytest.raises(PolicyError, match=f"^{uri}: an episode was lost 4 times; the last time {said}"):
            policy.ask([0], [_seen(0)])
        assert time.monotonic() - began < 20
        policy.close()


def test_only_the_episode_of_a_lost_connection_is_lost():
    with plain_server("dies_once") as (uri, _):
        policy = WebsocketPolicy(uri, keys=KEYS, timeout_s=20)
        policy.start([0, 1])
        answers = [answer is None for _ in range(6) for answer in policy.ask([0, 1], [_seen(0), _seen(0)])]
        assert sum(answers) == 1
        policy.close()


@pytest.mark.parametrize("uri", ["ws://", "http://127.0.0.1:8000", "ws://127.0.0.1:port", "ws://127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused(uri):
    with pytest.raises(NoSuchPolicyError, match="expected ws://host:port"):
        WebsocketPolicy(uri)


def test_where_no_policy_answers_it_is_said_in_time():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(NoSuchPolicyError, match=f"^{uri}: "):  # it takes the connection, and says nothing
            WebsocketPolicy(uri, timeout_s=0.5)

        def answer_in_another_protocol():
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
                connection.close()

        threading.Thread(target=answer_in_another_protocol, daemon=True).start()
        listener.settimeout(5)
        with pytest.raises(NoSuchPolicyError, match=f"^{uri}: "):
            WebsocketPolicy(uri, timeout_s=0.5)
    with pytest.raises(NoSuchPolicyError, match=f"^{uri}: no policy answers there"):
        WebsocketPolicy(uri, timeout_s=0.5)
    with plain_server("list") as (uri, _), pytest.raises(NoSuchPolicyError, match="its first message is a list, expected a map"):
        WebsocketPolicy(uri, timeout_s=20)
    assert time.monotonic() - began < 30
