"""A build that fails: serves like `safevla.sim.thor.server`, and after some messages does what a test asks of it.

    python -m tests.faulty_server FAULTS AFTER MARKER ...

FAULTS is one of die, hang, garbage and sequence, or several with commas, of which each process does the next; when all have
happened, a process serves faithfully. Or it is older, for a build that always lacks what an older one lacks. MARKER is a file
that holds those that have happened.
"""

import os
import sys
import time
from pathlib import Path

from safevla.sim.thor import server, unity, wire


class FaultyFifo(wire.Fifo):
    def __init__(self, faults: str, after: int, marker: Path):
        super().__init__(os.environ["AI2THOR_FIFO_SERVER_PIPE_PATH"], os.environ["AI2THOR_FIFO_CLIENT_PIPE_PATH"])
        happened = marker.read_text().split() if marker.exists() else []
        self.fault, self.left, self.marker = next(iter(faults.split(",")[len(happened) :]), None), after, marker

    def _message(self, kind: int, content: dict, pictures: list) -> None:
        self.left -= 1
        if self.left == 0 and self.fault is not None:
            with self.marker.open("a") as file:
                print(self.fault, file=file)
            if self.fault == "die":
                os._exit(3)
            if self.fault == "hang":
                time.sleep(600)
            if self.fault == "garbage":
                self._out.write(b"\x07this is no header" * 50)
                self._out.flush()
                return
            if self.fault == "sequence":
                content = {**content, "sequenceId": content.get("sequenceId", 0) + 17}
        super()._message(kind, content, pictures)


if __name__ == "__main__":
    faults, after, marker, *rest = sys.argv[1:]
    if faults == "older":
        for action in ("RotateCameraMount", "ChangeFOV", "GetVisibleObjects", "AdvancePhysicsStep", "ToggleMagnetVisibility"):
            del unity.ACTIONS[action]
    server.serve(FaultyFifo(faults, int(after), Path(marker)), unity.World(*server._size(rest)))
