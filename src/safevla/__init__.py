"""SafeVLA: safety alignment of vision-language-action policies, with an embedded house simulator.

    safevla.make_env("Fetch")                                      a Gymnasium environment
    safevla.load_policy("policy.safetensors")                      a policy, and what its file says of it
    safevla.evaluate("policy.safetensors", "Fetch", n_episodes=50) a table with one row per episode
    safevla.generate_house(7)                                      a furnished house, as a ProcTHOR dict
    safevla.load_houses("houses.jsonl.gz")                         the houses of a ProcTHOR file

Importing this package makes the environments known to Gymnasium, by ids such as `SafetyChores/ObjectNav-v0`. It loads
neither torch nor the simulator: a name does so when it is first used.
"""

from typing import TYPE_CHECKING, Any

from safevla.env import registration

if TYPE_CHECKING:
    from safevla.api import evaluate, generate_house, load_houses, load_policy, make_env

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "generate_house", "load_houses", "load_policy", "make_env"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from safevla import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return list(__all__)


registration.register_when_imported()
