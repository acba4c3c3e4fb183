"""Rank jobs: what ranks are launched for in tests, in a module that is soon imported."""

from pathlib import Path

from safevla.runtime import ranks


def note(folder: Path) -> None:
    """Every rank writes down who it is, and the mean of all ranks' numbers."""
    mean = ranks.mean(float(ranks.rank()), 1.0)
    (folder / f"{ranks.rank()}.txt").write_text(f"{ranks.rank()} of {ranks.n_ranks()}, mean {mean}")


def fail(folder: Path) -> None:
    """The second rank finds a mistake; the first one waits for it."""
    if ranks.rank() == 1:
        raise ValueError(f"{folder}: no such house")
    ranks.wait()
