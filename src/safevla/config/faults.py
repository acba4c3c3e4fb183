"""Faults: what pydantic found wrong first, in one line."""

import pydantic


def first_fault(error: pydantic.ValidationError) -> str:
    """The name and the fault of the first value that is wrong, such as `houses.furniture: Input should be a valid number`."""
    fault = error.errors()[0]
    name = ".".join(str(part) for part in fault["loc"])
    message = "unknown parameter" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    return f"{name}: {message}"
