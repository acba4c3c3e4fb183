"""JSON files: faults are told with their file and line, and what would take all memory is refused before it does."""

import gzip
import json
import re
import time

import pytest

from safevla.runtime import json_files


class _Fault(ValueError):
    pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}\n\n{", ":3: not JSON: "),
        (b"{}\n\xff", ":2: not UTF-8: invalid start byte at byte 0"),
        (b'{"a": 1, "b": 2, "a": 3}', ":1: 'a' stands there twice"),
        (b'{"a": "\\ud800"}', ":1: not text: half of a pair of surrogates"),
        (b"1" * 401, ":1: a number of 401 digits"),
        (b"[" * 100_000, ":1: values are nested too deeply"),
        (b"[" + b"[]," * 400_000 + b"1]", ":1: more than 300,000 objects and lists"),
        (b"\n" * 2000, ":1001: more than 1000 empty lines"),
        (b" " * 17_000_000, ":1: longer than 16 MB"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_fault_is_named_with_its_line_and_at_once(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    started = time.process_time()
    with pytest.raises(_Fault, match=re.escape(f"{tmp_path / name}{message}")):
        list(json_files.values(tmp_path / name, _Fault))
    assert time.process_time() - started < 1.0


def test_values_come_with_the_numbers_of_their_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": [1]}\n\n"b"')
    assert list(json_files.values(tmp_path / "a.jsonl", _Fault)) == [(1, {"a": [1]}), (3, "b")]
    with pytest.raises(_Fault, match=r"none\.jsonl: there is no such file"):
        list(json_files.values(tmp_path / "none.jsonl", _Fault))


def test_the_line_of_a_value_is_found():
    text = json.dumps({"a": [{"b": 1}, {"c": [1, 2, {"d": "x,y]}"}]}], "e": {}}, indent=1)
    lines = [line.strip() for line in text.splitlines()]
    for path, line in (
        ((), "{"), (("a",), '"a": ['), (("a", 1, "c", 1), "2,"), (("a", 1, "c", 2, "d"), '"d": "x,y]}"'), (("e",), '"e": {}'),
        (("e", "missing"), '"e": {}'),
    ):  # fmt: skip
        assert lines[json_files.line_of(text, path) - 1] == line, path
