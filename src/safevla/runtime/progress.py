"""Progress: one plain line every few seconds, that reads well in a terminal, a notebook and a log.

Of several ranks only the first reports.
"""

import math
import time

from safevla.runtime import ranks


class Progress:
    """Reports work towards `total` units; prints at most every `interval_s` seconds, and once at the end."""

    def __init__(self, label: str, total: int, unit: str = "steps", done: int = 0, interval_s: float = 10.0):
        self.label, self.total, self.unit, self.interval_s = label, total, unit, interval_s
        self._started, self._printed, self._start_done = time.monotonic(), time.monotonic(), done

    def update(self, done: int, **quantities: float) -> None:
        """Say how far it is, with some current figures; one that has no value yet, NaN, is left out."""
        if ranks.rank() > 0:
            return
        now = time.monotonic()
        if now - self._printed < self.interval_s and done < self.total:
            return
        self._printed = now
        rate = (done - self._start_done) / max(now - self._started, 1e-9)
        left_s = (self.total - done) / rate if rate > 0 else float("inf")
        figures = "  ".join(f"{name} {value:.3g}" for name, value in quantities.items() if not math.isnan(value))
        left = f"{int(left_s) // 60}:{int(left_s) % 60:02d} left" if left_s < 360_000 else "? left"
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        print(f"{self.label}  {done:,}/{self.total:,} {self.unit}  {speed}/s  {left}  {figures}".rstrip(), flush=True)
