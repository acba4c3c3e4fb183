"""Processes: servers for tests, each in one of its own, ended when the test is."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def plain_server(mode: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The server of `plain_server.py`: its address and its process."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("plain_server.py")), mode],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
