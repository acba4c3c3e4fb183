"""Wire: AI2-THOR's two protocols, FIFO and WSGI, seen from the simulator's end."""

import fcntl
import json
import struct
from typing import Any, BinaryIO

_METADATA, _ACTION, IMAGE, DEPTH, THIRD_PARTY_IMAGE, _PATCH, _END = 1, 2, 4, 5, 10, 11, 255
_HEADER = struct.Struct("!BI")
Json = dict[str, Any]
Picture = tuple[int, bytes]  # field type, raw bytes


class Fifo:
    """The two named pipes between client and executable."""

    can_patch = True

    def __init__(self, to_client: str, from_client: str):
        self._out: BinaryIO = open(to_client, "wb", buffering=1 << 20)  # noqa: SIM115
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # a picture in one piece, where the system's pipes can be as long
            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, 1 << 20)
        self._from_client = from_client
        self._in: BinaryIO | None = None

    def send(self, metadata: Json, pictures: list[Picture]) -> None:
        self._message(_METADATA, metadata, pictures)

    def send_patch(self, changes: Json) -> None:
        """A short answer: the client keeps its last metadata and pictures apart from these changes."""
        self._message(_PATCH, changes, [])

    def _message(self, kind: int, content: Json, pictures: list[Picture]) -> None:
        import msgpack

        self._field(kind, msgpack.packb(content, use_bin_type=True))
        for picture_kind, data in pictures:
            self._field(picture_kind, data)
        self._out.write(_HEADER.pack(_END, 0))
        self._out.flush()

    def _field(self, kind: int, data: bytes) -> None:
        self._out.write(_HEADER.pack(kind, len(data)))
        self._out.write(data)

    def receive(self) -> Json | None:
        """The next action, or None when the client has gone."""
        if self._in is None:
            self._in = open(self._from_client, "rb")  # noqa: SIM115
        action = None
        while True:
            header = self._in.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return None
            kind, length = _HEADER.unpack(header)
            if kind == _END:
                return action
            body = self._in.read(length)
            if kind == _ACTION:
                action = json.loads(body)


class Wsgi:
    """The client as a web server: every answer is posted to it, and what it replies is the next action."""

    can_patch = False
    _NAMES = {IMAGE: "image", DEPTH: "image_depth", THIRD_PARTY_IMAGE: "image-thirdParty-camera"}

    def __init__(self, host: str, port: int, token: str):
        self._host, self._port, self._token = host, port, token
        self._next: Json | None = None

    def send(self, metadata: Json, pictures: list[Picture]) -> None:
        import http.client
        import uuid

        boundary = uuid.uuid4().hex
        plain = b"Content-Type: text/plain; charset=utf-8\r\n"
        parts = [('name="metadata"', plain, json.dumps(metadata).encode()), ('name="token"', plain, self._token.encode())]
        for kind, data in pictures:
            name = self._NAMES[kind]
            parts.append((f'name="{name}"; filename="{name}"', b"Content-Type: application/octet-stream\r\n", data))
        # the client reads header names as they are written here
        body = b"".join(
            f"--{boundary}\r\nContent-disposition: form-data; {about}\r\n".encode() + kind + b"\r\n" + data + b"\r\n"
            for about, kind, data in parts
        )
        # it closes the connection after each answer
        connection = http.client.HTTPConnection(self._host, self._port)
        try:
            headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            connection.request("POST", "/train", body + f"--{boundary}--\r\n".encode(), headers)
            answer = connection.getresponse()
            self._next = json.loads(answer.read()) if answer.status == 200 else None
        except (http.client.HTTPException, ConnectionError):  # it has gone
            self._next = None
        finally:
            connection.close()

    def receive(self) -> Json | None:
        """The next action, or None when the client has gone."""
        return self._next if self._next is not None and "action" in self._next else None
