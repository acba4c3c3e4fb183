"""Registries: names, what a file's text says, extensions; nothing is loaded before it is chosen."""

import re
import subprocess
import sys
import textwrap

import pytest

from safevla.config import profiles, registry
from safevla.config.registry import COSTS, METHODS, SHAPES, SUITES, TASKS, Registry, RegistryError

METHOD = '''"""A method."""

from safevla.safe_rl import method

LABEL, COLOUR = "Mine", "#123456"
USES = ("cost_limit",)
STEPS: int = 3
FOLDED = 2 * STEPS


class Method(method.Method):
    pass
'''


def _run(script: str) -> None:
    """A script in a process of its own, which is to end well."""
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_names_are_those_of_the_files():
    assert METHODS.names() == ("ppo", "ppo_fixed_penalty", "ppo_lagrangian", "ppo_pid_lagrangian")
    assert set(COSTS.names()) == {"corner", "blind_spot", "fragile_collection", "critical_point", "dangerous_equipment"}
    assert METHODS.path("ppo").name == "ppo.py" and METHODS.module_name("ppo") == "safevla.safe_rl.methods.ppo"


def test_names_of_tasks_are_in_camel_case_and_their_files_in_snake_case():
    assert TASKS.names() == ("Fetch", "ObjectNav", "Pickup")
    assert TASKS.path("ObjectNav").name == "object_nav.py"
    assert TASKS.load("ObjectNav").__name__ == TASKS.module_name("ObjectNav") == "safevla.tasks.definitions.object_nav"


