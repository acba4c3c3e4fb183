"""Faults: what pydantic found wrong first, in one line, and names that are nearly right."""

import difflib
import functools
from collections.abc import Sequence

import pydantic

_ALIKE = 0.85  # of 1, from which on an unknown name counts as another one mistyped


def first_fault(error: pydantic.ValidationError) -> str:
    """The name and the fault of the first value that is wrong, such as `houses.furniture: Input should be a valid number`."""
    loc, message = located_fault(error)
    name = ".".join(str(part) for part in loc)
    return f"{name}: {message}" if name else message


def located_fault(error: pydantic.ValidationError) -> tuple[tuple[int | str, ...], str]:
    """The path and the fault of the first value that is wrong."""
    fault = error.errors(include_url=False, include_input=False)[0]
    message = "unknown parameter" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return tuple(fault["loc"]), message


def json_path(loc: Sequence[int | str]) -> str:
    """Such as `$.objects[0].position.x`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


class Open(pydantic.BaseModel, extra="allow"):
    """What a file says, and more that is not read; but a mistyped name would be a value that goes lost unnoticed."""

    @pydantic.model_validator(mode="after")
    def _names_are_not_mistyped(self) -> "Open":
        unknown = self.model_extra or {}
        if unknown:
            lacking = frozenset(type(self).model_fields) - self.model_fields_set
            for name in unknown:
                meant = _nearly(name, lacking)
                if meant:
                    raise ValueError(f"unknown {name!r}; is {meant!r} meant?")
        return self


@functools.lru_cache(maxsize=4096)
def _nearly(name: str, known: frozenset[str]) -> str | None:
    """The known name that another is nearly."""
    found = difflib.get_close_matches(name[:100], known, 1, _ALIKE)
    return found[0] if found else None
