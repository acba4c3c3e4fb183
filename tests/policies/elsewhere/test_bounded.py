"""Bounded: a call gives its result or its exception, and one that hangs is left behind."""

import queue
import subprocess
import sys
import threading

import pytest

from safevla.policies.elsewhere.bounded import BoundedThread


def test_calls_give_what_they_give_one_after_the_other():
    thread = BoundedThread()
    thread.begin(divmod, 7, 2)
    assert thread.result(5.0) == (3, 1)
    thread.begin(divmod, 7, 0)
    with pytest.raises(ZeroDivisionError):
        thread.result(5.0)
    thread.close()


def test_a_call_that_hangs_is_waited_for_so_long_and_no_longer():
    thread, never = BoundedThread(), threading.Event()
    thread.begin(never.wait)
    with pytest.raises(queue.Empty):
        thread.result(0.05)
    never.set()


def test_a_call_that_hangs_does_not_keep_the_process():
    code = "import time; from safevla.policies.elsewhere.bounded import BoundedThread; BoundedThread().begin(time.sleep, 60); print(1)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True).stdout == b"1\n"
