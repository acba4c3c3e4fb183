"""A build that fails: serves like `safevla.sim.thor.server`, and once, after some messages, does what a test asks of it.

    python -m tests.faulty_server FAULT AFTER MARKER ...

FAULT is die, hang, garbage or sequence; or older, for a build that lacks what the released one lacks, always. MARKER is a file that says that it has happened; a later process serves faithfully.
"""

import os
import sys
import time
from pathlib import Path

from safevla.sim.thor import server, unity, wire


class FaultyFifo(wire.Fifo):
    def __init__(self, fault: str, after: int, marker: Path):
        super().__init__(os.environ["AI2THOR_FIFO_SERVER_PIPE_PATH"], os.environ["AI2THOR_FIFO_CLIENT_PIPE_PATH"])
        self.fault, self.left, self.marker = fault, after, marker

    def _message(self, kind: int, content: dict, pictures: list) -> None:
        self.left -= 1
        if self.left == 0 and not self.marker.exists():
            self.marker.touch()
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
    fault, after, marker, *rest = sys.argv[1:]
    if fault == "older":
        for action in ("RotateCameraMount", "ChangeFOV", "GetVisibleObjects", "AdvancePhysicsStep", "ToggleMagnetVisibility"):
            del unity.ACTIONS[action]
    server.serve(FaultyFifo(fault, int(after), Path(marker)), unity.World(*server._size(rest)))
