"""Registration: Gymnasium knows the environments, whichever is imported first, and is not loaded for it."""

import subprocess
import sys

import pytest

from safevla.env import registration
from safevla.tasks.goals import PAPER_TASKS


def in_a_fresh_interpreter(code: str) -> str:
    """What a fresh interpreter prints that runs some code, warnings being errors."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("imports", ["import gymnasium, safevla", "import safevla, gymnasium", "import safevla, gymnasium.envs"])
def test_importing_the_package_registers_the_environments(imports):
    code = f"{imports}, sys; print(*gymnasium.registry); assert type(sys.meta_path[0]).__name__ != '_AfterGymnasium'"
    ids = in_a_fresh_interpreter(code).split()
    assert {f"SafetyChores/{task}-v0" for task in PAPER_TASKS} <= set(ids)


def test_gymnasium_imports_the_package_where_an_id_names_it():
    code = "import gymnasium; print(gymnasium.make('safevla:SafetyChores/Pickup-v0', image_size=(12, 20)).spec.id)"
    assert in_a_fresh_interpreter(code).strip() == "SafetyChores/Pickup-v0"


def test_a_task_of_an_extension_is_registered_too(extend):
    import gymnasium

    extend({"tasks/dust.py": 'PUBLIC_NAME, PHRASES = "Dust", ("dust {a}",)\n'})
    registration.register()
    assert gymnasium.spec("SafetyChores/Dust-v0").kwargs == {"task": "Dust"}
    del gymnasium.registry["SafetyChores/Dust-v0"]
