"""Architecture: folders import downwards only, nothing imports in a circle, every module has its test, no function is long for no reason."""

import ast
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT

# A folder imports from those before it alone; what stands beside them (cli, api) may import all.
ORDER = (
    "config", "runtime", "world", "sim", "tasks", "env", "policies", "imitation", "safe_rl", "evaluation", "report", "pipeline",
)  # fmt: skip
LONGEST = 60  # lines of a function, unless its docstring says why it is "long because" …

# Folders of files of one kind, which are tested together, in one file.
TESTED_TOGETHER = {
    "safe_rl/methods": "safe_rl/test_methods.py",
    "evaluation/suites": "evaluation/test_suites.py",
    "tasks/costs": "tasks/test_step_costs.py",
    "tasks/definitions": "tasks/test_definitions.py",
    "sim/thor": "sim/thor/test_adapter.py",
    "world/shapes": "world/test_shape.py",
}
# Modules without a test file of their own, each with the one that tests it, because …
TESTED_ELSEWHERE = {
    # … it offers what the module behind it has
    "__init__.py": "test_api.py",
    # … they are parameters, which are checked as a whole
    "config/default_profile.py": "config/test_profiles.py",
    "config/encoder_config.py": "policies/test_vision_encoder.py",
    "config/faults.py": "config/test_profiles.py",
    "config/house_options.py": "config/test_profiles.py",
    "config/method_params.py": "config/test_profiles.py",
    "config/numbers.py": "config/test_profiles.py",
    "config/params.py": "config/test_profiles.py",
    "config/policy_config.py": "config/test_profiles.py",
    "config/thor_options.py": "config/test_profiles.py",
    # … they are constants, or types without code, that these tests speak in
    "sim/actions.py": "sim/test_physics.py",
    "sim/interface.py": "sim/test_embedded.py",
    "sim/robot.py": "sim/test_body.py",
    "world/boxes.py": "world/test_layout.py",
    "policies/outputs.py": "policies/test_vla.py",
    # … they are parts of one thing, and right if it is
    "sim/state.py": "sim/test_embedded.py",
    "sim/motion.py": "sim/test_physics.py",
    "sim/cuda_render.py": "sim/test_cuda.py",
    "sim/factory.py": "evaluation/test_suite.py",
    "policies/layers.py": "policies/test_vla.py",
    "policies/kv_cache.py": "policies/test_vla.py",
    "policies/perception_loss.py": "env/test_privileged_targets.py",
    "policies/expert_moves.py": "policies/test_expert.py",
    "safe_rl/rollout.py": "safe_rl/test_advantages.py",
    "safe_rl/episode_source.py": "safe_rl/test_episode_workers.py",
    "report/episode_figures.py": "report/test_widgets.py",
    "pipeline/archive.py": "report/test_results.py",
    "__main__.py": "test_cli.py",
    "world/palettes.py": "world/test_looks.py",
    "world/materials.py": "world/test_looks.py",
    "world/lights.py": "world/test_layout.py",
    "world/asset_database.py": "world/test_house_file.py",
    "world/floor_plan.py": "world/test_generation.py",
    "world/house_geometry.py": "world/test_house_file.py",
    "world/furnishing.py": "world/test_generation.py",
    "world/structure.py": "world/test_layout.py",
    "world/walls.py": "world/test_generation.py",
}


def graph_of(package: str) -> dict[str, set[str]]:
    """Module → the modules of its package that it imports, wherever in its code, by name too; not those that only types are of."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) | named_in(package, module) for module in graph.modules}


def named_in(package: str, module: str) -> set[str]:
    """The modules of the package that a module imports by `import_module("…")`."""
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin
    path = Path(spec.origin).parent.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func)]
    named = [call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)]
    return {name for name in named if isinstance(name, str) and name.startswith(f"{package}.")}


def back_arrows(graph: Mapping[str, set[str]], order: Sequence[str]) -> list[str]:
    """Imports from a folder that comes later, as `a → b`."""

    def place(module: str) -> int:
        folder = [*module.split("."), ""][1]
        return order.index(folder) if folder in order else len(order)

    return [f"{a} → {b}" for a in sorted(graph) for b in sorted(graph[a]) if place(a) < place(b)]


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Sets of modules each of which reaches all others of its set: the strongly connected components of more than one."""
    reached: dict[str, set[str]] = {}
    for module in graph:
        found, waiting = set(), [module]
        while waiting:
            new = graph[waiting.pop()] - found
            found |= new
            waiting += new
        reached[module] = found
    together = {frozenset(b for b in reached[a] if a in reached[b]) for a in graph if a in reached[a]}
    return sorted(sorted(modules) for modules in together)


def untested(source: Path, tests: Path, together: Mapping[str, str], elsewhere: Mapping[str, str]) -> list[str]:
    """Modules whose test file is not there, the one beside it or the one that it is said to be tested by."""
    lacking = []
    for path in sorted(source.rglob("*.py")):
        module = path.relative_to(source).as_posix()
        if path.name == "__init__.py" and not path.read_text().strip():
            continue
        beside = f"{path.parent.relative_to(source).as_posix()}/test_{path.stem.strip('_')}.py"
        expected = elsewhere.get(module) or together.get(path.parent.relative_to(source).as_posix()) or beside
        if not (tests / expected).exists():
            lacking.append(f"{module}: {expected}")
    return lacking


