"""Mutated files, a sample: what is changed in any file is refused in one line that names it, or means what it says."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import mutated_files
from tests.conftest import ROOT

KINDS = {kind.name: kind for kind in mutated_files.kinds()}
KNOWN = ROOT.parent / "shared" / "faults" / "mutated"  # files that once ended in a traceback, a hang or silent acceptance
# of each, the kind that it is; what was changed says its name after that
OF_KNOWN = {
    "house": "house.jsonl", "episodes-own": "own.jsonl", "episodes-pub": "public.jsonl", "params-params": "params.yaml",
    "params-profile": "profiles/own.yaml",
}  # fmt: skip
_SAMPLE = settings(
    max_examples=40, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def _is_right(said: str) -> bool:
    return said in ("accepted", "refused")


@pytest.mark.parametrize("name", KINDS)
@_SAMPLE
@given(data=st.data())
def test_a_file_with_another_value_is_refused_or_means_what_it_says(name, data, tmp_path):
    kind = KINDS[name]
    place = data.draw(st.sampled_from(mutated_files.places(kind.value)))
    how = data.draw(st.sampled_from(mutated_files.HOWS))
    odd = data.draw(st.sampled_from(mutated_files.ODD) | st.floats() | st.integers() | st.text(max_size=9))
    value = mutated_files.mutated_value(kind.value, place, how, odd)
    try:
        content = kind.dumps(value)
    except (ValueError, TypeError):  # which cannot be written like this
        return
    said = mutated_files.verdict(kind, content, tmp_path)
    assert _is_right(said), (place, how, odd, said)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_with_other_bytes_is_refused_or_means_what_it_says(name, tmp_path):
    kind, rng = KINDS[name], random.Random(1)
    whole = kind.dumps(kind.value)
    assert mutated_files.verdict(kind, whole, tmp_path) == "accepted"
    for number in range(30):
        said = mutated_files.verdict(kind, mutated_files.mutated_bytes(whole, rng), tmp_path)
        assert _is_right(said), (number, said)


@pytest.mark.parametrize("path", sorted(KNOWN.glob("*")) if KNOWN.is_dir() else [], ids=lambda path: path.name)
def test_files_that_were_once_taken_wrongly(path: Path, tmp_path):
    found = [kind for prefix, kind in OF_KNOWN.items() if path.name.startswith(prefix)]
    if not found:
        pytest.skip("a table, which imitation reads")
    name = found[0] + ".gz" * (path.suffix == ".gz")
    said = mutated_files.verdict(KINDS[name], path.read_bytes(), tmp_path)
    assert _is_right(said), said