@pytest.mark.parametrize(
    ("one", "known"),
    [(METHODS, "ppo_lagrangian"), (SUITES, "larger_houses"), (COSTS, "corner"), (TASKS, "Fetch"), (SHAPES, "mug")],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(one, known):
    for ask in (one.path, one.load, one.module_name, lambda name: one.constant(name, "LABEL")):
        with pytest.raises(RegistryError, match=rf"unknown {one.singular} 'nonsense'; known are .*\b{known}\b"):
            ask("nonsense")


def test_constants_are_read_and_nothing_is_loaded():
    """In a process of its own, in which nobody has loaded them before."""
    script = """
        import sys
        from safevla.config.registry import COSTS, METHODS, REGISTRIES, SUITES, TASKS
        assert METHODS.constant("ppo_lagrangian", "LABEL") == "PPO-Lagrangian (SafeVLA)"
        assert METHODS.constant("ppo_lagrangian", "USES") == ("cost_limit",)
        assert METHODS.constant("ppo", "USES", ()) == ()
        assert COSTS.constant("corner", "MIN_POSITIONS") == 40 and COSTS.constant("corner", "COLOUR") == "#0173b2"
        assert SUITES.constant("light", "LOOK") is True
        assert TASKS.constant("ObjectNav", "PUBLIC_NAME") == "ObjectNavType"
        assert TASKS.constant("ObjectNav", "TARGETS", "no literal") == "no literal"
        for registry in REGISTRIES:
            assert not [name for name in sys.modules if name.startswith(registry.package)], registry.kind
        assert "torch" not in sys.modules
    """
    _run(script)


def test_loading_one_loads_none_of_the_others():
    script = """
        import sys
        from safevla.config.registry import METHODS
        METHODS.load("ppo_fixed_penalty")
        loaded = {name for name in METHODS.names() if METHODS.module_name(name) in sys.modules}
        assert loaded == {"ppo_fixed_penalty"}, loaded
    """
    _run(script)


def test_an_extensions_file_is_found_read_and_loaded(extend):
    folder = extend({"methods/mine.py": METHOD, "methods/_helper.py": "", "suites/notes.txt": ""})
    assert METHODS.names() == ("ppo", "ppo_fixed_penalty", "ppo_lagrangian", "ppo_pid_lagrangian", "mine")
    assert METHODS.path("mine") == folder / "methods" / "mine.py"
    constants = [METHODS.constant("mine", name) for name in ("LABEL", "COLOUR", "USES", "STEPS", "FOLDED")]
    assert constants == ["Mine", "#123456", ("cost_limit",), 3, None]
    assert METHODS.module_name("mine") not in sys.modules
    module = METHODS.load("mine")
    assert module is METHODS.load("mine") is sys.modules[METHODS.module_name("mine")]
    assert module.Method.__mro__[1] is METHODS.load("ppo").Method.__mro__[1]


def test_processes_that_are_started_know_of_extensions_too(extend):
    extend({"methods/mine.py": METHOD})
    _run("from safevla.config.registry import METHODS; assert METHODS.constant('mine', 'LABEL') == 'Mine'")


def test_a_file_of_a_name_that_is_taken_is_one_clear_error(extend):
    """Whose file counts would be a guess, and two methods of one name would share a line in every table."""
    folder = extend({"methods/ppo.py": METHOD})
    with pytest.raises(RegistryError, match=re.escape(f"{folder}/methods/ppo.py: there is a method 'ppo' already, in ")):
        METHODS.names()


def test_a_folder_of_extensions_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(RegistryError, match=re.escape(f"extensions: {tmp_path}/nowhere: no such folder")):
        registry.use_extensions([tmp_path / "nowhere"])
    values = profiles.raw("laptop") | {"extensions": [str(tmp_path / "nowhere")]}
    with pytest.raises(profiles.ParamsError) as error:
        profiles.check(values, "params.yaml")
    assert str(error.value) == f"params.yaml: extensions: {tmp_path}/nowhere: no such folder"


def test_a_file_that_is_no_python_is_one_clear_error(extend):
    folder = extend({"methods/mine.py": "LABEL = 'Mine\n"})
    with pytest.raises(RegistryError, match=re.escape(f"{folder}/methods/mine.py:1: not Python: ")):
        METHODS.constant("mine", "LABEL")


def test_a_file_that_is_no_utf_8_is_one_clear_error(extend):
    path = extend({"methods/mine.py": ""}) / "methods" / "mine.py"
    path.write_bytes(b"# \xff")
    with pytest.raises(RegistryError, match=re.escape(f"{path}: not UTF-8: invalid start byte at byte 2")):
        METHODS.constant("mine", "LABEL")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("methods/mine.py", METHOD.replace("class Method", "class Mine"), "a method defines Method, this file does not"),
        ("costs/mine.py", "LABEL, COLOUR = 'mine', '#123456'", "a cost defines charged, this file does not"),
        ("suites/mine.py", "LABEL = 'mine'", "a suite defines edit or fresh or make_simulator, this file does not"),
        ("tasks/mine.py", "PUBLIC_NAME = 'Mine'", "a task defines PHRASES, this file does not"),
        ("shapes/mine.py", "SIZE_M = 1.0", "a shape defines build, this file does not"),
    ],
)
def test_a_file_that_lacks_what_its_kind_needs_is_one_clear_error(extend, file, text, message):
    folder = extend({file: text})
    kind = next(one for one in registry.REGISTRIES if one.kind == file.split("/")[0])
    with pytest.raises(RegistryError, match=re.escape(f"{folder}/{file}: {message}")):
        kind.load("Mine" if kind is TASKS else "mine")


@pytest.mark.parametrize("kind", registry.REGISTRIES, ids=lambda kind: kind.kind)
def test_every_file_of_the_package_has_what_its_kind_needs(kind):
    assert all(kind.load(name) for name in kind.names())


def test_parameters_choose_from_all_registries(extend):
    extend({"methods/mine.py": METHOD})
    values = profiles.raw("smoke")
    values["finetune"]["methods"] = ["ppo", "mine"]
    values["costs"] = ["corner"]
    found = [(one.singular, name) for one, name in registry.chosen(values)]
    assert found == [
        *(("task", name) for name in values["finetune"]["tasks"]), ("cost", "corner"), ("method", "ppo"), ("method", "mine"),
        *(("suite", name) for name in values["evaluate"]["suites"]),
    ]  # fmt: skip


def test_a_registry_of_another_package_reads_its_folder():
    """The folder follows from the package's name."""
    assert Registry("costs", "safevla.tasks.costs", "cost").names() == COSTS.names()