def long_functions(source: Path, longest: int) -> list[str]:
    """Functions of more lines than that whose docstring does not say why."""

    def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    return [
        f"{path.relative_to(source)}: {node.name}: {n_lines} lines"
        for path in sorted(source.rglob("*.py"))
        for node in functions(path)
        if (n_lines := node.end_lineno - node.lineno + 1) > longest
        and "long because" not in " ".join((ast.get_docstring(node) or "").lower().split())
    ]


def without_first_sentence(folder: Path) -> list[str]:
    """Files that do not begin by saying what they are."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*.py"))
        if (tree := ast.parse(path.read_text(encoding="utf-8"))).body and not ast.get_docstring(tree)
    ]


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return graph_of("safevla")


def test_folders_import_from_those_before_them_alone(graph):
    folders = {path.name for path in (ROOT / "src" / "safevla").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ORDER)
    assert back_arrows(graph, ORDER) == []


def test_nothing_imports_in_a_circle(graph):
    assert len(graph) > 100
    assert circles(graph) == []


def test_every_module_has_its_test_file():
    source, tests = ROOT / "src" / "safevla", ROOT / "tests"
    assert untested(source, tests, TESTED_TOGETHER, TESTED_ELSEWHERE) == []
    gone = [module for module in (*TESTED_ELSEWHERE, *TESTED_TOGETHER) if not (source / module).exists()]
    needless = [module for module in TESTED_ELSEWHERE if (tests / Path(module).parent / f"test_{Path(module).name}").exists()]
    assert not gone and not needless


def test_no_function_is_long_unless_it_says_why():
    assert long_functions(ROOT / "src" / "safevla", LONGEST) == []


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_every_file_begins_by_saying_what_it_is(folder):
    assert without_first_sentence(ROOT / folder) == []


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A small package in good order, and a way to write more into it → its graph."""

    def write(files: dict[str, str]) -> dict[str, set[str]]:
        for name, text in files.items():
            path = tmp_path / "toy_house" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(text)
        return graph_of("toy_house")

    monkeypatch.syspath_prepend(tmp_path)
    write({
        "__init__.py": "", "cellar/coal.py": '"""Coal."""\n', "kitchen/stove.py": '"""Stove."""\nfrom toy_house.cellar import coal\n',
        "door.py": '"""Door."""\nfrom toy_house.kitchen import stove\n',
    })  # fmt: skip
    return write


def test_a_planted_back_arrow_is_found(planted):
    order = ("cellar", "kitchen")
    assert back_arrows(planted({}), order) == []
    lazily = '"""Coal."""\n\n\ndef dig():\n    from toy_house.kitchen import stove\n'
    assert back_arrows(planted({"cellar/coal.py": lazily}), order) == ["toy_house.cellar.coal → toy_house.kitchen.stove"]
    assert back_arrows(planted({"cellar/coal.py": '"""Coal."""\nimport toy_house.door\n'}), order) == [
        "toy_house.cellar.coal → toy_house.door"
    ]
    by_name = '"""Coal."""\nimport importlib\nstove = importlib.import_module("toy_house.kitchen.stove")\n'
    assert back_arrows(planted({"cellar/coal.py": by_name}), order) == ["toy_house.cellar.coal → toy_house.kitchen.stove"]
    for_types = '"""Coal."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy_house.kitchen import stove\n'
    assert back_arrows(planted({"cellar/coal.py": for_types}), order) == []


def test_a_planted_circle_is_found(planted):
    assert circles(planted({})) == []
    pot, lid = '"""Pot."""\nfrom toy_house.kitchen import lid\n', '"""Lid."""\nfrom toy_house.kitchen import rim\n'
    files = {"kitchen/pot.py": pot, "kitchen/lid.py": lid, "kitchen/rim.py": '"""Rim."""\n'}
    assert circles(planted(files)) == []
    found = circles(planted({"kitchen/rim.py": '"""Rim."""\nfrom toy_house.kitchen import pot\n'}))
    assert found == [[f"toy_house.kitchen.{name}" for name in ("lid", "pot", "rim")]]


def test_a_module_without_a_test_is_found(planted, tmp_path):
    planted({})
    source, tests = tmp_path / "toy_house", tmp_path / "tests"
    for name in ("cellar/test_coal.py", "test_door.py"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).touch()
    assert untested(source, tests, {}, {}) == ["kitchen/stove.py: kitchen/test_stove.py"]
    assert untested(source, tests, {"kitchen": "test_door.py"}, {}) == []
    assert untested(source, tests, {}, {"kitchen/stove.py": "test_fire.py"}) == ["kitchen/stove.py: test_fire.py"]


def test_a_long_function_and_a_file_that_does_not_say_what_it_is_are_found(planted, tmp_path):
    body = "    x = 1\n" * 10
    planted({
        "kitchen/stove.py": f"def heat():\n{body}\n\ndef stir():\n    '''Stir. It is long\n    because it is slow.'''\n{body}",
        "cellar/coal.py": f'"""Coal."""\n\n\nclass Heap:\n    async def dig(self):\n    {body.replace(chr(10), chr(10) + "    ").rstrip(" ")}',
    })  # fmt: skip
    source = tmp_path / "toy_house"
    assert long_functions(source, 10) == ["cellar/coal.py: dig: 11 lines", "kitchen/stove.py: heat: 11 lines"]
    assert long_functions(source, 20) == []
    assert without_first_sentence(source) == ["kitchen/stove.py"]
