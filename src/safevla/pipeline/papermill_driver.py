"""The driver of a pipeline stage: parameters of the stage → papermill → executed notebook.

The notebook runs at `reports/<profile>/failed/…` until it has succeeded, so a failed or killed run leaves its partial
notebook where the next one does not delete it.
"""

import contextlib
import logging
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, TextIO

# nbformat's schema checker would build a grammar that nothing here uses, which takes most of papermill's import time
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from safevla.config import checkout, profiles
from safevla.pipeline import dvc_files, prepare, runs, stages
from safevla.pipeline.stage_log import StageLog

_ENGINE = "safevla"
_LATE_S = 0.3  # how long to wait, at the end, for what is still being sent
_BUSY_S = 600  # how long a kernel may take to start, on a busy machine
_ANSWER_S = 60  # and the last words of a cell to arrive
_PERSONAL = ("PYTHONSTARTUP", "MPLBACKEND")  # what a person's own sessions begin with, and draw on


def run_stage(root: Path, stage: str, profile: str, told: dict[str, str]) -> int:
    """Run a stage of a profile, be it the preparation or a notebook; 1 where a cell fails or the kernel dies, 0 otherwise.

    told: what the notebook is told besides its parameters. Started by hand and not by DVC, a stage is prepared first.
    Raises ParamsError, StageError or PipelineError where it cannot begin.
    """
    checkout.check(root)
    profiles.load(profile)
    dvc_files.check_overrides(root, profile)
    by_dvc = "DVC_STAGE" in os.environ
    if stage == runs.PREPARE or not by_dvc:
        prepare.prepare(root, profile)
    if stage == runs.PREPARE:
        return 0
    values = profiles.raw(profile)
    run = runs.of_told(stage, told, values)
    given = {"profile": profile, "params": stages.select(stage, values), **told}
    dvc_files.check_inputs(root, profile, run, values, by_dvc)
    log = StageLog()
    log.begin(run, runs.of_profile(values))
    if by_dvc:
        _die_with_parents()
    started_ns = dvc_files.clock_ns(root)
    reports = Path("reports") / profile
    notebook = dvc_files.prepared(root, profile) / "notebooks" / run.notebook
    if not execute(notebook, reports / "failed" / run.executed, reports / "executed" / run.executed, given, log):
        return 1
    dvc_files.remove_stale(root, profile, run, started_ns)
    log.finish(run)
    return 0


def execute(notebook: Path, partial: Path, executed: Path, given: dict[str, Any], log: StageLog) -> bool:
    """Run a notebook, which lies at `partial` until it has succeeded and then at `executed`; False if it fails."""
    for path in (partial, executed):
        path.parent.mkdir(parents=True, exist_ok=True)
    # the kernel finds the environment's commands whether or not that is activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill_engines.register(_ENGINE, _Engine)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words, tempfile.TemporaryDirectory() as folder:
        try:
            papermill.execute_notebook(
                str(notebook), str(partial), given, _ENGINE, kernel_name="python3",
                progress_bar=False, autosave_cell_every=30, start_timeout=_BUSY_S, log=log, words=words, folder=Path(folder),
            )  # fmt: skip
        except PapermillExecutionError as error:
            log.failed(f"{error.ename}: {error.evalue}", notebook, partial)
            return False
        except RuntimeError as error:
            dead = isinstance(error, DeadKernelError)
            what = "the kernel died (killed, perhaps for want of memory)" if dead else f"the kernel did not start ({error})"
            words.seek(0)
            last = "".join(f": {line.strip()}" for line in words.readlines()[-1:])
            log.failed(f"{what}{last}", notebook, partial)
            return False
    shutil.move(partial, executed)
    return True


class _ThisPython(AsyncKernelManager):
    """Starts a kernel of the Python that runs this, whatever kernels and settings a user or a site has."""

    def __init__(self, words: TextIO, folder: Path, **kwargs: Any):
        """words: for what the process says by itself. folder: for IPython's settings and the kernel's address; it is empty."""
        spec_manager = KernelSpecManager(kernel_dirs=[])
        super().__init__(kernel_spec_manager=spec_manager, connection_file=str(folder / "kernel.json"), **kwargs)
        self._words, self._folder = words, folder

    async def start_kernel(self, **kwargs: Any) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _PERSONAL}
        environment["IPYTHONDIR"] = str(self._folder)
        # a kernel sends what its children print, and repeats it on the outputs that it was started with
        await super().start_kernel(stdout=subprocess.DEVNULL, stderr=self._words, env=environment, **kwargs)


class _Client(PapermillNotebookClient):
    """Hands on what cells print."""

    def __init__(self, nb_man: Any, stage_log: StageLog, words: TextIO, folder: Path, **kwargs: Any):
        super().__init__(nb_man, **kwargs)
        self._stage_log, self._words, self._folder = stage_log, words, folder
        self.on_cell_execute = self._begin
        self._ended: dict[str, tuple[Any, int]] = {}  # the cells that have ended, and their indices, by the request that ran them

    def create_kernel_manager(self) -> AsyncKernelManager:
        self.km = _ThisPython(self._words, self._folder, kernel_name=self.kernel_name, config=self.config)
        return self.km

    def papermill_execute_cells(self) -> None:
        """As papermill does, but for what a cell's children have printed and the kernel sends when the cell has ended."""
        receive = self.kc.iopub_channel.get_msg

        async def get_msg(**kwargs: Any) -> dict[str, Any]:
            msg = await receive(**kwargs)
            if msg["msg_type"] == "stream" and (ended := self._ended.get(msg["parent_header"].get("msg_id"))):
                self.process_message(msg, *ended)
            return msg

        async def receive_the_rest() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    await get_msg(timeout=_LATE_S)

        self.kc.iopub_channel.get_msg = get_msg
        super().papermill_execute_cells()
        run_sync(receive_the_rest)()
        self._stage_log.end_cell()

    def _begin(self, **_: Any) -> None:
        """A cell is sent to the kernel, which may not live to say so."""
        self._stage_log.end_cell()
        self._stage_log.number += 1

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "stream":
            running, self._stage_log.number = self._stage_log.number, cell.execution_count
            self._stage_log.write(msg["content"]["text"])
            self._stage_log.number = running
        elif msg["msg_type"] == "status" and msg["content"]["execution_state"] == "idle":
            self._ended[msg["parent_header"]["msg_id"]] = (cell, cell_index)
        return super().process_message(msg, cell, cell_index)


class _Engine(NBClientEngine):
    """Papermill's engine with the client above."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, log: StageLog, words: TextIO, folder: Path, start_timeout: int, **_: Any
    ) -> Any:
        config = Config()
        config.KernelManager.transport_encryption = "auto"  # and so no warning about its absence
        client = _Client(
            nb_man, log, words, folder,
            kernel_name=kernel_name, startup_timeout=start_timeout, timeout=None, iopub_timeout=_ANSWER_S, config=config,
        )  # fmt: skip
        return client.execute()


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
