"""The page on policies from elsewhere: every block of code runs, and its first policy is ten lines."""

import re
import sys

from safevla.policies.elsewhere.callables import CallablePolicy
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "policies.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def test_the_blocks_of_the_page_run(tmp_path, monkeypatch, capsys):
    function, call, arcs, server = BLOCKS
    assert sum(line != "" for line in function.splitlines()) <= 10
    (tmp_path / "mine.py").write_text(function)
    monkeypatch.syspath_prepend(tmp_path)
    exec(compile(call, "docs/policies.md", "exec"), {})
    assert "episode_id" in capsys.readouterr().out
    names: dict = {}
    exec(compile(arcs, "docs/policies.md", "exec"), names)
    policy = CallablePolicy(names["Arcs"], "arcs")
    assert policy.ask([0], [{}])[0].shape == (8, 7) and (policy.space, policy.execute) == ("deltas", 4)
    exec(compile(server, "docs/policies.md", "exec"), {})
    assert "array([[0.]])" in capsys.readouterr().out
    sys.modules.pop("mine", None)
