"""The driver of a pipeline stage: parameters of the stage → papermill → executed notebook.

    python -m safevla.pipeline.papermill_driver STAGE NOTEBOOK EXECUTED [--profile P] [--set method=ppo --set task=Fetch]

The notebook runs at `reports/<profile>/failed/…` until it has succeeded, so a failed or killed run leaves its partial
notebook where the next one does not delete it.
"""

import argparse
import logging
import os
import shutil
import sys
import threading
import time
from pathlib import Path

# nbformat's schema checker would build a grammar that nothing here uses, which takes most of papermill's import time
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import papermill
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from safevla.config import profiles
from safevla.pipeline import stages


def _die_with_parents() -> None:
    """Leave when DVC, or the shell it started us in, has been killed: nobody is there to take the result."""
    watched = [os.getppid()]
    stat = Path(f"/proc/{watched[0]}/stat")
    if stat.exists():
        watched.append(int(stat.read_text().rsplit(")", 1)[1].split()[1]))

    def watch() -> None:
        while all(Path(f"/proc/{pid}").exists() for pid in watched if pid > 1) and os.getppid() == watched[0]:
            time.sleep(1.0)
        os._exit(1)  # the notebook's kernel notices and leaves too

    if stat.exists():
        threading.Thread(target=watch, daemon=True).start()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=stages.GROUPS)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("executed", type=Path)
    parser.add_argument("--profile", default=profiles.DEFAULT_PROFILE)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a notebook parameter")
    arguments = parser.parse_args(argv)
    try:
        values = stages.select(arguments.stage, profiles.raw(arguments.profile))
    except profiles.ParamsError as error:
        print(error, file=sys.stderr)
        return 2
    extra = dict(pair.split("=", 1) for pair in arguments.set)
    failed = arguments.executed.parent.parent / "failed" / arguments.executed.name
    failed.parent.mkdir(parents=True, exist_ok=True)
    arguments.executed.parent.mkdir(parents=True, exist_ok=True)
    _die_with_parents()

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("papermill").setLevel(logging.INFO)
    logging.getLogger("papermill.translators").setLevel(logging.ERROR)
    logging.getLogger("papermill.utils").setLevel(logging.ERROR)
    config = Config()
    config.KernelManager.transport_encryption = "auto"  # and so no warning about its absence
    # the kernel finds the package whether or not the environment is activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        papermill.execute_notebook(
            str(arguments.notebook), str(failed),
            parameters={"profile": arguments.profile, "params": values, **extra},
            kernel_name="python3", log_output=True, progress_bar=False, autosave_cell_every=30, config=config,
        )  # fmt: skip
    except PapermillExecutionError as error:
        print(f"{error.ename}: {error.evalue}", file=sys.stderr)
        print(f"in cell {error.cell_index} of {arguments.notebook}", file=sys.stderr)
        print(f"partial notebook: {failed}", file=sys.stderr)
        return 1
    shutil.move(failed, arguments.executed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
