"""A method's own parameters, told from its file's text, so that a mistyped one is refused before anything loads torch."""

import ast
import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from safevla.config.registry import METHODS


class _None(pydantic.BaseModel, extra="forbid"):
    """The parameters of a method that has none."""


def params_model(name: str) -> type[pydantic.BaseModel] | None:
    """The class `Params` of a method's file; None where it cannot be told from the text, and training checks it first."""
    return _model(METHODS.path(name))


@functools.cache
def _model(path: Path) -> type[pydantic.BaseModel] | None:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError):
        return None  # whoever loads the file says so
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if "Params" not in classes:
        return _None if _is_plain(tree, classes.get("Method")) else None
    names = {"pydantic": pydantic, "Annotated": Annotated, "Any": Any, "Literal": Literal, "__name__": f"params of {path.stem}"}
    try:
        exec(compile(ast.Module([classes["Params"]], []), str(path), "exec"), names)  # of the file, this class alone
        found = names["Params"]
        return found if found.__pydantic_complete__ else None
    except Exception:  # it needs more of its file than the class itself
        return None


def _is_plain(tree: ast.Module, method: ast.ClassDef | None) -> bool:
    """Whether a method derives from `method.Method` itself, and its file says nothing of parameters."""
    bases = [ast.unparse(base) for base in method.bases] if method else []
    return bases == ["method.Method"] and not any(isinstance(node, ast.Name) and node.id == "Params" for node in ast.walk(tree))
