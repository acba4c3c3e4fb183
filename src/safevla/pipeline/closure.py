"""Closure: the files that a stage's result follows from, found by reading the code, not by running it.

It begins with a notebook's imports and goes on through modules: imports inside functions count, imports for type checkers
do not. What is imported by name is added by rule:

* Of a registry that the code loads from, the definitions that it names, and those that the parameters choose if it looks at
  that choice, each with all that it imports. Where the code only reads constants, the definitions' text. Of the shapes,
  among which no parameter chooses, all: a house may hold every type.
* Of the simulator, the modules that the parameters ask for.
* Of data, the files and folders beside a module that its text names, and the shipped vision encoder that the policies
  look through.
"""

import ast
import dataclasses
import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from safevla.config import registry
from safevla.config.policy_config import SHIPPED_ENCODERS, encoder_file
from safevla.config.registry import METHODS, SHAPES, TASKS, Registry

_PACKAGE = Path(__file__).parents[1]
_NAME = _PACKAGE.name
_ASIDE = (f"{_NAME}.config.", f"{_NAME}.pipeline.")  # compare names with those of the registries, and use no definition
_FACTORY = f"{_NAME}.sim.factory"
_ENCODERS = f"{_NAME}.policies.encoders"
_NAMES_ALONE = ("names", "path")  # of a registry: what they give says nothing of a definition
_REGISTRIES = {variable: value for variable, value in vars(registry).items() if isinstance(value, Registry)}


def of_notebook(notebook: Path, values: dict[str, Any], methods: Iterable[str] | None = None) -> list[Path]:
    """The files that a notebook's result follows from, sorted; values: the profile's parameters as plain data.

    methods: the safety methods that it asks for; None: those that the parameters choose.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [c for c in cells if c["cell_type"] == "code" and "parameters" not in c["metadata"].get("tags", [])]
    start = _parse("\n".join("".join(cell["source"]) for cell in code), notebook)
    chosen: dict[Registry, set[str]] = {kind: set() for kind in _REGISTRIES.values()}
    for kind, name in registry.chosen(values):
        chosen[kind].add(name)
    chosen[TASKS] = set(TASKS.names())  # the vocabulary and the tasks' numbers are of all that there are
    chosen[SHAPES] = set(SHAPES.names())
    if methods is not None:
        chosen[METHODS] = set(methods)
    found = _files(start, chosen, values["simulator"])
    vision = values["policy"]["vision"]
    if vision in SHIPPED_ENCODERS and _file(_ENCODERS) in found and encoder_file(vision).exists():
        found.add(encoder_file(vision))
    return sorted(found)


def _files(start: "_Code", chosen: dict[Registry, set[str]], simulator: dict[str, Any]) -> set[Path]:
    """chosen: the definitions that the parameters choose of each registry."""
    found: set[Path] = set()
    seen: set[str] = set()
    pending = set(start.imports)
    loads, reads, attributes = set(start.loads), set(start.uses - start.loads), set(start.attributes)
    named = {kind: start.words.intersection(kind.names()) for kind in chosen}
    while pending:
        module = pending.pop()
        path = _file(module)
        if module not in seen and path is not None:
            seen.add(module)
            code = _read(path, path.stat().st_mtime_ns)
            pending |= code.imports | {module.rpartition(".")[0]} | _of_simulator(module, simulator)
            if path.name != "__init__.py" or path.stat().st_size:
                found |= {path, *_data(path, code.words)}
            if not module.startswith(_ASIDE):
                attributes |= code.attributes
                loads |= code.loads
                reads |= code.uses - code.loads
                for kind in code.loads:
                    named[kind] |= code.words.intersection(kind.names())
        if not pending:
            for kind in loads:
                names = named[kind] | (chosen[kind] if kind is SHAPES or kind.kind in attributes else set())
                pending |= {kind.module_name(name) for name in names} - seen
    return found | {kind.path(name) for kind in reads for name in chosen[kind] | named[kind]}


def _of_simulator(module: str, simulator: dict[str, Any]) -> set[str]:
    """What `factory` imports by name."""
    if module != _FACTORY:
        return set()
    if simulator["name"] == "ai2thor":
        return {f"{_NAME}.sim.thor.adapter"}
    return {f"{_NAME}.sim.cuda"} if simulator["device"] == "cuda" else set()


def _data(path: Path, words: frozenset[str]) -> Iterator[Path]:
    """Files beside a module, and in folders beside it that are no packages, that the module's text names."""
    for beside in path.parent.iterdir():
        if beside.name not in words or beside.suffix == ".py" or (beside / "__init__.py").exists():
            continue
        inside = beside.rglob("*") if beside.is_dir() else [beside]
        yield from (file for file in inside if file.is_file() and "__pycache__" not in file.parts)


