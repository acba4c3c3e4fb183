"""Registration: the environments' ids, made known to Gymnasium without loading it or the simulator.

Gymnasium 1 has no plugins, so `import safevla` registers the ids. Gymnasium takes a quarter of a second to load, and most of
the package does without it. Where it is not loaded yet, the ids are registered as soon as somebody imports it.
"""

import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_MODULE = "safevla.env.gymnasium_envs"


def env_id(task: str) -> str:
    """The task's id in Gymnasium's registry, `SafetyChores/<task>-v0`."""
    return f"SafetyChores/{task}-v0"


def register() -> None:
    """Make the environment of every task known to Gymnasium; ids that it has already stay as they are."""
    import gymnasium

    from safevla.config.registry import TASKS

    for task in TASKS.names():
        if env_id(task) not in gymnasium.registry:
            gymnasium.register(
                env_id(task),
                entry_point=f"{_MODULE}:SafetyChoresEnv",
                vector_entry_point=f"{_MODULE}:SafetyChoresVectorEnv",
                kwargs={"task": task},
            )


def register_when_imported() -> None:
    """`register` now if Gymnasium is loaded, or else right after it has been."""
    if "gymnasium" in sys.modules:
        register()
    elif not any(isinstance(finder, _AfterGymnasium) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterGymnasium())


class _AfterGymnasium:
    """A finder that waits for the import of Gymnasium, leaves it to the other finders, and registers once it has loaded.

    Not a subclass of `importlib.abc.MetaPathFinder`, which takes as long to load as all the rest of `import safevla`.
    """

    _is_asking = False  # the other finders, and is asked itself

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "gymnasium" or self._is_asking:
            return None
        self._is_asking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_asking = False
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_register(module: ModuleType) -> None:
            load(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register()

        spec.loader.exec_module = load_and_register
        return spec
