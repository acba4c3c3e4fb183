"""Bounded: calls that may never return, in a thread that can be left behind."""

import queue
import threading
from collections.abc import Callable
from typing import Any


class BoundedThread:
    """Runs one call after the other. A call that hangs keeps its thread, which does not keep the process from ending."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            function, arguments = call
            try:
                self._results.put((function(*arguments), None))
            except BaseException as error:  # whatever it is, `result` raises it where it is waited for
                self._results.put((None, error))

    def begin(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin a call; `result` gives what comes of it."""
        self._calls.put((function, arguments))

    def result(self, timeout_s: float) -> Any:
        """What the call gave, or the exception that it raised. Raises queue.Empty where there is nothing in time."""
        value, error = self._results.get(timeout=max(0.0, timeout_s))
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """No call comes any more."""
        self._calls.put(None)
