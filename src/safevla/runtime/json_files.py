"""JSON files: values read from text within stated limits; every fault names the file and the line.

A file is read line by line, or as one value. Gzipped files are read as they come: damage shows where it is reached, at the
file's end at the latest. Whoever reads says by which error, a ValueError, faults are told.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

MAX_TEXT = 16_000_000  # bytes of one value: a house has 0.1 million, all of THOR's assets 1 million
MAX_BLANK = 1000  # empty lines of a file
MAX_VALUES = 300_000  # objects and lists in one value
_DIGITS = 400  # of a number


def values(path: str | Path, error: type[ValueError]) -> Iterator[tuple[int, Any]]:
    """The values of a file with one in each line, `.jsonl` or `.jsonl.gz`, with the numbers of their lines, from 1."""
    blank = number = 0
    with _opened(path, error) as file:
        while True:
            number += 1
            line = _read(file, path, number, error)
            if not line:
                return
            if not line.strip():
                blank += 1
                if blank > MAX_BLANK:
                    raise error(f"{path}:{number}: more than {MAX_BLANK} empty lines")
                continue
            source = f"{path}:{number}"
            yield number, parsed(_decoded(line, source, error), source, error)


def value(path: str | Path, error: type[ValueError]) -> tuple[str, Any]:
    """The text and the value of a file that holds one, `.json` or `.json.gz`."""
    with _opened(path, error) as file:
        data = _read(file, path, None, error)
    text = _decoded(data, str(path), error)
    return text, parsed(text, str(path), error, is_file=True)


def parsed(text: str, source: str, error: type[ValueError], is_file: bool = False) -> Any:
    """The value of a text; is_file: `source` is a file, and the line of a fault is told after it.

    Refused besides what is no JSON: a name that stands twice in an object, and text that cannot be written as UTF-8.
    """
    if text.count("[") + text.count("{") > MAX_VALUES:
        raise error(f"{source}: more than {MAX_VALUES:,} objects and lists")
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_int=_whole)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as fault:
        where = f"{source}:{fault.lineno}" if is_file else source
        raise error(f"{where}: not JSON: {fault.msg} at column {fault.colno}") from None
    except UnicodeEncodeError:
        raise error(f"{source}: not text: half of a pair of surrogates") from None
    except RecursionError:
        raise error(f"{source}: values are nested too deeply") from None
    except _Fault as fault:
        raise error(f"{source}: {fault}") from None
    return found


def line_of(text: str, path: Sequence[int | str]) -> int:
    """The line, from 1, of the value at a path in a JSON text; of the object that should hold it where it is missing."""
    decoder, at = json.JSONDecoder(strict=False), _after_space(text, 0)
    for part in path:
        is_object = text[at] == "{"
        inside, index = _after_space(text, at + 1), 0
        while text[inside] not in "]}":
            key: int | str = index
            if is_object:
                key, inside = decoder.raw_decode(text, inside)
                inside = _after_space(text, _after_space(text, inside) + 1)  # the colon
            if key == part:
                break
            _, inside = decoder.raw_decode(text, inside)
            inside, index = _after_space(text, inside), index + 1
            if text[inside] == ",":
                inside = _after_space(text, inside + 1)
        else:
            break
        at = inside
    return text.count("\n", 0, at) + 1


class _Fault(ValueError):
    """What is wrong with a value, however well its text is formed."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Fault(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise _Fault(f"a number of {len(digits)} digits")
    return int(digits)


def _after_space(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _opened(path: str | Path, error: type[ValueError]) -> IO[bytes]:
    path = Path(path)
    if not path.is_file():
        raise error(f"{path}: there is no such file")
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
    except OSError as fault:
        raise error(f"{path}: {fault.strerror}") from None


def _read(file: IO[bytes], path: str | Path, number: int | None, error: type[ValueError]) -> bytes:
    """The next line, which is the line of that number; all of the file where there is no number."""
    where = path if number is None else f"{path}:{number}"
    try:
        data = file.read(MAX_TEXT + 1) if number is None else file.readline(MAX_TEXT + 1)
    except (EOFError, OSError, zlib.error) as fault:
        raise error(f"{path}: the file is damaged or cut short ({fault})") from None
    if len(data) > MAX_TEXT:
        raise error(f"{where}: longer than {MAX_TEXT // 1_000_000} MB")
    return data


def _decoded(data: bytes, source: str, error: type[ValueError]) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise error(f"{source}: not UTF-8: {fault.reason} at byte {fault.start}") from None
