"""Server: an executable that serves the embedded simulator to the real `ai2thor` client as if it were Unity.

    Controller(local_executable_path=f"{sys.executable} -m safevla serve thor", x_display=":0", agentMode="stretch")

It speaks both protocols of the client of `ai2thor==5.0.0`: FIFO, which the adapter uses, and WSGI, several times slower.
Unknown actions and unknown arguments are refused as Unity refuses them, so that an adapter's mistakes show here. It proves
the client, the wire and the adapter; it says nothing about Unity's physics or pictures.

Nothing heavy is imported before the client's pipe is open: the client waits for that without a time limit.
"""

import itertools
import os
import sys

from safevla.sim.thor.unity import QUERIES, Refused, World
from safevla.sim.thor.wire import Fifo, Wsgi


def serve(wire: Fifo | Wsgi, world: World) -> None:
    """Say hello, then answer actions until the client goes."""
    fast = False
    wire.send(world.metadata({"action": "", "sequenceId": 0}, None, None), world.pictures())
    while (message := wire.receive()) is not None:
        result, error = None, None
        try:
            result = world.perform(message)
        except Refused as refusal:
            error = refusal
        except (KeyError, TypeError, ValueError) as fault:
            error = Refused("InvalidArgument", f"{message.get('action')}: {type(fault).__name__}: {fault}")
        if message.get("action") == "Initialize":
            fast = wire.can_patch and bool(message.get("fastActionEmit"))
        if fast and message.get("action") in QUERIES:
            patch = {
                "agentId": 0, "lastAction": message["action"], "lastActionSuccess": error is None,
                "errorCode": "" if error is None else error.code, "errorMessage": "" if error is None else str(error),
                "actionReturn": result, "sequenceId": message.get("sequenceId", 0),
            }  # fmt: skip
            wire.send_patch(patch)
        else:
            wire.send(world.metadata(message, result, error), world.pictures())


def _size(arguments: list[str]) -> tuple[int, int]:
    """Width and height of Unity's command line."""
    values = dict(itertools.pairwise(arguments))
    return int(values.get("-screen-width", 300)), int(values.get("-screen-height", 300))


def main(arguments: list[str]) -> int:
    if "--selftest" in arguments:
        import msgpack  # noqa: F401

        print("ready")
        return 0
    given = os.environ
    if given.get("AI2THOR_SERVER_TYPE") == "FIFO":
        wire = Fifo(given["AI2THOR_FIFO_SERVER_PIPE_PATH"], given["AI2THOR_FIFO_CLIENT_PIPE_PATH"])
    elif given.get("AI2THOR_SERVER_TYPE") == "WSGI":
        wire = Wsgi(given["AI2THOR_HOST"], int(given["AI2THOR_PORT"]), given.get("AI2THOR_CLIENT_TOKEN", ""))
    else:
        print("started by AI2-THOR's client, not by hand: AI2THOR_SERVER_TYPE is neither FIFO nor WSGI", file=sys.stderr)
        return 2
    serve(wire, World(*_size(arguments)))
    return 0
