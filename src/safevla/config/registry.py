"""Registries: methods, suites, costs, tasks and shapes, one file each, known by their names without being loaded.

A registry is a folder of Python files. A file's name is the name of what it defines, and the file says everything about it:
a label and a colour for figures, parameters, and what it does. Adding a method is adding a file. Parameters, tables, figures
and the pipeline's dependencies follow from the files that are there.

Names, labels and colours are read from a file's text, so that a figure needs no torch and loading one method loads no other.
Files outside the package count too: an extension is a folder with `methods`, `suites`, `costs`, `tasks` or `shapes` in it.
Parameters choose from all but the shapes: which of those are drawn follows from what a house holds.
"""

import ast
import functools
import importlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# Folders of extensions, as `use_extensions` was told; worker processes inherit it.
EXTENSIONS_VARIABLE = "SAFEVLA_EXTENSIONS"


class RegistryError(ValueError):
    """A name that no file has, or a file that lacks what its registry asks for; the message names both."""


class Registry:
    """One kind of thing: a folder of the package, and the folders of that name in the extensions."""

    def __init__(self, kind: str, package: str, singular: str, needs: tuple[str, ...] = (), camel: bool = False):
        """needs: names that every file defines, a|b where either will do. camel: names are written in camel case, files in
        snake case: ObjectNav stands in object_nav.py."""
        self.kind, self.package, self.singular, self._needs, self._camel = kind, package, singular, needs, camel

    def names(self) -> tuple[str, ...]:
        """Every name, those of the package first, each folder's in alphabetical order."""
        return tuple(self._files())

    def path(self, name: str) -> Path:
        """The file that defines a name. Raises RegistryError, which lists the names that there are."""
        files = self._files()
        if name not in files:
            raise RegistryError(f"unknown {self.singular} {name!r}; known are {', '.join(files)}")
        return files[name]

    def module_name(self, name: str) -> str:
        """What the file that defines a name is imported as."""
        return f"{self.package}.{self.path(name).stem}"

    def load(self, name: str) -> ModuleType:
        """The module that defines a name. Raises RegistryError where it lacks what its registry asks for."""
        path = self.path(name)
        package = importlib.import_module(self.package)
        if str(path.parent) not in package.__path__:
            package.__path__.append(str(path.parent))
        module = importlib.import_module(f"{self.package}.{path.stem}")
        for needed in self._needs:
            if not any(hasattr(module, name) for name in needed.split("|")):
                raise RegistryError(f"{path}: a {self.singular} defines {needed.replace('|', ' or ')}, this file does not")
        return module

    def constant(self, name: str, constant: str, default: Any = None) -> Any:
        """A constant that a file's text gives by a literal, such as LABEL; `default` where it gives none. Nothing is run."""
        return _constants(self.path(name)).get(constant, default)

    def _files(self) -> dict[str, Path]:
        return self._files_with(os.environ.get(EXTENSIONS_VARIABLE, ""))

    @functools.cache  # noqa: B019, registries live as long as the process
    def _files_with(self, extensions: str) -> dict[str, Path]:
        builtin = Path(__file__).parents[1].joinpath(*self.package.split(".")[1:])
        found: dict[str, Path] = {}
        for folder in (builtin, *(Path(folder) / self.kind for folder in extensions.split(os.pathsep) if folder)):
            for path in sorted(folder.glob("*.py")):
                if path.stem.startswith("_"):
                    continue
                if (name := self._name(path.stem)) in found:
                    raise RegistryError(f"{path}: there is a {self.singular} {name!r} already, in {found[name]}")
                found[name] = path
        return found

    def _name(self, stem: str) -> str:
        return "".join(part.capitalize() for part in stem.split("_")) if self._camel else stem


_TASK = ("PUBLIC_NAME", "PHRASES", "UNSEEN_PHRASES", "TARGETS", "GRASPS", "FACES_TARGET", "reached", "remaining_m", "may_start")
TASKS = Registry("tasks", "safevla.tasks.definitions", "task", _TASK, camel=True)
COSTS = Registry("costs", "safevla.tasks.costs", "cost", ("LABEL", "COLOUR", "charged"))
METHODS = Registry("methods", "safevla.safe_rl.methods", "method", ("LABEL", "COLOUR", "Method"))
SUITES = Registry("suites", "safevla.evaluation.suites", "suite", ("LABEL", "edit|fresh|make_simulator"))
SHAPES = Registry("shapes", "safevla.world.shapes", "shape", ("build",))
REGISTRIES = (TASKS, COSTS, METHODS, SUITES, SHAPES)


def chosen(values: dict[str, Any]) -> Iterator[tuple[Registry, str]]:
    """Everything that a profile's parameters, as plain data, choose from the registries: no shape, those follow from a house."""
    groups: tuple[tuple[Registry, Iterable[str]], ...] = (
        (TASKS, values["finetune"]["tasks"]),
        (COSTS, values["costs"]),
        (METHODS, values["finetune"]["methods"]),
        (SUITES, values["evaluate"]["suites"]),
    )
    for registry, names in groups:
        for name in names:
            yield registry, name


def use_extensions(folders: Iterable[str | Path]) -> None:
    """Look in these folders too from now on, in this process and those that it starts.

    Raises RegistryError where one is not there.
    """
    paths = [Path(folder).resolve() for folder in folders]
    for path in paths:
        if not path.is_dir():
            raise RegistryError(f"extensions: {path}: no such folder")
    known = [folder for folder in os.environ.get(EXTENSIONS_VARIABLE, "").split(os.pathsep) if folder]
    os.environ[EXTENSIONS_VARIABLE] = os.pathsep.join(dict.fromkeys([*known, *map(str, paths)]))


@functools.cache
def _constants(path: Path) -> dict[str, Any]:
    """Names in capitals that a file gives a literal at its top level. Raises RegistryError where the file is no Python."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise RegistryError(f"{path}:{error.lineno}: not Python: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    found: dict[str, Any] = {}
    for node in tree.body:
        for target, value in _assignments(node):
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    found[target.id] = ast.literal_eval(value)
                except ValueError:  # not a literal
                    continue
    return found


def _assignments(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets and values of a statement, those of `A, B = 1, 2` one by one."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            yield from zip(target.elts, value.elts, strict=True)
        else:
            yield target, value
