"""The log of a stage: which one of how many runs, then what its cells print, each line once.

A line begins with the number of its cell, as Jupyter shows it: `[4] imitation  1,024/6,144 steps`.
"""

import sys
import time
from pathlib import Path
from typing import TextIO

from safevla.pipeline.runs import Run


class StageLog:
    """Prints whole lines, with the number of the cell that they come from."""

    def __init__(self, to: TextIO | None = None):
        self.number = 0
        self._to = to or sys.stdout
        self._rest = ""
        self._started = time.monotonic()

    def begin(self, run: Run, every: list[Run]) -> None:
        print(f"stage {every.index(run) + 1} of {len(every)}: {run.name}", file=self._to, flush=True)

    def finish(self, run: Run) -> None:
        seconds = round(time.monotonic() - self._started)
        print(f"{run.name} took {seconds // 60}:{seconds % 60:02d}", file=self._to, flush=True)

    def write(self, text: str) -> None:
        """What a cell has printed; a line is shown when it has ended."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._print(line)

    def end_cell(self) -> None:
        """Show a last line without an end."""
        self._print(self._rest)
        self._rest = ""

    def _print(self, line: str) -> None:
        if line.strip():
            print(f"[{self.number}] {line.rstrip()}", file=self._to, flush=True)

    def failed(self, fault: str, notebook: Path, partial: Path) -> None:
        """Three lines: what went wrong, in which cell, and where the notebook lies that shows it."""
        where = f"in cell {self.number}" if self.number else "before the first cell"
        print(f"{fault}\n{where} of {notebook.name}\npartial notebook: {partial}", file=sys.stderr, flush=True)