def digests(paths: Iterable[Path]) -> str:
    """A line for each file, in the form of `sha256sum`; paths are relative to the repository where the file lies in it."""
    lines = {}
    for path in paths:
        base = _PACKAGE.parents[1] if path.is_relative_to(_PACKAGE) else Path.cwd()
        shown = Path(os.path.relpath(path, base)).as_posix()
        lines[shown] = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {shown}\n"
    return "".join(lines[shown] for shown in sorted(lines))


@dataclasses.dataclass(frozen=True)
class _Code:
    """What some code names."""

    imports: frozenset[str]  # modules of the package
    uses: frozenset[Registry]
    loads: frozenset[Registry]  # those of them whose definitions it loads
    attributes: frozenset[str]
    words: frozenset[str]  # strings


@functools.cache
def _read(path: Path, changed_ns: int) -> _Code:
    return _parse(path.read_text(encoding="utf-8"), path)


def _parse(code: str, path: Path) -> _Code:
    imports, attributes, words = set(), set(), set()
    known: set[str] = set()  # registries' variables that the code imports
    asked: Counter[tuple[str, str]] = Counter()  # variable and attribute; "" where the variable stands alone
    for node in _nodes(ast.parse(code, str(path)), path.name != "__init__.py"):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            known |= {alias.name for alias in node.names if node.module == registry.__name__}
        elif isinstance(node, ast.Attribute):
            attributes.add(node.attr)
            asked[_variable(node.value), node.attr] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.add(node.value)
        if variable := _variable(node):
            asked[variable, ""] += 1
            known |= {variable} if isinstance(node, ast.Attribute) else set()
    uses, loads = set(), set()
    for variable in known & _REGISTRIES.keys():
        harmless = sum(asked[variable, attribute] for attribute in _NAMES_ALONE)
        uses |= {_REGISTRIES[variable]} if asked[variable, ""] > harmless else set()
        loads |= {_REGISTRIES[variable]} if asked[variable, "load"] else set()
    mine = frozenset(name for name in imports if name.split(".")[0] == _NAME)
    return _Code(mine, frozenset(uses), frozenset(loads), frozenset(attributes), frozenset(words))


def _variable(node: ast.AST) -> str:
    """The registry's variable that some code is, METHODS or registry.METHODS; "" if it is none."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "registry":
        return node.attr if node.attr in _REGISTRIES else ""
    return node.id if isinstance(node, ast.Name) and node.id in _REGISTRIES else ""


def _nodes(node: ast.AST, functions: bool) -> Iterator[ast.AST]:
    """Everything in a piece of code but the bodies of `if TYPE_CHECKING`, and of functions where those do not count.

    In a package's own file they do not: it offers names that are loaded when a stranger uses them.
    """
    yield node
    if isinstance(node, ast.If) and getattr(node.test, "id", getattr(node.test, "attr", "")) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.FunctionDef) and not functions:
        return
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child, functions)


def _file(module: str) -> Path | None:
    """The file of a module of the package, or of an extension's; None where a name is no module."""
    package, _, name = module.rpartition(".")
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    candidates = [path / "__init__.py", path.with_suffix(".py")]
    for kind in _REGISTRIES.values():
        if package == kind.package:
            candidates += [kind.path(known).with_name(f"{name}.py") for known in kind.names()]
    return next((candidate for candidate in candidates if candidate.exists()), None)
