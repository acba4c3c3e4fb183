"""Profiles: params.yaml, and what profiles/<name>.yaml changes of it, read and checked.

The files are those of the compendium that the working directory lies in. Elsewhere they are those that the package ships.
"""

import copy
import os
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
    """Plain data as Params; ParamsError names the first parameter that is wrong."""
    _use_extensions(values, source)
    try:
        return Params.model_validate(values)
    except pydantic.ValidationError as error:
        raise ParamsError(f"{source}: {first_fault(error)}") from None


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
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if values is not None and not isinstance(values, dict):
        raise ParamsError(f"{path}: parameters stand under their names, `seed: 0`; found a {type(values).__name__}")
    return values or {}


def _merged(base: dict, change: dict, path: Path, prefix: str = "") -> dict:
    result = copy.deepcopy(base)
    for name, value in change.items():
        if name not in base and not prefix.startswith(_OPEN_GROUPS):
            raise ParamsError(f"{path}: {prefix}{name}: unknown parameter")
        nested = isinstance(base.get(name), dict) and isinstance(value, dict)
        result[name] = _merged(base[name], value, path, f"{prefix}{name}.") if nested else value
    return result


def profile_in_use() -> str:
    """The profile that a notebook opens on: SAFEVLA_PROFILE, or the default."""
    profile = os.environ.get(_PROFILE_VARIABLE) or DEFAULT_PROFILE
    if profile not in profile_names():
        raise ParamsError(f"{_PROFILE_VARIABLE} is {profile!r}: the profiles are {', '.join(profile_names())}")
    return profile
