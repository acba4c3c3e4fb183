"""Profiles: params.yaml, and what profiles/<name>.yaml changes of it, read and checked.

The files are those of the compendium that the working directory lies in. Elsewhere they are those that the package ships.
"""

import copy
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pydantic
import yaml

from safevla.config import checkout
from safevla.config.default_profile import DEFAULT_PROFILE
from safevla.config.faults import first_fault
from safevla.config.params import Device, Params, PPOParams
from safevla.config.registry import RegistryError, use_extensions

# whose names need not stand in params.yaml: vision encoders, what methods have of their own, and numbers by task
_OPEN_GROUPS = (
    "encoders.",
    "finetune.method_params.",
    *(f"finetune.train.{name}." for name, field in PPOParams.model_fields.items() if get_origin(field.annotation) is dict),
)
DEVICE_VARIABLE, _PROFILE_VARIABLE = "SAFEVLA_DEVICE", "SAFEVLA_PROFILE"
_MAX_BYTES = 1_000_000  # of a file of parameters


class ParamsError(ValueError):
    """Parameters that cannot be used; the message names the file and the parameter."""


def root() -> Path:
    """The compendium's folder. Raises CheckoutError where the code that runs is not the code that lies there."""
    folder = checkout.compendium()
    if folder is None:
        raise ParamsError(f"{Path.cwd()}: no dvc.yaml of safevla here or above; run inside a clone of the repository")
    checkout.check(folder)
    return folder


def profile_names() -> list[str]:
    return [DEFAULT_PROFILE, *sorted(path.stem for path in (_folder() / "profiles").glob("*.yaml"))]


def _folder() -> Path:
    """Where params.yaml and profiles/ lie."""
    if folder := checkout.compendium():
        return folder
    package = Path(__file__).parent
    shipped = package / "defaults"
    return shipped if shipped.is_dir() else package.parents[2]  # an editable installation has the repository's own


def raw(profile: str) -> dict[str, Any]:
    """The profile's parameters as plain data, unchecked: params.yaml with what the profile changes.

    SAFEVLA_DEVICE names another device than the profile's, to open on a laptop what a GPU has learnt.
    """
    folder = _folder()
    values = _read(folder / "params.yaml")
    if profile != DEFAULT_PROFILE:
        if profile not in profile_names():
            raise ParamsError(f"unknown profile {profile!r}; the profiles are {', '.join(profile_names())}")
        path = folder / "profiles" / f"{profile}.yaml"
        try:
            values = _merged(values, _read(path), path)
        except ParamsError:
            check(values, "params.yaml")  # where the fault is there, this says so
            raise
    if (device := os.environ.get(DEVICE_VARIABLE)) and isinstance(values.get("simulator"), dict):
        if device not in get_args(Device):
            raise ParamsError(f"{DEVICE_VARIABLE} is {device!r}: the devices are {' and '.join(get_args(Device))}")
        values["simulator"]["device"] = device
    return values


def load(profile: str) -> Params:
    """The profile's parameters, checked."""
    if profile == DEFAULT_PROFILE:
        return check(raw(profile), "params.yaml")
    try:
        return check(raw(profile), f"profiles/{profile}.yaml")
    except ParamsError:
        load(DEFAULT_PROFILE)  # where the fault is in params.yaml, this says so
        raise


def check(values: dict[str, Any], source: str) -> Params:
    """Plain data as Params; ParamsError names the first parameter that is wrong, and its line where it stands in `source`."""
    _use_extensions(values, source)
    for name, message in _unusable(values):
        raise ParamsError(_said(source, f"{name}: {message}"))
    try:
        return Params.model_validate(values)
    except pydantic.ValidationError as error:
        raise ParamsError(_said(source, first_fault(error))) from None


def _unusable(values: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names of values that no parameter may have, those that methods check themselves among them, and why."""
    if isinstance(values, float) and not math.isfinite(values):
        yield name, f"{values} is no finite number"
    children = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for child, value in children:
        yield from _unusable(value, f"{name}.{child}" if name else str(child))


def _said(source: str, fault: str) -> str:
    """A fault, which begins with the parameter's name, after the file and the line that it stands in, if it stands there."""
    parts = [part for piece in fault.split(": ")[:-1] for part in piece.split(".")]
    try:
        line = _line_of((_folder() / source).read_text(encoding="utf-8"), parts)
    except (OSError, ValueError, yaml.YAMLError):  # the parameters did not come from there
        line = None
    return f"{source}: {fault}" if line is None else f"{source}:{line}: {fault}"


def _line_of(text: str, parts: list[str]) -> int | None:
    """The line of a parameter in a file's text, or of the innermost group around it that stands there; None if none does."""
    node, line = yaml.compose(text, _Loader), None
    for part in parts:
        if isinstance(node, yaml.MappingNode):
            entries = {key.value: (key, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            entries = {str(index): (value, value) for index, value in enumerate(node.value)}
        else:
            break
        if part not in entries:
            break
        key, node = entries[part]
        line = key.start_mark.line + 1
    return line


class _Loader(yaml.SafeLoader):
    """Plain data without what would say more than one sees: aliases, and names that stand there twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="an alias; write the value out", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = set()
        for key, _ in node.value:
            if key.value in names:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands there twice", problem_mark=key.start_mark)
            if isinstance(key.value, str):
                names.add(key.value)
        return super().construct_mapping(node, deep)


def _use_extensions(values: dict[str, Any], source: str) -> None:
    """Names in the extensions' folders count as known from now on."""
    folders = values.get("extensions")
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        return  # the check of the parameters says so
    try:
        use_extensions(_folder() / folder for folder in folders)
    except RegistryError as error:
        raise ParamsError(f"{source}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        if len(data) > _MAX_BYTES:
            raise ParamsError(f"{path}: longer than {_MAX_BYTES // 1_000_000} MB")
        values = yaml.load(data.decode("utf-8"), _Loader)
    except OSError as error:
        raise ParamsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ParamsError(f"{path}:{line}: not UTF-8: {error.reason} at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ParamsError(f"{path}{line}: not YAML: {error.problem}") from None
    except ParamsError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a character, a date, a depth that cannot be
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise ParamsError(f"{path}: parameters stand under their names, `seed: 0`; found a {type(values).__name__}")
    return values or {}


def _merged(base: dict, change: dict, path: Path, prefix: str = "") -> dict:
    result = copy.deepcopy(base)
    for name, value in change.items():
        if name not in base and not prefix.startswith(_OPEN_GROUPS):
            raise ParamsError(_said(str(path), f"{prefix}{name}: unknown parameter"))
        nested = isinstance(base.get(name), dict) and isinstance(value, dict)
        result[name] = _merged(base[name], value, path, f"{prefix}{name}.") if nested else value
    return result


def profile_in_use() -> str:
    """The profile that a notebook opens on: SAFEVLA_PROFILE, or the default."""
    profile = os.environ.get(_PROFILE_VARIABLE) or DEFAULT_PROFILE
    if profile not in profile_names():
        raise ParamsError(f"{_PROFILE_VARIABLE} is {profile!r}: the profiles are {', '.join(profile_names())}")
    return profile
