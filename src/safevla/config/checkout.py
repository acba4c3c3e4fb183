"""Checkout: the compendium that somebody works in, and whether the code that runs is the code that lies there."""

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_EXPERIMENT = "DVC_EXP_BASELINE_REV"  # DVC sets it for the stages of an experiment


class CheckoutError(ValueError):
    """Python imports the package from elsewhere than the compendium it works in; the message says what to do."""


def compendium() -> Path | None:
    """The nearest folder upwards of the working directory whose dvc.yaml runs safevla's stages; other projects have one too."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        pipeline = folder / "dvc.yaml"
        if pipeline.is_file() and "src/safevla" in pipeline.read_text(encoding="utf-8", errors="replace"):
            return folder
    return None


def check(root: Path) -> None:
    """Raise CheckoutError unless the code that runs is the code that lies here; a compendium without code is fine."""
    if mine := _other_code(root):
        raise CheckoutError(
            f"Python imports {_PACKAGE.name} from {_PACKAGE}, not from {mine}: "
            f"run `pip install --editable .` in {root}, or set PYTHONPATH={mine.parent}"
        )


def check_here() -> None:
    """`check` for the compendium that the working directory lies in, if it lies in one."""
    if root := compendium():
        check(root)


def run_experiments_code() -> None:
    """Start this command again with the code that lies here, where that is DVC's copy for an experiment and other code runs.

    DVC gives an experiment that was queued, or that is told `--temp`, a copy of the repository but not an environment.
    """
    root = compendium()
    if root is None or _EXPERIMENT not in os.environ or (mine := _other_code(root)) is None:
        return
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if paths[0] != str(mine.parent):  # or it has been tried, in vain
        os.environ["PYTHONPATH"] = os.pathsep.join([str(mine.parent), *filter(None, paths)])
        os.execv(sys.executable, [sys.executable, "-m", _PACKAGE.name, *sys.argv[1:]])


def _other_code(root: Path) -> Path | None:
    """A compendium's code, where it is not the one that runs."""
    mine = root / "src" / _PACKAGE.name
    return mine if mine.is_dir() and mine.resolve() != _PACKAGE.resolve() else None
